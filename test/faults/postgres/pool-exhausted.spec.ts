/** A pool of the user's own that has no connection left: appends and reads wait for one, as long as they are told to. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend, PostgresUnavailableError } from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { expectSound, storedPlaces } from './stored.js';

const CONNECTIONS = 3;

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

let schema: string;
let pool: pg.Pool;
let store: EventStore;
let taken: pg.PoolClient[];
beforeEach(() => {
  schema = `exhausted-${randomUUID()}`;
  taken = [];
});
afterEach(async () => {
  giveBack();
  await store.close();
  await pool.end();
});

/** @param connectionTimeoutMillis how long the pool itself lets somebody wait; 0 is for ever, as is the driver's default */
async function openOn(connectionTimeoutMillis: number, unavailableTimeoutMs: number): Promise<void> {
  pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS, connectionTimeoutMillis });
  store = await EventStore.open(
    new PostgresBackend({ pool, schema, wakeUp: 'poll', connectTimeoutMs: 200, unavailableTimeoutMs }),
  );
  taken = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
}

function giveBack(): void {
  for (const client of taken.splice(0)) client.release();
}

const append = (tag: string): Promise<unknown> => store.append(tag, [{ type: 'noted', data: { tag } }]);
const isWaiting = (): Promise<void> => eventually(() => expect(pool.waitingCount).toBeGreaterThan(0));

describe.each([
  ['lets everybody wait for ever', 0],
  ['lets nobody wait for long', 20],
])('a pool without a connection left, which %s', (_, connectionTimeoutMs) => {
  it('makes appends wait, which succeed once a connection is given back', async () => {
    await openOn(connectionTimeoutMs, 30_000);
    let answered = 0;
    const appends = Array.from({ length: 30 }, (__, i) => append(`s-${i}`).finally(() => answered++));
    await isWaiting();
    expect(answered).toBe(0);
    expect(await storedPlaces(server, schema)).toEqual([]);
    taken.pop()?.release();
    await Promise.all(appends);
    const stored = await storedPlaces(server, schema);
    expect(stored).toHaveLength(30);
    expectSound(stored, 'gapless');
  });

  it('makes reads wait, which succeed once a connection is given back', async () => {
    await openOn(connectionTimeoutMs, 30_000);
    const read = Promise.all([store.getEvents('s-1'), store.head(), store.records.get('c', 'k')]);
    await isWaiting();
    taken.pop()?.release();
    expect(await read).toEqual([[], 0, null]);
  });

  it.each([0, 100])('is told of when %i ms have passed, and nothing has been written', async (ms) => {
    await openOn(connectionTimeoutMs, ms);
    const failed = await Promise.allSettled([
      append('s-1'),
      append('s-2'),
      store.getEvents('s-1'),
      store.head(),
    ]);
    for (const one of failed) {
      expect(one).toMatchObject({
        status: 'rejected',
        reason: expect.any(PostgresUnavailableError) as unknown,
      });
    }
    expect(failed.map((one) => (one as PromiseRejectedResult).reason as unknown)).toMatchObject([
      { operation: 'append' },
      { operation: 'append' },
      { operation: 'readStream' },
      { operation: 'head' },
    ]);
    expect(await storedPlaces(server, schema)).toEqual([]);
    giveBack();
    // Whoever has given up takes no connection with him when it is his turn after all.
    for (let i = 0; i < 2 * CONNECTIONS; i++) await append(`after ${i}`);
    expect(await storedPlaces(server, schema)).toHaveLength(2 * CONNECTIONS);
    await eventually(() => expect(pool.idleCount).toBe(pool.totalCount));
    expect(pool.waitingCount).toBe(0);
  });
});

describe('a store whose pool has no connection left', () => {
  it('closes all the same, though a subscription waits for one', async () => {
    const logger = { warn: () => undefined, error: () => undefined };
    pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS });
    const backend = new PostgresBackend({ pool, schema });
    store = await EventStore.open(backend, { logger, shutdownTimeoutMs: 0 });
    await append('s-1');
    // Listening takes one for as long as somebody reads.
    taken = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
    const subscription = store.subscribe(() => undefined);
    await isWaiting();
    await store.close();
    await subscription.unsubscribe();
    giveBack();
    await eventually(() => expect(pool.idleCount).toBe(pool.totalCount));
  });
});
