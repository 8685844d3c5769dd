/** Processes that are killed at any moment, and what is found afterwards. `npm run soak -- allsource 5000` does it for longer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { StoreCorruptedError } from '../../../lib/backends/allsource/allsource.errors.js';
import { seed, seeded } from '../../store/seed.js';
import { builtProgram } from './built.js';
import { backupsIn, type KillReport, killOften, type Scenario, SCENARIOS } from './kills.js';

let program: string;
let directory: string;
let rounds = 0;
beforeAll(async () => {
  program = await builtProgram('appender');
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'allframe-kills-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function killed(scenario: Scenario, kills: number): Promise<KillReport> {
  const report = await killOften(program, directory, scenario, kills, seed + ++rounds);
  print(scenario.name, report);
  expect(report.problems).toEqual([]);
  expect(report.kills).toBe(kills);
  expect(report.checks).toBeGreaterThan(kills / 2);
  expect(report.verified).toBeGreaterThan(0);
  return report;
}

function print(
  name: string,
  { kills, during, tornTails, strays, checks, verified, counts }: KillReport,
): void {
  process.stdout.write(
    `${name}: ${kills} kills (${during.opening} while opening, ${during.step} during the step), ${checks} checked, ` +
      `${verified} verified; ${counts.attempted} attempts, ${counts.acknowledged} acknowledged, ` +
      `${counts.retried} retried (${counts.idempotent} were there), ${counts.recovered} events at the end, ` +
      `${tornTails} torn tails, ${strays} strays\n`,
  );
}

describe('a process that is killed', () => {
  it.each([25, 25, 25, 25])(seeded('loses nothing it has acknowledged (%i kills)'), async (kills) => {
    const { counts } = await killed(SCENARIOS.appends, kills);
    expect(counts.retried).toBeGreaterThan(0);
  });

  it.each([SCENARIOS.flush, SCENARIOS.merge])(
    seeded('loses nothing in the middle of a $name'),
    async (scenario) => {
      const { during } = await killed(scenario, 15);
      expect(during.step).toBeGreaterThan(0);
    },
  );

  it(seeded('loses nothing in the middle of a backup, which is whole or no store'), async () => {
    const { during } = await killed(SCENARIOS.backup, 15);
    expect(during.step).toBeGreaterThan(0);
    let whole = 0;
    let parts = 0;
    for (const path of backupsIn(directory)) {
      const copy = new AllSourceBackend({ persistencePath: path, sealIn: 'process' });
      try {
        await copy.open();
      } catch (error) {
        expect(error).toBeInstanceOf(StoreCorruptedError);
        expect(error).toMatchObject({ problem: 'this is a backup that was never finished' });
        parts++;
        continue;
      }
      const { events, problems } = await copy.verify();
      expect(problems).toEqual([]);
      if (events > 0) whole++;
      await copy.close();
    }
    process.stdout.write(`backups: ${whole} whole, ${parts} in part\n`);
    expect(parts).toBeGreaterThan(0);
  });

  it(
    seeded('loses nothing where syncs come later than acknowledgements: the kernel still has it'),
    async () => {
      await killed(SCENARIOS.interval, 15);
    },
  );

  it(seeded('loses nothing that was flushed where there is no log'), async () => {
    const { counts } = await killed(SCENARIOS.withoutLog, 15);
    expect(counts.lost).toBeGreaterThan(0);
  });
});
