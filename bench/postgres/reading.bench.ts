/** A stream of 100 events, and a catch-up of a million, each beside the same rows read with `pg` by hand. */
import assert from 'node:assert/strict';
import type { EventStore } from '@allframe/nestjs';
import { type Effort, scaled } from '../harness/effort.js';
import { figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { tailOf } from '../harness/statistics.js';
import { rateOf, timeEach, timeWhole } from '../harness/stopwatch.js';
import { onServer, withPool } from './benched-server.js';
import { inFilledStore, STREAM_EVENTS } from './filled-store.js';

const CATCH_UP_PER_S = 200_000;
const PAGE = 512;

export const reading: Scenario = {
  name: 'postgres-reading',
  run: (effort) =>
    onServer((url) => {
      const total = Math.max(STREAM_EVENTS, scaled(1_000_000, effort));
      return inFilledStore(url, total, async (store, schema) => [
        ...(await streamReads(url, store, schema, effort)),
        await catchUp(url, store, schema, total, effort),
      ]);
    }),
};

async function streamReads(
  url: string,
  store: EventStore,
  schema: string,
  effort: Effort,
): Promise<readonly Row[]> {
  const calls = scaled(2_000, effort);
  const text = `select * from ${schema}.events where stream_id = $1 order by version`;
  return withPool(url, 1, async (pool) => {
    const measured = await interleave(
      {
        store: async () => tailOf(await timeEach(calls, () => store.getEvents('stream-0'), 100)),
        raw: async () => tailOf(await timeEach(calls, () => pool.query(text, ['stream-0']), 100)),
      },
      effort,
    );
    return (['p50', 'p99'] as const).map((metric) => ({
      what: `postgres: getEvents of a stream of 100 events, ${metric}`,
      unit: 'µs',
      ours: figureOf(measured.store[metric]),
      baseline: { name: 'pg, select *', figure: figureOf(measured.raw[metric]) },
    }));
  });
}

async function catchUp(
  url: string,
  store: EventStore,
  schema: string,
  total: number,
  effort: Effort,
): Promise<Row> {
  const text = `select * from ${schema}.events where position > $1 order by position limit ${PAGE}`;
  return withPool(url, 1, async (pool) => {
    const measured = await interleave(
      {
        store: async () => ({ rate: rateOf(total, await timeWhole(() => consumed(store, total))) }),
        raw: async () => {
          let last = 0;
          const us = await timeWhole(async () => {
            while (last < total) {
              const { rows } = await pool.query<{ position: string }>(text, [last]);
              last = Number(rows.at(-1)?.position);
            }
          });
          return { rate: rateOf(total, us) };
        },
      },
      effort,
    );
    return {
      what: 'postgres: catch-up of a million events',
      unit: 'events/s',
      ours: figureOf(measured.store.rate),
      baseline: { name: 'pg, select *, pages of 512', figure: figureOf(measured.raw.rate) },
      target: { atLeast: CATCH_UP_PER_S },
    };
  });
}

/** Page by page, as projections read. */
async function consumed(store: EventStore, total: number): Promise<void> {
  let seen = 0;
  const consumer = store.consume(
    (page) => {
      seen += page.events.length;
      if (seen >= total) void consumer.stop();
    },
    { after: 0 },
  );
  await consumer.ended;
  assert.equal(seen, total);
}
