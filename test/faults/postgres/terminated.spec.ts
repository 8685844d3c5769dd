/** Appends whose connection is ended by the server, or whose call outlives its connection: they wait for a lock. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppendOutcomeUnknownError, EventStore } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions } from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { connectionLost, FaultyPool, isAppend } from '../../postgres/faulty-pool.js';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { Load } from './load.js';
import { Relay } from './relay.js';
import { expectSound, storedPlaces } from './stored.js';

let server: PostgresServer;
let admin: pg.Pool;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
  admin = new pg.Pool({ connectionString: server.url });
});
afterAll(async () => {
  await admin.end();
  await server.remove();
});

let schema: string;
let relay: Relay;
let pool: FaultyPool;
let store: EventStore;
beforeEach(async () => {
  schema = `terminated-${randomUUID()}`;
  relay = await Relay.start(server.port);
  pool = new FaultyPool({ connectionString: relay.url, application_name: schema });
});
afterEach(async () => {
  await store.close();
  await pool.end();
  await relay.close();
});

const open = (options: PostgresOptions = {}): Promise<EventStore> =>
  EventStore.open(new PostgresBackend({ pool, schema, wakeUp: 'poll', ...options }));

const noted = (tag: string, id?: string): { type: string; data: { tag: string } } => ({
  type: 'noted',
  data: { tag },
  ...(id === undefined ? {} : { id }),
});

/** Takes the right to append, as an append of another process does. @returns what gives it back */
async function holdAppendLock(): Promise<() => Promise<void>> {
  const client = await admin.connect();
  await client.query('begin');
  const table = `${pg.escapeIdentifier(schema)}.store`;
  await client.query(`select pg_advisory_xact_lock(append_lock) from ${table}`);
  return async () => {
    await client.query('commit');
    client.release();
  };
}

/** The connections of the store that wait for the right to append. */
async function waiting(): Promise<readonly number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    `select l.pid from pg_locks l join pg_stat_activity a using (pid)
     where not l.granted and l.locktype = 'advisory' and a.application_name = $1 order by l.waitstart`,
    [schema.slice(0, 63)],
  );
  return rows.map(({ pid }) => pid);
}

/** Waits until so many wait that are none of `before`. */
async function waiter(before: readonly number[] = []): Promise<number> {
  let found: number | undefined;
  await eventually(async () => {
    found = (await waiting()).find((pid) => !before.includes(pid));
    expect(found).toBeDefined();
  });
  return found as number;
}

const terminate = (pid: number): Promise<unknown> => admin.query('select pg_terminate_backend($1)', [pid]);

/** An append in each of the ways that it can be told from its repetition. */
const WAYS = [
  ['expects nothing', 'any', undefined],
  ['expects a version', 1, undefined],
  ['expects nothing and gives ids', 'any', randomUUID()],
  ['expects a version and gives ids', 1, randomUUID()],
] as const;

describe.each(WAYS)('an append that %s', (_, expectedVersion, id) => {
  beforeEach(async () => {
    store = await open();
    await store.append('s-1', [noted('before')]);
  });

  const append = (): Promise<unknown> => store.append('s-1', [noted('it', id)], { expectedVersion });

  async function expectOnce(): Promise<void> {
    await store.append('s-1', [noted('behind')]);
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    expect(stored.map(({ tag }) => tag)).toEqual(['before', 'it', 'behind']);
  }

  it('is made again when the server ends its connection while it waits for others', async () => {
    const release = await holdAppendLock();
    const appended = append();
    const killed: number[] = [];
    for (let i = 0; i < 3; i++) {
      const pid = await waiter(killed);
      killed.push(pid);
      await terminate(pid);
    }
    await waiter(killed);
    await release();
    expect(await appended).toMatchObject({ version: 2, position: 2 });
    await expectOnce();
  });

  it('is written once when the call of a lost connection goes on waiting', async () => {
    const release = await holdAppendLock();
    const appended = append();
    const first = await waiter();
    // The server notices nothing, and will carry it out when its turn comes, before the repetition.
    relay.cutAll();
    await waiter([first]);
    expect(await waiting()).toHaveLength(2);
    await release();
    expect(await appended).toMatchObject({ version: 2, position: 2 });
    await expectOnce();
  });

  it('is written once when the lost call comes after its repetition', async () => {
    let late: pg.QueryConfig | undefined;
    pool.next(
      (statement) => {
        if (!isAppend(statement)) return false;
        late = statement as pg.QueryConfig;
        return true;
      },
      () => Promise.reject(connectionLost()),
    );
    expect(await append()).toMatchObject({ version: 2, position: 2 });
    // The table's own constraint refuses it, or the function does.
    await admin.query(late as pg.QueryConfig).catch((error: { code?: string }) => {
      expect(error.code).toBe('23505');
    });
    await expectOnce();
  });
});

describe('connections that the server ends', () => {
  it('make thirty-two callers lose and double nothing', async () => {
    store = await open();
    const load = new Load(store, 32);
    for (let round = 0; round < 15; round++) {
      await load.progresses(50);
      await admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
        [schema.slice(0, 63)],
      );
    }
    await load.progresses();
    await load.stop();
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    load.expectKept(stored);
    expect(load).toMatchObject({ unknown: 0, conflicts: 0 });
    expect(load.acknowledged.size).toBe(stored.length);
  });

  it('make the store say that it does not know where it may not wait', async () => {
    store = await open({ unavailableTimeoutMs: 0 });
    const release = await holdAppendLock();
    const ids = [randomUUID(), randomUUID()];
    const append = (): Promise<unknown> =>
      store.append(
        's-1',
        ids.map((id) => noted(id, id)),
        { expectedVersion: 'noStream' },
      );
    const appended = append();
    const unknown = expect(appended).rejects.toMatchObject({
      code: 'AppendOutcomeUnknownError',
      eventIds: ids,
    });
    await terminate(await waiter());
    await unknown;
    await release();
    expect(await append()).toMatchObject({ fromVersion: 1, version: 2, idempotent: false });
    expect(await append()).toMatchObject({ fromVersion: 1, version: 2, idempotent: true });
    expect(await storedPlaces(server, schema)).toHaveLength(2);
  });

  it('are no reason to end the process where the end comes with the word that it is ready', async () => {
    store = await open();
    relay.cutAll();
    relay.endNextAsItIsReady();
    await store.append('s-1', [noted('a')]);
    relay.cutAll();
    relay.endNextAsItIsReady();
    expect(await store.getEvents('s-1')).toHaveLength(1);
  });
});

describe('an append whose call was lost and whose repetition is refused', () => {
  const lose = (): void => pool.next(isAppend, () => Promise.reject(connectionLost()));

  it('has failed for good only where the stream is past the expected version', async () => {
    store = await open();
    await store.append('s-1', [noted('a')]);
    lose();
    const passed = store.append('s-1', [noted('b')], { expectedVersion: 'noStream' });
    await expect(passed).rejects.toMatchObject({ code: 'WrongExpectedVersionError', actual: 1 });
    lose();
    // The stream may still come to that version, and then the lost call, wherever it is held up.
    const id = randomUUID();
    const ahead = store.append('s-1', [noted('c', id)], { expectedVersion: 3 });
    await expect(ahead).rejects.toMatchObject({ code: 'AppendOutcomeUnknownError', eventIds: [id] });
    expect(await storedPlaces(server, schema)).toHaveLength(1);
  });
});

describe('a connection that is found to be closed when it is written to', () => {
  /** The code of the system has five signs, as those of the server have. */
  const closed = (): Error => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });

  it('is replaced by another one for a read', async () => {
    store = await open();
    await store.append('s-1', [noted('a')]);
    pool.next(
      ({ text }) => text.includes('where stream_id'),
      () => Promise.reject(closed()),
    );
    expect(await store.getEvents('s-1')).toHaveLength(1);
  });

  it('is replaced by another one for an append', async () => {
    store = await open();
    pool.next(isAppend, () => Promise.reject(closed()));
    expect(await store.append('s-1', [noted('a')])).toMatchObject({ version: 1, idempotent: false });
    pool.next(isAppend, async (proceed) => {
      await proceed();
      throw closed();
    });
    expect(await store.append('s-1', [noted('b')])).toMatchObject({ version: 2, idempotent: false });
    expect(await storedPlaces(server, schema)).toHaveLength(2);
  });

  it('leaves unknown whether a transaction was committed', async () => {
    store = await open();
    const client = await pool.connect();
    pool.next(
      ({ text }) => text === 'commit',
      () => Promise.reject(closed()),
    );
    const done = (store.backend as PostgresBackend).withTransaction(client, (transaction) =>
      store.within(transaction).append('s-1', [noted('a')]),
    );
    await expect(done.finally(() => client.release(true))).rejects.toThrow(AppendOutcomeUnknownError);
  });
});
