/** What one would write by hand with `pg`: a table with the columns and keys of the store's, without its promises. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { payload } from '../scenarios/events.js';
import { withPool } from './benched-server.js';

const TABLE = `create table raw_events (
  position bigint generated always as identity primary key, stream_id text collate "C" not null, version bigint not null,
  id uuid not null unique, type text not null, schema_version int not null, data json not null, metadata json not null,
  recorded_at timestamptz not null, unique (stream_id, version))`;
const COLUMNS = 'stream_id, version, id, type, schema_version, data, metadata, recorded_at';
const ONE_ROW = `insert into raw_events (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8) returning position`;
const MANY_ROWS = `insert into raw_events (${COLUMNS})
  select * from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::int[], $6::json[], $7::json[], $8::timestamptz[])
  returning position`;

/** Gives `work` an empty table, and as many connections as it may use at once. */
export function withRawTable<T>(
  url: string,
  connections: number,
  work: (table: RawTable) => Promise<T>,
): Promise<T> {
  return withPool(url, connections, async (pool) => {
    await pool.query(TABLE);
    try {
      return await work(new RawTable(pool));
    } finally {
      await pool.query('drop table raw_events');
    }
  });
}

export class RawTable {
  readonly #versions = new Map<string, number>();

  constructor(private readonly pool: Pool) {}

  /** One row, one commit. */
  async insert(streamId: string, index: number): Promise<void> {
    await this.pool.query(ONE_ROW, this.#row(streamId, index));
  }

  /** Many rows with one statement. */
  async insertMany(streamId: string, count: number, from: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, i) => this.#row(streamId, from + i));
    await this.pool.query(
      MANY_ROWS,
      Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column])),
    );
  }

  #row(streamId: string, index: number): unknown[] {
    const version = (this.#versions.get(streamId) ?? 0) + 1;
    this.#versions.set(streamId, version);
    return [
      streamId,
      version,
      randomUUID(),
      'bench.event',
      1,
      JSON.stringify(payload(index)),
      '{}',
      new Date(),
    ];
  }
}
