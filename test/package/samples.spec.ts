/** The samples as a newcomer runs them: compiled against the built package, started, asked, and stopped. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { repositoryRoot, run } from './run-command.js';
import { RunningProgram } from './running-program.js';

/** The real event log is not part of the repository; a copy of it may lie beside, or anywhere else by this variable. */
const realLog = process.env['PERMIT_LOG'] ?? join(repositoryRoot, '../shared/data/permit-applications.csv');
const isThere = existsSync(realLog);
const reason = isThere ? '' : ` (skipped: there is no ${realLog}; PERMIT_LOG names another place)`;

function start(sample: string, ...args: readonly string[]): RunningProgram {
  const program = RunningProgram.start([`build/sample/${sample}/main.js`, ...args], {
    PORT: '0',
    EVENT_STORE_URL: '',
  });
  onTestFinished(() => program.kill());
  return program;
}

/** Starts the permit office, returns the figures that it printed and those that it serves, and stops it. */
async function runPermitOffice(...args: readonly string[]) {
  const program = start('permit-office', ...args);
  const printed = await program.line();
  const url = /^http:\/\/localhost:\d+/.exec(await program.line())?.[0];
  const response = await fetch(`${url}/stats`);
  const { figures } = (await response.json()) as { readonly figures: unknown };
  return { printed, figures, exitCode: await program.interrupt() };
}

describe('the samples', () => {
  beforeAll(async () => {
    await run('npm', ['run', '--silent', 'build:samples']);
  });

  it('01-simple-cqrs: runs to its end and prints what it decided and projected', async () => {
    const program = start('01-simple-cqrs');
    expect(await program.rest()).toEqual([
      'The order is placed; it takes no more lines',
      'Wanted: { tea: 2, cup: 1 }',
    ]);
    expect(await program.exitCode()).toBe(0);
  });

  it.skipIf(!isThere)(`permit-office: prints and serves the figures of the real log${reason}`, async () => {
    expect(await runPermitOffice(realLog)).toEqual({
      printed: '8,577 events, 1,434 cases, 27 activities, 48 resources, 116 variants',
      figures: { events: 8577, cases: 1434, activities: 27, resources: 48, variants: 116 },
      exitCode: 0,
    });
  });

  it('permit-office: prints and serves the figures of its own log of 2,000 cases', async () => {
    expect(await runPermitOffice()).toEqual({
      printed: '12,558 events, 2,000 cases, 27 activities, 48 resources, 101 variants',
      figures: { events: 12558, cases: 2000, activities: 27, resources: 48, variants: 101 },
      exitCode: 0,
    });
  });
});
