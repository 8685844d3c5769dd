/**
 * Random commands on AllSource and on the memory backend, with deaths of the process, losses of power, flushes, merges
 * and reopenings among them: both have to hold the same at any time.
 */
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { InMemoryBackend } from '../../lib/backends/memory/in-memory-backend.js';
import type { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import type { AllSourceOptions } from '../../lib/backends/allsource/allsource-options.js';
import type { AppendResult, Commit } from '../../lib/core/commit.js';
import type { EventStoreBackend } from '../../lib/core/event-store-backend.js';
import type { ExpectedVersion } from '../../lib/core/expected-version.js';
import type { StoredEvent } from '../../lib/core/stored-event.js';
import { commitOf, encoded } from '../../lib/testing/contract/sample-events.js';
import { seed, seeded } from '../store/seed.js';
import { FailingFileSystem } from './failing-file-system.js';
import { openOn, SLOW_SYNC_MS } from './simulated-store.js';

const RUNS = Number(process.env['ALLFRAME_RUNS'] ?? 120);
const STREAMS = ['order-1', 'order-2', 'user-1'] as const;
const KEYS = ['a', 'ab', 'b'] as const;

type Step =
  | {
      readonly do: 'append';
      readonly streams: readonly number[];
      readonly counts: number;
      readonly expect: ExpectedVersion;
      readonly record: number | null;
      readonly large: boolean;
    }
  | { readonly do: 'repeat'; readonly back: number }
  | { readonly do: 'flush' | 'compact' | 'reopen' | 'process death' | 'verify' }
  | { readonly do: 'power loss'; readonly seed: number };

const expectation = fc.oneof<fc.Arbitrary<ExpectedVersion>[]>(
  fc.constant('any'),
  fc.constant('any'),
  fc.constant('streamExists'),
  fc.constant('noStream'),
  fc.nat(6),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      streams: fc.uniqueArray(fc.nat(STREAMS.length - 1), { minLength: 1, maxLength: 3 }),
      counts: fc.integer({ min: 1, max: 4 }),
      expect: expectation,
      record: fc.option(fc.nat(KEYS.length * 2 - 1)),
      large: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('flush', 'compact', 'reopen', 'process death', 'verify') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('power loss' as const), seed: fc.nat(1e6) }) },
);

const done = { runs: 0, steps: 0, crashes: 0 };
afterAll(() => process.stdout.write(`model: ${JSON.stringify(done)}\n`));

async function outcomeOf(work: Promise<readonly AppendResult[]>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

async function contentsOf(backend: EventStoreBackend): Promise<unknown> {
  const log: StoredEvent[] = [];
  for (let after = 0; ;) {
    const page = await backend.readAll({ after, upTo: Infinity, direction: 'forward', limit: 7 });
    log.push(...page.events);
    if (page.atEnd) break;
    after = page.through;
  }
  const back = await backend.readAll({ after: 0, upTo: Infinity, direction: 'backward', limit: 1_000 });
  const streams = await Promise.all(
    STREAMS.map((streamId) =>
      backend.readStream({
        streamId,
        fromVersion: 2,
        toVersion: Infinity,
        direction: 'forward',
        limit: 1_000,
      }),
    ),
  );
  const records = await backend.readRecords('k', { prefix: '', after: '', limit: 100 });
  const { totalEvents, totalAggregates } = await backend.stats();
  return {
    log,
    back: back.events.toReversed(),
    streams: streams.map(({ events }) => events),
    records,
    totalEvents,
    totalAggregates,
    head: await backend.head(),
  };
}

function commitOfStep({
  streams,
  counts,
  expect: expected,
  record,
  large,
}: Extract<Step, { do: 'append' }>): Commit {
  const data = JSON.stringify({ text: 'x'.repeat(large ? 1_200 : 10) });
  const events = Object.fromEntries(
    streams.map((stream) => [
      STREAMS[stream] ?? '',
      Array.from({ length: counts }, (_, n) => encoded(n, { data })),
    ]),
  );
  const value = record === null || record >= KEYS.length ? null : String(counts);
  const changes = record === null ? [] : [{ collection: 'k', key: KEYS[record % KEYS.length] ?? '', value }];
  return commitOf(events, expected, changes);
}

it.each<[string, number, AllSourceOptions]>([
  ['with everything in memory that fits', 0, {}],
  [
    'with nothing in memory, on a slow disk',
    SLOW_SYNC_MS,
    { recentCacheBytes: 0, streamCacheBytes: 0, readCacheBytes: 0, indexCacheBytes: 0 },
  ],
])(seeded('AllSource is the memory backend that survives, %s'), async (_, syncMs, options) => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
    const model = new InMemoryBackend();
    await model.open();
    let files = new FailingFileSystem(syncMs);
    let store: AllSourceBackend = await openOn(files, options);
    const commits: Commit[] = [];
    const crash = async (after: FailingFileSystem): Promise<void> => {
      await store.close();
      files = after;
      store = await openOn(files, options);
      done.crashes++;
    };
    for (const next of steps) {
      done.steps++;
      if (next.do === 'append' || next.do === 'repeat') {
        const commit = next.do === 'append' ? commitOfStep(next) : commits.at(-1 - next.back);
        if (commit === undefined) continue;
        if (next.do === 'append') commits.push(commit);
        expect(await outcomeOf(store.append(commit))).toEqual(await outcomeOf(model.append(commit)));
      } else if (next.do === 'flush') await store.flush();
      else if (next.do === 'compact') await store.compact();
      else if (next.do === 'verify') expect(await store.verify()).toMatchObject({ ok: true });
      else if (next.do === 'power loss') await crash(files.afterPowerLoss({ seed: next.seed }));
      else if (next.do === 'process death') await crash(files.afterProcessDeath());
      else {
        await store.close();
        store = await openOn(files, options);
      }
      expect(await contentsOf(store)).toEqual(await contentsOf(model));
    }
    await store.close();
    await model.close();
    done.runs++;
  });
  await fc.assert(property, {
    numRuns: RUNS,
    seed,
    plugins: [fc.interruptAfterTimeLimit(50_000)],
  });
});
