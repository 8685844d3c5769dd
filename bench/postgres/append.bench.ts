/** Durable appends: one caller after another answer, many at once, and batches, each beside the loop one would write by hand. */
import type { EventStore } from '@allframe/nestjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario, Target } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import { event, events } from '../scenarios/events.js';
import { inStore, onServer } from './benched-server.js';
import { type RawTable, withRawTable } from './raw-tables.js';

const STREAMS = 100;
const CALLERS_TO_RAW = 4;
const BATCHES_TO_RAW = 0.8;

export const append: Scenario = {
  name: 'postgres-append',
  run: (effort) =>
    onServer(async (url) => {
      const loops = await interleave(
        {
          one: callers(url, 1, 1_000, effort),
          few: callers(url, 16, 5_000, effort),
          many: callers(url, 64, 15_000, effort),
          most: callers(url, 256, 20_000, effort),
          rawOne: rawCallers(url, 1, 1_000, effort),
          rawFew: rawCallers(url, 16, 5_000, effort),
        },
        effort,
      );
      const batched = await interleave(
        { ours: batches(url, 100, 20_000, effort), raw: rawBatches(url, 100, 20_000, effort) },
        effort,
      );
      const rawFew = figureOf(loops.rawFew.rate);
      const rawBatch = figureOf(batched.raw.rate);
      const sixteen = ['raw inserts, 16 connections', rawFew] as const;
      return [
        row('append, 1 caller', loops.one.rate, ['raw inserts, 1 connection', figureOf(loops.rawOne.rate)]),
        row('append, 16 callers', loops.few.rate, sixteen),
        row('append, 64 callers', loops.many.rate, sixteen, { atLeast: rawFew.median * CALLERS_TO_RAW }),
        row('append, 256 callers', loops.most.rate, sixteen),
        row('append, batches of 100', batched.ours.rate, ['raw unnest of 100 rows', rawBatch], {
          atLeast: rawBatch.median * BATCHES_TO_RAW,
        }),
      ];
    }),
};

function row(
  what: string,
  rates: readonly number[],
  [name, figure]: readonly [string, ReturnType<typeof figureOf>],
  target?: Target,
): Row {
  return {
    what: `postgres: ${what}`,
    unit: 'events/s',
    ours: figureOf(rates),
    baseline: { name, figure },
    ...(target === undefined ? {} : { target }),
  };
}

/** The rate of `work`, once a fourth of it has been done to warm up. */
export async function rateAfterWarmUp(
  total: number,
  work: (share: number) => Promise<unknown>,
): Promise<{ rate: number }> {
  await work(0.25);
  return { rate: rateOf(total, await timeWhole(async () => void (await work(1)))) };
}

/** Each caller waits for its answer before it appends again. */
function callers(url: string, count: number, appends: number, effort: Effort): Contestant<'rate'> {
  const each = Math.max(1, Math.round(scaled(appends, effort) / count));
  return () =>
    inStore(url, (store) =>
      rateAfterWarmUp(each * count, (share) =>
        atOnce(count, (caller) => appended(store, caller, Math.max(1, Math.round(each * share)))),
      ),
    );
}

export async function appended(store: EventStore, caller: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.append(`stream-${(caller + i) % STREAMS}`, [event(i)]);
}

/** A stream for each caller, since a row knows its version by nothing else. */
function rawCallers(url: string, count: number, inserts: number, effort: Effort): Contestant<'rate'> {
  const each = Math.max(1, Math.round(scaled(inserts, effort) / count));
  const insert = async (table: RawTable, caller: number, n: number): Promise<void> => {
    for (let i = 0; i < n; i++) await table.insert(`stream-${caller}`, i);
  };
  return () =>
    withRawTable(url, count, (table) =>
      rateAfterWarmUp(each * count, (share) =>
        atOnce(count, (caller) => insert(table, caller, Math.max(1, Math.round(each * share)))),
      ),
    );
}

function batches(url: string, size: number, total: number, effort: Effort): Contestant<'rate'> {
  const count = Math.max(1, Math.round(scaled(total, effort) / size));
  return () =>
    inStore(url, (store) =>
      rateAfterWarmUp(count * size, async (share) => {
        for (let i = 0; i < count * share; i++)
          await store.append(`stream-${i % STREAMS}`, events(size, i * size));
      }),
    );
}

function rawBatches(url: string, size: number, total: number, effort: Effort): Contestant<'rate'> {
  const count = Math.max(1, Math.round(scaled(total, effort) / size));
  return () =>
    withRawTable(url, 1, (table) =>
      rateAfterWarmUp(count * size, async (share) => {
        for (let i = 0; i < count * share; i++)
          await table.insertMany(`stream-${i % STREAMS}`, size, i * size);
      }),
    );
}

function atOnce(count: number, work: (caller: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, caller) => work(caller)));
}
