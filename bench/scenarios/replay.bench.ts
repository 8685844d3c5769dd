/** A million events go through a subscription from the start: to a handler that counts, and to one that parses. */
import assert from 'node:assert/strict';
import type { EventStore, RecordedEvent } from '@allframe/nestjs';
import { scaled } from '../harness/effort.js';
import { figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario, Target } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import { filledStore, type Payload } from './events.js';

const STREAM_EVENTS = 100;

export const replay: Scenario = {
  name: 'replay',
  async run(effort) {
    const streams = scaled(10_000, effort);
    const total = streams * STREAM_EVENTS;
    const store = await filledStore(streams, STREAM_EVENTS);
    const texts = await textsOf(store);
    assert.equal(texts.length, total);
    const sumOfIndexes = (total * (total - 1)) / 2;
    const measured = await interleave(
      {
        counting: async () => {
          const us = await timeWhole(() => replayed(store, total, () => undefined));
          return { rate: rateOf(total, us) };
        },
        parsing: async () => {
          let sum = 0;
          const us = await timeWhole(() =>
            replayed(store, total, ({ data }) => {
              sum += (data as Payload).index;
            }),
          );
          assert.equal(sum, sumOfIndexes);
          return { rate: rateOf(total, us) };
        },
        loop: async () => {
          let sum = 0;
          const us = await timeWhole(async () => {
            for (const text of texts) sum += (JSON.parse(text) as Payload).index;
          });
          assert.equal(sum, sumOfIndexes);
          return { rate: rateOf(total, us) };
        },
      },
      effort,
    );
    await store.close();
    const row = (what: string, rates: readonly number[], target: Target): Row => ({
      what,
      unit: 'events/s',
      ours: figureOf(rates),
      baseline: { name: 'for loop of JSON.parse', figure: figureOf(measured.loop.rate) },
      target,
    });
    return [
      row('replay of 1M events, counting', measured.counting.rate, { atLeast: 1_000_000 }),
      row('replay of 1M events, parsing data', measured.parsing.rate, { atLeast: 500_000 }),
    ];
  },
};

/** Until a handler, subscribed from the start, has seen `total` events. */
async function replayed(
  store: EventStore,
  total: number,
  handle: (event: RecordedEvent) => void,
): Promise<void> {
  let seen = 0;
  let done = (): void => undefined;
  const finished = new Promise<void>((resolve) => (done = resolve));
  const subscription = store.subscribe(
    (event) => {
      handle(event);
      if (++seen === total) done();
    },
    { after: 0 },
  );
  await finished;
  await subscription.unsubscribe();
}

/** The very texts that the backend holds. */
async function textsOf({ backend }: EventStore): Promise<readonly string[]> {
  const upTo = await backend.head();
  const { events } = await backend.readAll({ after: 0, upTo, direction: 'forward', limit: upTo });
  return events.map(({ data }) => data);
}
