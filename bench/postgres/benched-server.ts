/** A PostgreSQL server of the benchmark's own, as one would run it, on the disk that is measured. */
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { embeddedPrograms, PostgresServer } from '../../test/postgres/server.js';

/** As after `initdb`, with more memory, and nothing that is acknowledged is lost: fsync and synchronous_commit are on. */
const SETTINGS = { fsync: 'on', shared_buffers: '1GB', max_wal_size: '8GB', checkpoint_timeout: '30min' };

export async function onServer<T>(work: (url: string) => Promise<T>): Promise<T> {
  const server = await PostgresServer.start(await embeddedPrograms(), SETTINGS);
  try {
    return await work(server.url);
  } finally {
    await server.remove();
  }
}

let schemas = 0;

/** A store in a schema of its own, gone afterwards. */
export async function inStore<T>(
  url: string,
  work: (store: EventStore, schema: string) => Promise<T>,
  options: Partial<PostgresOptions> = {},
): Promise<T> {
  const schema = `bench_${process.pid}_${schemas++}`;
  const store = await EventStore.open(new PostgresBackend({ connectionString: url, schema, ...options }));
  try {
    return await work(store, schema);
  } finally {
    await store.close();
    await withPool(url, 1, (pool) => pool.query(`drop schema ${schema} cascade`));
  }
}

export async function withPool<T>(url: string, max: number, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: url, max });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
