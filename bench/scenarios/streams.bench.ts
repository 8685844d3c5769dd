/** For information: an append takes as long in a store of a million streams as in one of a hundred. */
import assert from 'node:assert/strict';
import { type Effort, scaled } from '../harness/effort.js';
import { figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import { BareLog, event, filledStore, payload } from './events.js';

/** Shares no factor with the numbers of streams, so that steps of it visit every stream, near ones far apart. */
const STRIDE = 7_919;

export const streams: Scenario = {
  name: 'streams',
  async run(effort) {
    const rows: Row[] = [];
    for (const count of [100, 10_000, 1_000_000]) rows.push(await rowFor(count, effort));
    return rows;
  },
};

async function rowFor(count: number, effort: Effort): Promise<Row> {
  const appends = scaled(100_000, effort);
  const streamIds = Array.from({ length: scaled(count, effort) }, (_, i) => `stream-${i}`);
  const streamOf = (i: number): string => streamIds[(i * STRIDE) % streamIds.length] as string;
  const store = await filledStore(streamIds.length, 1);
  const bare = new BareLog();
  for (const [i, streamId] of streamIds.entries()) await bare.append(streamId, [payload(i)]);
  const before = await store.backend.head();
  let rounds = 0;
  const measured = await interleave(
    {
      store: async () => {
        rounds++;
        const us = await timeWhole(async () => {
          for (let i = 0; i < appends; i++) await store.append(streamOf(i), [event(i)]);
        });
        return { rate: rateOf(appends, us) };
      },
      bare: async () => {
        const us = await timeWhole(async () => {
          for (let i = 0; i < appends; i++) await bare.append(streamOf(i), [payload(i)]);
        });
        return { rate: rateOf(appends, us) };
      },
    },
    effort,
  );
  assert.equal(await store.backend.head(), before + rounds * appends);
  await store.close();
  return {
    what: `append one by one into ${count.toLocaleString('en')} streams`,
    unit: 'events/s',
    ours: figureOf(measured.store.rate),
    baseline: { name: 'bare loop, as many streams', figure: figureOf(measured.bare.rate) },
  };
}
