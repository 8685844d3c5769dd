/** The conformance kit is tried itself: it finds nothing wrong where nothing is, and every deliberate fault by name. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { InMemoryBackend } from '../../lib/backends/memory/in-memory-backend.js';
import type { ContractSubject } from '../../lib/testing/contract/contract-subject.js';
import { eventStoreContract } from '../../lib/testing/contract/event-store-contract.js';
import {
  eventStoreDifferential,
  memorySubject,
} from '../../lib/testing/contract/event-store-differential.js';
import { brokenBackends } from './broken-backends.js';
import { FaultyBackend, faultySubject } from './faulty-backend.js';
import { failureOf, RecordingRunner } from './recording-runner.js';

const ANY_PLAN =
  'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';
const MEMORY: ContractSubject = { ...memorySubject(), runs: 20 };

/** Lines that have little to do with each other: a backend with one fault keeps some of them. */
const UNRELATED = [
  'the store makes a UUIDv7 in lower case for each event, all different',
  'a commit without events is refused, and so is one stream without events among others',
  'a record with an expected value is written only if it holds exactly that',
  'a write without an expected value never conflicts',
];

function recorded(subject: ContractSubject, skips = true): RecordingRunner {
  const runner = new RecordingRunner(skips);
  eventStoreContract(runner, subject);
  return runner;
}

async function failuresOf(runner: RecordingRunner, names: readonly string[]): Promise<readonly string[]> {
  const failures = await Promise.all(names.map((name) => failureOf(runner.line(name))));
  return names.filter((_, i) => failures[i] !== undefined);
}

/** Plans are the same in every run, so that what is caught today is caught tomorrow. */
const fixSeed = (): void => void vi.stubEnv('ALLFRAME_SEED', '20240229');

// Most of these wait in vain for something, so they wait together.
describe.concurrent('every broken backend is caught by name: one that', () => {
  beforeAll(fixSeed);
  afterAll(() => void vi.unstubAllEnvs());

  it.each(brokenBackends)('$fault', { timeout: 120_000 }, async ({ subject, caughtBy }) => {
    const runner = recorded(subject);
    expect(await failuresOf(runner, caughtBy)).toEqual(caughtBy);
    const kept = UNRELATED.length - (await failuresOf(runner, UNRELATED)).length;
    expect(kept, 'lines kept, of those that have little to do with each other').toBeGreaterThan(0);
  });

  it('is never listed twice', () => {
    const faults = brokenBackends.map(({ fault }) => fault);
    expect(new Set(faults).size).toBe(faults.length);
  });
});

describe('a correct backend', () => {
  beforeAll(fixSeed);
  afterAll(() => void vi.unstubAllEnvs());

  it.each([MEMORY, { ...faultySubject('faulty', (disk) => new FaultyBackend(disk)), runs: 20 }])(
    '$name fails no line that catches a broken one',
    { timeout: 120_000 },
    async (subject) => {
      const runner = recorded(subject);
      const names = new Set(brokenBackends.flatMap(({ caughtBy }) => caughtBy));
      const failed: string[] = [];
      for (const { name, skipped, run } of runner.lines) {
        if (skipped || !names.has(name)) continue;
        const failure = await failureOf({ topic: '', name, skipped, run });
        if (failure !== undefined) failed.push(`${name}: ${failure.message}`);
      }
      expect(failed).toEqual([]);
    },
  );
});

describe('the kit', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('gives every line a name of its own, under its subject', () => {
    const { lines } = recorded(MEMORY);
    const names = lines.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(lines.every(({ topic }) => topic.startsWith('event store contract: memory > '))).toBe(true);
    expect(lines.find(({ name }) => name.startsWith("'noStream'"))?.topic).toMatch(/> expected version$/);
  });

  it('skips by name and with the reason what a subject cannot prove', () => {
    const skipped = recorded({
      ...MEMORY,
      capabilities: { ...MEMORY.capabilities, durable: false, positionsHaveGaps: true },
    }).lines.flatMap((line) => (line.skipped ? [line.name] : []));
    expect(skipped).toEqual(
      expect.arrayContaining([
        'a conflict uses up no position [skipped: capabilities.positionsHaveGaps]',
        'an append that fails is never seen, and the stream stays writable [skipped: the subject has no faults.failNextAppend]',
        'fault 12: two appends inside a user transaction are atomic together [skipped: capabilities.transactional is false]',
        'snapshots survive when the place is opened again [skipped: capabilities.durable is false, so a place opened again may be empty]',
      ]),
    );
  });

  it('declares a skipped line as one that returns at once where the runner cannot skip', async () => {
    const { lines } = recorded(MEMORY, false);
    const skipped = lines.filter(({ name }) => name.includes('[skipped: '));
    expect(skipped.length).toBe(recorded(MEMORY).lines.filter((line) => line.skipped).length);
    for (const line of skipped) expect(await failureOf(line)).toBeUndefined();
  });

  it('runs its properties only where fast-check is installed', () => {
    vi.spyOn(process, 'cwd').mockReturnValue('/');
    const line = recorded(MEMORY).lines.find(({ name }) => name.startsWith(ANY_PLAN));
    expect(line?.skipped).toBe(true);
    expect(line?.name).toContain('[skipped: fast-check is not installed where the tests run (/)]');
  });

  it('says in time what it waited for when a backend never answers', async () => {
    class Silent extends InMemoryBackend {
      override append(): Promise<never> {
        return new Promise(() => undefined);
      }
    }
    const runner = recorded({ ...MEMORY, open: () => new Silent(), patienceMs: 20 });
    const failure = await failureOf(runner.line("'noStream' accepts a new stream only"));
    expect(failure?.message).toBe("waited 100 ms in vain for the backend's append()");
  });

  it('says in time what it waited for when nothing is delivered', async () => {
    class Asleep extends InMemoryBackend {
      override watch(): () => void {
        return () => undefined;
      }
    }
    const runner = recorded({ ...MEMORY, open: () => new Asleep(), patienceMs: 20 });
    const line = runner.line('every append called after `ready` is delivered, and woken for at once');
    expect((await failureOf(line))?.message).toBe(
      'waited 20 ms in vain for 1 delivered events; delivered so far: 0, at positions ',
    );
  });

  it('fails, and does not hang, where a page leads nowhere', async () => {
    class Stuck extends InMemoryBackend {
      override async readAll(
        query: Parameters<InMemoryBackend['readAll']>[0],
      ): ReturnType<InMemoryBackend['readAll']> {
        return { events: [], through: query.after, atEnd: false };
      }
    }
    const runner = recorded({ ...MEMORY, open: () => new Stuck(), patienceMs: 20 });
    const line = runner.line('the log is read in the order of positions, or backward from the head');
    expect((await failureOf(line))?.message).toContain('its reader would read it for ever');
  });

  it('gives a place back when a line is done', async () => {
    const open = new Set<string>();
    const subject: ContractSubject = {
      ...MEMORY,
      open(place) {
        open.add(place);
        return new InMemoryBackend();
      },
      remove: (place) => void open.delete(place),
    };
    const lost = 'snapshots survive when the place is opened again';
    const runner = recorded({ ...subject, runs: 3 });
    expect(await failuresOf(runner, ["'noStream' accepts a new stream only", lost])).toEqual([lost]);
    expect([...open]).toEqual([]);
  });
});

describe('a property that fails', () => {
  afterEach(() => void vi.unstubAllEnvs());

  const subject = brokenBackends.find(({ fault }) => fault === "ignores 'noStream'")!.subject;

  it('says the smallest plan and how to try it again, and the same plan fails again', async () => {
    const first = await failureOf(recorded(subject).line(ANY_PLAN));
    const replay = /ALLFRAME_SEED=(-?\d+:[\d:]+) /.exec(first?.message ?? '')?.[1];
    expect(first?.message).toContain('The smallest plan found');
    expect(replay).toBeDefined();
    vi.stubEnv('ALLFRAME_SEED', replay);
    const second = await failureOf(recorded(subject).line(ANY_PLAN));
    const plan = (error: Error | undefined): string | undefined =>
      error?.message.split('times:\n')[1]?.split('\n\n')[0];
    expect(plan(second)).toBe(plan(first));
  });

  it('runs as many plans as ALLFRAME_RUNS says', async () => {
    let places = 0;
    const counted: ContractSubject = {
      ...MEMORY,
      open(place) {
        places++;
        return MEMORY.open(place);
      },
    };
    vi.stubEnv('ALLFRAME_RUNS', '7');
    const line = recorded(counted).line('any JSON value comes back equal, as data and as metadata');
    expect(await failureOf(line)).toBeUndefined();
    expect(places).toBe(7);
  });

  it.each([
    ['ALLFRAME_SEED', 'x'],
    ['ALLFRAME_RUNS', '0'],
  ])('refuses a %s of %s', async (name, value) => {
    vi.stubEnv(name, value);
    expect((await failureOf(recorded(MEMORY).line(ANY_PLAN)))?.message).toContain(`${name} is ${value}`);
  });
});

describe('the differential', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('finds the same outcomes on two correct backends', async () => {
    const runner = new RecordingRunner();
    eventStoreDifferential(
      runner,
      faultySubject('faulty', (disk) => new FaultyBackend(disk)),
      MEMORY,
    );
    expect(runner.lines.map(({ name }) => name)).toEqual([
      'one plan has the same outcomes here and on memory',
    ]);
    expect(await failureOf(runner.lines[0]!)).toBeUndefined();
  });

  it('finds another outcome whichever of the two is broken', async () => {
    fixSeed();
    const { subject } = brokenBackends.find(({ fault }) => fault === 'reorders the events of a commit')!;
    for (const [one, other] of [
      [subject, MEMORY],
      [MEMORY, subject],
    ] as const) {
      const runner = new RecordingRunner();
      eventStoreDifferential(runner, one, other);
      expect((await failureOf(runner.lines[0]!))?.message).toContain('The smallest plan found');
    }
  });
});
