/** Durable appends: one caller after another answer, many at once, and batches; each answered when it is on the disk. */
import { randomUUID } from 'node:crypto';
import type { EventStore } from '@allframe/nestjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario, Target } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import { event, events, payload } from '../scenarios/events.js';
import { inDirectory, inStore, UNSEALED } from './data-directory.js';
import { RawLog } from './raw-log.js';
import { openSqlite } from './sqlite-log.js';

/** The frame of a commit of one such event, with header and padding. */
const FRAME_BYTES = 192;
const STREAMS = 100;
const SHARE_OF_RAW = 0.8;
const SHARE_OF_STRINGIFY = 0.35;

export const append: Scenario = {
  name: 'allsource-append',
  async run(effort) {
    const raw = await interleave(
      {
        ours: callers(1, 8_000, effort),
        raw: rawAppends(8_000, effort),
        sqlite: sqliteAppends(2_000, 1, effort),
      },
      effort,
    );
    const stringify = await interleave(
      { many: callers(256, 400_000, effort), text: stringified(200_000, effort) },
      effort,
    );
    const others = await interleave(
      {
        few: callers(16, 20_000, effort),
        most: callers(2_048, 400_000, effort),
        hundreds: batches(100, 100_000, effort),
        thousands: batches(1_000, 200_000, effort),
        sqlite: sqliteAppends(100_000, 1_000, effort),
      },
      effort,
    );
    const one = figureOf(raw.raw.rate);
    const text = figureOf(stringify.text.rate);
    return [
      row('durable append, 1 caller', raw.ours.rate, ['raw write and fdatasync of a frame', one], {
        atLeast: one.median * SHARE_OF_RAW,
      }),
      row('durable append, 1 caller', raw.ours.rate, [
        'better-sqlite3, one row a transaction',
        figureOf(raw.sqlite.rate),
      ]),
      row('durable append, 16 callers', others.few.rate, ['raw write and fdatasync of a frame', one]),
      row('durable append, 256 callers', stringify.many.rate, ['JSON.stringify alone', text], {
        atLeast: Math.min(300_000, text.median * SHARE_OF_STRINGIFY),
      }),
      row('durable append, 2,048 callers', others.most.rate, ['JSON.stringify alone', text]),
      row('durable batches of 100', others.hundreds.rate, ['JSON.stringify alone', text]),
      row(
        'durable batches of 1,000',
        others.thousands.rate,
        ['better-sqlite3, 1,000 rows a transaction', figureOf(others.sqlite.rate)],
        { atLeast: 469_000 },
      ),
    ];
  },
};

function row(
  what: string,
  rates: readonly number[],
  [name, figure]: readonly [string, ReturnType<typeof figureOf>],
  target?: Target,
): Row {
  const known = Number.isFinite(figure.median);
  return {
    what,
    unit: 'events/s',
    ours: figureOf(rates),
    ...(known ? { baseline: { name, figure } } : {}),
    ...(target === undefined ? {} : { target }),
  };
}

/** Each caller waits for its answer before it appends again. */
function callers(count: number, appends: number, effort: Effort): Contestant<'rate'> {
  const each = Math.max(1, Math.round(scaled(appends, effort) / count));
  return () =>
    inStore(UNSEALED, async (store) => {
      const work = (n: number): Promise<unknown> =>
        Promise.all(Array.from({ length: count }, (_, caller) => appended(store, caller, n)));
      // The first groups make the files and find out how long a sync takes.
      await work(Math.max(1, Math.round(each / 4)));
      return { rate: rateOf(each * count, await timeWhole(async () => void (await work(each)))) };
    });
}

async function appended(store: EventStore, caller: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.append(`stream-${(caller + i) % STREAMS}`, [event(i)]);
}

function batches(size: number, total: number, effort: Effort): Contestant<'rate'> {
  const count = Math.max(1, Math.round(scaled(total, effort) / size));
  return () =>
    inStore(UNSEALED, async (store) => {
      const work = async (n: number): Promise<void> => {
        for (let i = 0; i < n; i++) await store.append(`stream-${i % STREAMS}`, events(size, i * size));
      };
      await work(Math.max(1, Math.round(count / 4)));
      return { rate: rateOf(count * size, await timeWhole(() => work(count))) };
    });
}

function rawAppends(count: number, effort: Effort): Contestant<'rate'> {
  const appends = scaled(count, effort);
  return () =>
    inDirectory(async (directory) => {
      const log = new RawLog(directory, appends * FRAME_BYTES);
      const frame = Buffer.alloc(FRAME_BYTES, 1);
      const us = await timeWhole(async () => {
        for (let i = 0; i < appends; i++) log.append(frame);
      });
      log.close();
      return { rate: rateOf(appends, us) };
    });
}

function stringified(count: number, effort: Effort): Contestant<'rate'> {
  const total = scaled(count, effort);
  return async () => {
    let length = 0;
    const us = await timeWhole(async () => {
      for (let i = 0; i < total; i++) length += JSON.stringify(payload(i)).length;
    });
    return { rate: length > 0 ? rateOf(total, us) : 0 };
  };
}

/** Not a number where SQLite is not installed. */
function sqliteAppends(total: number, size: number, effort: Effort): Contestant<'rate'> {
  const count = Math.max(1, Math.round(scaled(total, effort) / size));
  return () =>
    inDirectory(async (directory) => {
      const log = openSqlite(directory);
      if (log === undefined) return { rate: Number.NaN };
      const versions = Array.from({ length: STREAMS }, () => 0);
      const us = await timeWhole(async () => {
        for (let i = 0; i < count; i++) {
          const stream = i % STREAMS;
          log.append(
            Array.from({ length: size }, (_, n) => {
              const version = (versions[stream] = (versions[stream] ?? 0) + 1);
              const text = JSON.stringify(payload(i * size + n));
              return [randomUUID(), `stream-${stream}`, version, 'bench.event', text] as const;
            }),
          );
        }
      });
      log.close();
      return { rate: rateOf(count * size, us) };
    });
}
