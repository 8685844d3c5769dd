/** Sealed files as another program sees them: DuckDB reads them row by row, while the store is open, and they are the store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStore, type RecordedEvent } from '@allframe/nestjs';
import { AllSourceBackend, type AllSourceOptions, type ParquetCodecName } from '@allframe/nestjs/allsource';
import { FakeClock } from '@allframe/nestjs/testing';

let duckdb: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  duckdb = await DuckDBInstance.create();
  connection = await duckdb.connect();
});
afterAll(() => {
  connection.closeSync();
  duckdb.closeSync();
});

let directory: string;
let store: EventStore;
let backend: AllSourceBackend;
let clock: FakeClock;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'allframe-duckdb-'));
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

async function openStore(options: Omit<AllSourceOptions, 'persistencePath'> = {}): Promise<void> {
  backend = AllSourceBackend.withConfig({ ...options, persistencePath: join(directory, 'data') });
  clock = new FakeClock(0);
  store = await EventStore.open(backend, { clock });
}

/** The rows of a query, `FROM` what comes after that word. */
async function rowsOf(from: string, columns = '*'): Promise<Record<string, unknown>[]> {
  const reader = await connection.runAndReadAll(`SELECT ${columns} FROM ${from}`);
  return reader.getRowObjectsJS();
}

const documented = (): string => `read_parquet('${directory}/data/segments/*.parquet')`;
const listed = (): string =>
  `read_parquet([${backend
    .sealedFiles()
    .map((path) => `'${path}'`)
    .join(', ')}])`;

/** An event as a row of its file. */
function rowOf({
  position,
  streamId,
  version,
  id,
  type,
  schemaVersion,
  recordedAt,
  data,
  metadata,
}: RecordedEvent): object {
  return {
    position: BigInt(position),
    stream_id: streamId,
    version,
    event_id: id,
    event_type: type,
    schema_version: schemaVersion,
    recorded_at: recordedAt,
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  };
}

async function rowsOfStore(through = Infinity): Promise<object[]> {
  return (await store.getAllEvents()).filter(({ position }) => position <= through).map(rowOf);
}

const TEXTS = [
  '',
  'plain',
  'Straße 1 – 2, 東京, Ελλάδα',
  '😀👩‍👩‍👧 e\u0301',
  '\uFEFFbehind a byte order mark',
  'quotes \' " ` and \\ and \n\r\t',
  'controls \u0000\u0001\u001f\u007f\u2028',
  '"; DROP TABLE events; --',
  'NULL',
  '\ud800 half a pair',
  'x'.repeat(100_000),
];

/** Moments that are easily shown wrong: the first, those around leap days and changes of the clock, a late one. */
const TIMES = [
  0,
  1,
  Date.UTC(2024, 1, 29, 23, 59, 59, 999),
  Date.UTC(2024, 2, 31, 1, 0, 0, 1),
  Date.UTC(2024, 9, 27, 0, 59, 59, 999),
  Date.UTC(9999, 11, 31, 23, 59, 59, 999),
];

/** parquetjs-lite cannot say in a file that its times are UTC, so DuckDB takes them for times without a zone: UTC as well. */
const TIME_TYPES: Readonly<Record<ParquetCodecName, string>> = {
  hyparquet: 'TIMESTAMP WITH TIME ZONE',
  'parquetjs-lite': 'TIMESTAMP',
};

describe.each<ParquetCodecName>(['hyparquet', 'parquetjs-lite'])('DuckDB on files of %s', (parquetCodec) => {
  it('sees the sealed events, exactly and whole', async () => {
    await openStore({ parquetCodec });
    for (const [i, time] of TIMES.entries()) {
      await clock.advance(time - clock.now());
      for (const [k, text] of TEXTS.entries()) {
        const stream = `odd-${text.toWellFormed().replaceAll('\0', '').slice(0, 100)}`;
        await store.append(
          stream,
          [
            {
              type: `type "${i}" 😀`,
              schemaVersion: i + 1,
              data: { text, [text.slice(0, 20)]: k, n: 1e300 },
            },
          ],
          i % 2 === 0 ? {} : { metadata: { user: text, correlationId: `c-${i}` } },
        );
      }
    }
    await store.flush();
    const sealed = await rowsOfStore();
    expect(sealed).toHaveLength(TIMES.length * TEXTS.length);
    await store.append('odd-later', [{ type: 'later', data: {} }]);

    expect(await rowsOf(`${documented()} ORDER BY position`)).toEqual(sealed);
    expect(await rowsOf(`${listed()} ORDER BY position`)).toEqual(sealed);

    await store.flush();
    expect(await rowsOf(`${documented()} ORDER BY position`)).toEqual(await rowsOfStore());
  });

  it('sees times as instants in UTC, whatever its own time zone is', async () => {
    await openStore({ parquetCodec });
    for (const time of TIMES) {
      await clock.advance(time - clock.now());
      await store.append('a-1', [{ type: 't', data: {} }]);
    }
    await store.flush();
    const inUtc = parquetCodec === 'hyparquet' ? "recorded_at AT TIME ZONE 'UTC'" : 'recorded_at';
    for (const zone of ['America/New_York', 'Asia/Kathmandu', 'UTC']) {
      await connection.run(`SET TimeZone = '${zone}'`);
      const seen = await rowsOf(
        `${documented()} ORDER BY position`,
        `epoch_ms(recorded_at) AS ms, strftime(${inUtc}, '%Y-%m-%dT%H:%M:%S.%gZ') AS text`,
      );
      expect(seen).toEqual(TIMES.map((time) => ({ ms: BigInt(time), text: new Date(time).toISOString() })));
    }
  });

  it('sees columns of these types, and no null', async () => {
    await openStore({ parquetCodec });
    await store.append('a-1', [{ type: 't', data: null }]);
    await store.flush();
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${documented()}`);
    const types = described
      .getRowObjectsJS()
      .map(({ column_name, column_type }) => [column_name, column_type]);
    expect(types).toEqual([
      ['position', 'BIGINT'],
      ['stream_id', 'VARCHAR'],
      ['version', 'INTEGER'],
      ['event_id', 'VARCHAR'],
      ['event_type', 'VARCHAR'],
      ['schema_version', 'INTEGER'],
      ['recorded_at', TIME_TYPES[parquetCodec]],
      ['data', 'VARCHAR'],
      ['metadata', 'VARCHAR'],
    ]);
    expect(await rowsOf(documented(), 'data, metadata')).toEqual([{ data: 'null', metadata: '{}' }]);
  });

  it('sees every event once in sealedFiles(), also while segments are merged', async () => {
    await openStore({ parquetCodec, mergeFanIn: 8 });
    const appendHundred = () =>
      store.appendAll(
        Array.from({ length: 100 }, (_, k) => ({ streamId: `a-${k}`, events: [{ type: 't', data: { k } }] })),
      );
    for (let i = 0; i < 7; i++) {
      await appendHundred();
      await store.flush();
    }
    expect(backend.sealedFiles()).toHaveLength(7);
    await appendHundred();
    let isDone = false;
    const merged = backend.compact().finally(() => (isDone = true));
    const counts = new Set<unknown>();
    while (!isDone) {
      // A file that was listed may be merged away before it is read.
      const [row] = await rowsOf(listed(), 'count(*) AS events, count(DISTINCT position) AS positions').catch(
        () => [],
      );
      if (row !== undefined) counts.add(`${String(row['events'])} of ${String(row['positions'])}`);
    }
    await merged;
    for (const count of counts) expect(['700 of 700', '800 of 800']).toContain(count);
    expect(backend.sealedFiles()).toHaveLength(1);
    expect(await rowsOf(`${documented()} ORDER BY position`)).toEqual(await rowsOfStore());
  });
});

it('DuckDB reads a store whose files both codecs have written, with UTC as the time zone of its session', async () => {
  await connection.run(`SET TimeZone = 'UTC'`);
  for (const parquetCodec of ['hyparquet', 'parquetjs-lite', 'hyparquet'] as const) {
    await store?.close();
    await openStore({ parquetCodec });
    await store.append('a-1', [{ type: 't', data: { parquetCodec } }]);
    await store.flush();
  }
  const rows = await rowsOfStore();
  expect(rows).toHaveLength(3);
  expect(await rowsOf(`${documented()} ORDER BY position`)).toEqual(rows);
});
