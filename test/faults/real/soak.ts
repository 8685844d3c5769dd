/**
 * Kills for as long as one likes: `npm run soak -- allsource 5000`.
 *
 * Every so many kills begin a new store in another scenario, so that stores stay small and every check is of all of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import cliProgress from 'cli-progress';
import { seed } from '../../store/seed.js';
import { killOften, SCENARIOS, type Scenario } from './kills.js';

const USAGE = `npm run soak -- <subject> [kills] [--keep]

  subject   allsource
  kills     how often the process is killed, 1 to 1000000; default 1000
  --keep    leave the directory of a store that failed on disk

ALLFRAME_SEED=<number> runs the kills of that seed again.`;

const KILLS_PER_STORE = 25;
const KILLS_MAX = 1_000_000;

interface Wanted {
  readonly kills: number;
  readonly keep: boolean;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** @throws Error that says what is wrong with the arguments */
function wanted(args: readonly string[]): Wanted | undefined {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' }, keep: { type: 'boolean' } },
  });
  if (values.help === true) return undefined;
  const [subject, kills = '1000', ...more] = positionals;
  if (subject === undefined) throw new Error('which subject?');
  if (subject !== 'allsource') throw new Error(`there is no subject "${subject}"; there is: allsource`);
  if (!/^[1-9]\d*$/.test(kills) || Number(kills) > KILLS_MAX) {
    throw new Error(`"${kills}" is no number of kills from 1 to ${KILLS_MAX}`);
  }
  if (more.length > 0) throw new Error(`"${more.join(' ')}" is too much`);
  return { kills: Number(kills), keep: values.keep ?? false };
}

/** Gives whether nothing was lost. */
async function soak({ kills, keep }: Wanted): Promise<boolean> {
  const program = join(import.meta.dirname, 'children', 'appender.js');
  const scenarios: readonly Scenario[] = Object.values(SCENARIOS);
  const sum = { checks: 0, acknowledged: 0, retried: 0 };
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total} kills, {eta_formatted} left, {name}',
    noTTYOutput: false,
  });
  say(`${kills} kills, ALLFRAME_SEED=${seed}`);
  bar.start(kills, 0, { name: '' });
  let done = 0;
  for (let round = 0; done < kills; round++) {
    const scenario = scenarios[round % scenarios.length]!;
    const directory = mkdtempSync(join(tmpdir(), 'allframe-soak-'));
    const count = Math.min(KILLS_PER_STORE, kills - done);
    bar.update(done, { name: scenario.name });
    const report = await killOften(program, directory, scenario, count, seed + round, () => bar.increment());
    done += report.kills;
    sum.checks += report.checks;
    sum.acknowledged += report.counts.acknowledged;
    sum.retried += report.counts.retried;
    const isWhole = report.problems.length === 0;
    if (isWhole || !keep) rmSync(directory, { recursive: true, force: true });
    if (isWhole) continue;
    bar.stop();
    say(`${scenario.name}, after ${done} kills, with seed ${seed + round}:\n${report.problems.join('\n')}`);
    if (keep) say(`kept: ${directory}`);
    return false;
  }
  bar.stop();
  say(
    `${done} kills, ${sum.checks} checked: of ${sum.acknowledged} acknowledged commits none was lost, ` +
      `${sum.retried} were tried again and none was doubled`,
  );
  return true;
}

async function main(): Promise<number> {
  let work: Wanted | undefined;
  try {
    work = wanted(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`soak: ${(error as Error).message}\n\n${USAGE}\n`);
    return 2;
  }
  if (work !== undefined) return (await soak(work)) ? 0 : 1;
  say(USAGE);
  return 0;
}

process.exitCode = await main();
