/** Lets a child append, kills it at a moment of chance, and starts it again on the same directory, many times. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { seededRandom } from '../../store/seed.js';
import type { FoundEvent, Life, Line } from './attempts.js';
import { Ledger } from './ledger.js';

/** A way to run a store, and what it promises. */
export interface Scenario {
  readonly name: string;
  readonly options: Omit<Life['options'], 'persistencePath'>;
  readonly promise: 'at once' | 'by flush';
  readonly gaps: 'never' | 'after kills';
  readonly step?: Life['step'];
}

/** So small that sealing, merging and new files of the log go on all the time. */
const BUSY = { walSegmentBytes: 16 * 1024, sealAfterEvents: 100, mergeFanIn: 2 };

export const SCENARIOS = {
  appends: { name: 'appends', options: BUSY, promise: 'at once', gaps: 'never' },
  flush: { name: 'flush', options: BUSY, promise: 'at once', gaps: 'never', step: 'flush' },
  merge: { name: 'merge', options: BUSY, promise: 'at once', gaps: 'never', step: 'compact' },
  backup: { name: 'backup', options: BUSY, promise: 'at once', gaps: 'never', step: 'backup' },
  interval: {
    name: 'interval',
    options: { ...BUSY, durability: 'interval' },
    promise: 'at once',
    gaps: 'after kills',
  },
  withoutLog: {
    name: 'without a log',
    options: { ...BUSY, enableWal: false },
    promise: 'by flush',
    gaps: 'after kills',
    step: 'flush',
  },
} as const satisfies Record<string, Scenario>;

const WRITERS = 12;
const LINES_MAX = 150;
const STEPS_MAX = 2;
const STEP_MS_MAX = 100;
/** A child that says nothing for so long hangs. */
const DEADLINE_MS = 60_000;

export interface KillReport {
  readonly kills: number;
  /** Kills by what the child was at. */
  readonly during: Readonly<Record<'opening' | 'appending' | 'step', number>>;
  readonly tornTails: number;
  readonly strays: number;
  readonly checks: number;
  readonly verified: number;
  readonly counts: Ledger['counts'];
  readonly problems: readonly string[];
}

/** @param onKill is told after each kill */
export async function killOften(
  program: string,
  directory: string,
  scenario: Scenario,
  kills: number,
  seed: number,
  onKill: () => void = () => undefined,
): Promise<KillReport> {
  const random = seededRandom(seed);
  const ledger = new Ledger(scenario.promise, scenario.gaps);
  const during = { opening: 0, appending: 0, step: 0 };
  const totals = { tornTails: 0, strays: 0, checks: 0, verified: 0 };
  for (let number = 1; number <= kills + 1 && ledger.problems.length === 0; number++) {
    const isLast = number === kills + 1;
    const life: Life = {
      options: { persistencePath: join(directory, 'store'), ...scenario.options },
      number,
      seed: seed + number,
      writers: WRITERS,
      retries: ledger.unacknowledged,
      verifies: isLast || random() < 0.2,
      ...(scenario.step === undefined ? {} : { step: scenario.step }),
      backups: join(directory, 'backups'),
      closes: isLast,
    };
    const when = isLast ? undefined : momentOf(random, scenario.step !== undefined);
    const end = await runLife(program, life, ledger, when);
    totals.tornTails += end.torn ? 1 : 0;
    totals.strays += end.strays;
    totals.checks += end.checked ? 1 : 0;
    totals.verified += end.verified ? 1 : 0;
    if (isLast) break;
    during[end.phase]++;
    onKill();
  }
  const made = during.opening + during.appending + during.step;
  return { kills: made, during, ...totals, counts: ledger.counts, problems: ledger.problems };
}

/** When to kill: some time after a line of the child, after the beginning of its step, or after its start. */
interface Moment {
  readonly after: 'start' | 'line' | 'step';
  readonly count: number;
  readonly delayMs: number;
}

function momentOf(random: () => number, hasStep: boolean): Moment {
  const chance = random();
  if (chance < 0.1) return { after: 'start', count: 0, delayMs: random() * 250 };
  if (hasStep && chance < 0.8)
    return { after: 'step', count: 1 + Math.floor(random() * STEPS_MAX), delayMs: random() * STEP_MS_MAX };
  return { after: 'line', count: 1 + Math.floor(random() * LINES_MAX), delayMs: random() * 10 };
}

interface LifeEnd {
  readonly phase: 'opening' | 'appending' | 'step';
  readonly torn: boolean;
  readonly strays: number;
  readonly checked: boolean;
  readonly verified: boolean;
}

/** Runs one process to its end, and puts what it says into the ledger. */
async function runLife(
  program: string,
  life: Life,
  ledger: Ledger,
  when: Moment | undefined,
): Promise<LifeEnd> {
  const child = spawn(process.execPath, [program, JSON.stringify(life)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  let timer: NodeJS.Timeout | undefined;
  let isMeant = false;
  const arm = (delayMs: number): void => {
    timer ??= setTimeout(() => {
      isMeant = true;
      child.kill('SIGKILL');
    }, delayMs);
  };
  if (when?.after === 'start') arm(when.delayMs);

  const end = { torn: false, strays: 0, checked: false, verified: false, closed: false };
  let phase: LifeEnd['phase'] = 'opening';
  const events: FoundEvent[] = [];
  let said = 0;
  let steps = 0;
  const take = (line: Line): void => {
    switch (line.kind) {
      case 'opened':
        end.torn = line.torn;
        end.strays = line.strays;
        return;
      case 'events':
        events.push(...line.events);
        return;
      case 'found':
        ledger.check({ events, records: line.records, totals: line.totals });
        end.checked = true;
        phase = 'appending';
        return;
      case 'verified':
        end.verified = true;
        if (line.problems.length > 0 || line.events !== events.length) {
          ledger.problems.push(`verify() of ${line.events} events: ${line.problems.join('; ')}`);
        }
        return;
      case 'attempt':
        ledger.attempted(line.attempt);
        return;
      case 'acknowledged':
        ledger.acknowledged(line.tag, line.places, line.idempotent);
        return;
      case 'flushing':
        ledger.flushing();
        return;
      case 'flushed':
        ledger.flushed();
        return;
      case 'began':
        phase = 'step';
        if (when?.after === 'step' && ++steps === when.count) arm(when.delayMs);
        return;
      case 'done':
        phase = 'appending';
        return;
      case 'closed':
        end.closed = true;
        return;
      case 'failed':
        ledger.problems.push(`life ${life.number}: ${line.what}`);
    }
  };
  try {
    for await (const text of createInterface({ input: child.stdio[3] as Readable })) {
      // Half a line is all that a killed child may leave.
      if (!text.endsWith('}')) continue;
      take(JSON.parse(text) as Line);
      if (when?.after === 'line' && ++said >= when.count) arm(when.delayMs);
    }
    await ended;
  } finally {
    clearTimeout(deadline);
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
  if (!isMeant && !end.closed) {
    ledger.problems.push(
      `life ${life.number} ended by itself (${child.exitCode ?? child.signalCode}): ${errors}`,
    );
  }
  return { ...end, phase };
}

/** The directories of the backups that were begun. */
export function backupsIn(directory: string): readonly string[] {
  const backups = join(directory, 'backups');
  return existsSync(backups) ? readdirSync(backups).map((name) => join(backups, name)) : [];
}
