/** A stream of 100 events that is in use, a replay from the log and from Parquet, and how fast a log is recovered. */
import assert from 'node:assert/strict';
import { openSync, closeSync, readSync, fstatSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { EventStore } from '@allframe/nestjs';
import type { AllSourceBackend } from '@allframe/nestjs/allsource';
import { parquetRead } from 'hyparquet';
import { type Effort, scaled } from '../harness/effort.js';
import { figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario, Target } from '../harness/row.js';
import { tailOf } from '../harness/statistics.js';
import { rateOf, timeEach, timeWhole } from '../harness/stopwatch.js';
import { events, type Payload, payload } from '../scenarios/events.js';
import { inStore, UNSEALED } from './data-directory.js';

const STREAM_EVENTS = 100;
const HOT_P99_US = 11.9;
const SHARE_OF_LIBRARY = 0.8;

export const reading: Scenario = {
  name: 'allsource-reading',
  run: (effort) =>
    inStore(UNSEALED, async (store, backend) => {
      const streams = scaled(5_000, effort);
      const total = streams * STREAM_EVENTS;
      for (let i = 0; i < streams; i++) {
        await store.append(`stream-${i}`, events(STREAM_EVENTS, i * STREAM_EVENTS));
      }
      return [
        ...(await hotReads(store, effort)),
        await recovery(backend, total, effort),
        ...(await logReplay(store, total, effort)),
        ...(await parquetReplay(store, backend, total, effort)),
      ];
    }),
};

async function hotReads(store: EventStore, effort: Effort): Promise<readonly Row[]> {
  const texts = Array.from({ length: STREAM_EVENTS }, (_, i) => JSON.stringify(payload(i)));
  const calls = scaled(20_000, effort);
  const warmUp = Math.round(calls / 10);
  const measured = await interleave(
    {
      store: async () => tailOf(await timeEach(calls, () => store.getEvents('stream-1'), warmUp)),
      parse: async () => {
        const parsed = async () => texts.map((text) => JSON.parse(text) as Payload).length;
        return tailOf(await timeEach(calls, parsed, warmUp));
      },
    },
    effort,
  );
  const row = (metric: 'p50' | 'p99', target?: Target): Row => ({
    what: `getEvents of a hot stream of 100 events, ${metric}`,
    unit: 'µs',
    ours: figureOf(measured.store[metric]),
    baseline: { name: 'JSON.parse mapped over the texts', figure: figureOf(measured.parse[metric]) },
    ...(target === undefined ? {} : { target }),
  });
  return [row('p50'), row('p99', { atMost: HOT_P99_US })];
}

/** Closing and opening a store whose events are all in the log. */
async function recovery(backend: AllSourceBackend, total: number, effort: Effort): Promise<Row> {
  const { opened } = await interleave(
    {
      opened: async () => {
        await backend.close();
        return { rate: rateOf(total, await timeWhole(() => backend.open())) };
      },
    },
    effort,
  );
  return { what: 'recovery of a log', unit: 'events/s', ours: figureOf(opened.rate) };
}

async function logReplay(store: EventStore, total: number, effort: Effort): Promise<readonly Row[]> {
  const measured = await interleave(
    { counting: counting(store, total), parsing: parsing(store, total) },
    effort,
  );
  return [
    {
      what: 'replay from the log, counting',
      unit: 'events/s',
      ours: figureOf(measured.counting.rate),
      target: { atLeast: 1_000_000 },
    },
    { what: 'replay from the log, parsing data', unit: 'events/s', ours: figureOf(measured.parsing.rate) },
  ];
}

async function parquetReplay(
  store: EventStore,
  backend: AllSourceBackend,
  total: number,
  effort: Effort,
): Promise<readonly Row[]> {
  await store.flush();
  const files = backend.sealedFiles();
  const measured = await interleave(
    {
      counting: counting(store, total),
      parsing: parsing(store, total),
      library: async () => {
        let rows = 0;
        const us = await timeWhole(async () => {
          for (const file of files) rows += await readByLibrary(file);
        });
        assert.equal(rows, total);
        return { rate: rateOf(total, us) };
      },
    },
    effort,
  );
  const library = figureOf(measured.library.rate);
  const baseline = { name: 'hyparquet alone, the same columns', figure: library };
  return [
    {
      what: 'replay from Parquet, counting',
      unit: 'events/s',
      ours: figureOf(measured.counting.rate),
      baseline,
      target: { atLeast: library.median * SHARE_OF_LIBRARY },
    },
    {
      what: 'replay from Parquet, parsing data',
      unit: 'events/s',
      ours: figureOf(measured.parsing.rate),
      baseline,
    },
  ];
}

function counting(store: EventStore, total: number) {
  return async () => {
    let seen = 0;
    const us = await timeWhole(async () => {
      await consumed(store, total, (page) => {
        seen += page.length;
      });
    });
    assert.equal(seen, total);
    return { rate: rateOf(total, us) };
  };
}

function parsing(store: EventStore, total: number) {
  return async () => {
    let sum = 0;
    const us = await timeWhole(async () => {
      await consumed(store, total, (page) => {
        for (const { data } of page) sum += (data as Payload).index;
      });
    });
    assert.equal(sum, (total * (total - 1)) / 2);
    return { rate: rateOf(total, us) };
  };
}

/** Page by page, as projections read. */
async function consumed(
  store: EventStore,
  total: number,
  handle: (page: readonly { readonly data: unknown }[]) => void,
): Promise<void> {
  let seen = 0;
  const consumer = store.consume(
    (page, { signal }) => {
      if (signal.aborted) return;
      handle(page.events);
      seen += page.events.length;
      if (seen >= total) void consumer.stop();
    },
    { after: 0 },
  );
  await consumer.ended;
}

/** The whole file, as its documentation says. */
async function readByLibrary(path: string): Promise<number> {
  const descriptor = openSync(path, 'r');
  try {
    let rows = 0;
    const slice = (start: number, end = fstatSync(descriptor).size): ArrayBuffer => {
      const bytes = new ArrayBuffer(end - start);
      readSync(descriptor, new Uint8Array(bytes), 0, end - start, start);
      return bytes;
    };
    await parquetRead({
      file: { byteLength: fstatSync(descriptor).size, slice },
      compressors: { GZIP: (bytes) => gunzipSync(bytes) },
      onComplete: (read) => (rows = read.length),
    });
    return rows;
  } finally {
    closeSync(descriptor);
  }
}
