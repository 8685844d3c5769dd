/** What a store of five million events costs more than an empty one. */
import { scaled } from '../harness/effort.js';
import { figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import type { EventStore } from '@allframe/nestjs';
import { appended } from './append.bench.js';
import { inStore, onServer } from './benched-server.js';
import { inFilledStore, STREAM_EVENTS } from './filled-store.js';

const CALLERS = 64;
const SHARE_OF_EMPTY = 0.8;

export const growth: Scenario = {
  name: 'postgres-growth',
  run: (effort) =>
    onServer((url) => {
      const total = Math.max(STREAM_EVENTS, scaled(5_000_000, effort));
      const each = Math.max(1, Math.round(scaled(12_800, effort) / CALLERS));
      const appends = (store: EventStore) => async () => {
        const us = await timeWhole(async () => {
          await Promise.all(Array.from({ length: CALLERS }, (_, caller) => appended(store, caller, each)));
        });
        return { rate: rateOf(each * CALLERS, us) };
      };
      const reads = (store: EventStore) => async () => {
        const calls = scaled(1_000, effort);
        // Streams that hold as much in both.
        const us = await timeWhole(async () => {
          for (let i = 0; i < calls; i++) await store.getEvents(`read-${i % 10}`);
        });
        return { rate: rateOf(calls, us) };
      };
      return inStore(url, (empty) =>
        inFilledStore(url, total, async (filled): Promise<readonly Row[]> => {
          for (const store of [empty, filled]) {
            for (let i = 0; i < 10; i++) {
              const events = Array.from({ length: STREAM_EVENTS }, () => ({ type: 'bench.event', data: {} }));
              await store.append(`read-${i}`, events);
            }
          }
          const appending = await interleave({ empty: appends(empty), filled: appends(filled) }, effort);
          const reading = await interleave({ empty: reads(empty), filled: reads(filled) }, effort);
          return [
            ['append, 64 callers', appending] as const,
            ['getEvents of 100 events', reading] as const,
          ].map(([what, { empty: before, filled: after }]) => ({
            what: `postgres: ${what}, 5 million events in the store`,
            unit: 'events/s' as const,
            ours: figureOf(after.rate),
            baseline: { name: 'an empty store', figure: figureOf(before.rate) },
            target: { atLeast: figureOf(before.rate).median * SHARE_OF_EMPTY },
          }));
        }),
      );
    }),
};
