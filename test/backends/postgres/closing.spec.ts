/** What closing waits for, what it ends, and what transactions of the store's own leave to others. */
import { randomUUID } from 'node:crypto';
import { EventStore, InMemoryBackend, StoreClosedError } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../eventually.js';
import { FaultyPool } from '../../postgres/faulty-pool.js';
import { newSchema, serverUrl, sql } from '../../postgres/schemas.js';
import { openStore } from '../../store/bank.js';
import { gate, isSettled } from '../../store/gate.js';

const event = { type: 'noted', data: {} };

/** A store on connections of its own, which the server knows by name. */
async function named(schema: string) {
  const name = randomUUID();
  const backend = new PostgresBackend({
    connectionString: `${serverUrl()}?application_name=${name}`,
    schema,
  });
  const connections = async (): Promise<number> =>
    (await sql(serverUrl(), 'select from pg_stat_activity where application_name = $1', [name])).length;
  return { backend, store: await EventStore.open(backend), connections };
}

describe('closing', () => {
  it('ends a transaction whose handler does not end, and nothing of it is written', async () => {
    const schema = newSchema();
    const { backend, store, connections } = await named(schema);
    const [begun, hold] = [gate(), gate()];
    const transaction = backend.transactions.run(async (inside) => {
      await store.within(inside).append('s', [event]);
      begun.open();
      await hold.opened;
    });
    const ended = expect(transaction).rejects.toThrow(StoreClosedError);
    await begun.opened;
    await store.close();
    await eventually(async () => expect(await connections()).toBe(0));
    hold.open();
    await ended;
    expect(
      await (await openStore(new PostgresBackend({ connectionString: serverUrl(), schema }))).head(),
    ).toBe(0);
  });

  it('lets no transaction begin that has waited for its turn', async () => {
    const pool = new pg.Pool({ connectionString: serverUrl(), max: 3 });
    onTestFinished(() => pool.end());
    const backend = new PostgresBackend({ pool, schema: newSchema() });
    const store = await EventStore.open(backend);
    const [begun, hold] = [gate(), gate()];
    const first = backend.transactions.run(() => {
      begun.open();
      return hold.opened;
    });
    await begun.opened;
    let hasBegun = false;
    const second = backend.transactions.run(async () => void (hasBegun = true));
    const ended = Promise.allSettled([first, second]);
    await store.close();
    hold.open();
    for (const { status } of await ended) expect(status).toBe('rejected');
    expect(hasBegun).toBe(false);
    await eventually(() => expect(pool.idleCount).toBe(pool.totalCount));
  });

  it('ends an import between two steps, and a later one copies the rest', async () => {
    const source = new InMemoryBackend();
    const from = await openStore(source);
    for (let i = 0; i < 11; i++)
      await from.append(
        `s-${i}`,
        Array.from({ length: 1_000 }, () => event),
      );
    const pool = new pg.Pool({ connectionString: serverUrl(), max: 3 });
    onTestFinished(() => pool.end());
    const options = { pool, schema: newSchema() };
    const cut = new PostgresBackend(options);
    await cut.open();
    let closed: Promise<void> | undefined;
    const onProgress = (): void => void (closed ??= cut.close());
    await expect(cut.import(source, { onProgress })).rejects.toThrow(StoreClosedError);
    await closed;
    const whole = new PostgresBackend(options);
    await openStore(whole);
    expect(await whole.import(source)).toMatchObject({ imported: 1_000, skipped: 10_000 });
  });

  it('ends a read that is not answered', async () => {
    const pool = new FaultyPool({ connectionString: serverUrl(), max: 3 });
    onTestFinished(() => pool.end());
    const store = await EventStore.open(new PostgresBackend({ pool, schema: newSchema() }));
    const asked = gate();
    pool.next(
      ({ text }) => text.includes('stream_id = $1'),
      (_, client) => {
        asked.open();
        return client.query('select pg_sleep(600)');
      },
    );
    const read = expect(store.getEvents('s')).rejects.toThrow(StoreClosedError);
    await asked.opened;
    await store.close();
    await read;
  });

  it('leaves no connection that listens in a pool of the user’s', async () => {
    const name = randomUUID();
    const pool = new pg.Pool({ connectionString: serverUrl(), max: 3, application_name: name });
    onTestFinished(() => pool.end());
    const store = await EventStore.open(new PostgresBackend({ pool, schema: newSchema() }));
    const listening = `select from pg_stat_activity where application_name = $1 and query like 'listen %'`;
    await store.subscribe(() => undefined).ready;
    await eventually(async () => expect(await sql(serverUrl(), listening, [name])).toHaveLength(1));
    await store.close();
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    for (const client of clients) {
      expect((await client.query('select pg_listening_channels()')).rows).toEqual([]);
      client.release();
    }
  });
});

describe('transactions of the store’s own', () => {
  it('leave connections to the appends that their handlers wait for', async () => {
    const pool = new pg.Pool({ connectionString: serverUrl(), max: 5 });
    onTestFinished(() => pool.end());
    const backend = new PostgresBackend({ pool, schema: newSchema() });
    const store = await openStore(backend);
    const [hold, running] = [gate(), { now: 0, most: 0 }];
    const all = Array.from({ length: 12 }, (_, i) =>
      backend.transactions.run(async () => {
        running.most = Math.max(running.most, ++running.now);
        await hold.opened;
        await store.append(`s-${i}`, [event]);
        running.now--;
      }),
    );
    await eventually(() => expect(running.now).toBe(3));
    expect(await isSettled(Promise.race(all))).toBe(false);
    hold.open();
    await Promise.all(all);
    expect(running.most).toBe(3);
    expect(await store.head()).toBe(12);
  });

  it('give their turn to the next one when they fail', async () => {
    const backend = new PostgresBackend({
      connectionString: serverUrl(),
      schema: newSchema(),
      maxConnections: 3,
    });
    await openStore(backend);
    for (let i = 0; i < 3; i++) {
      const failing = backend.transactions.run(() => Promise.reject(new Error(`no ${i}`)));
      await expect(failing).rejects.toThrow(`no ${i}`);
    }
    expect(await backend.transactions.run(() => Promise.resolve('yes'))).toBe('yes');
  });
});
