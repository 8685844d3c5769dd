/** Events and the user's own rows, together or not at all. */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AppendOutcomeUnknownError,
  EventStore,
  InvalidArgumentError,
  StoreClosedError,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import {
  PostgresBackend,
  type PostgresOptions,
  PostgresRequestError,
  type PostgresTransaction,
} from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { connectionLost, FaultyPool } from '../../postgres/faulty-pool.js';
import { newClient, newSchema, serverUrl, sql, urlWith } from '../../postgres/schemas.js';
import { MoneyDeposited, numbered, openStore } from '../../store/bank.js';

interface Place {
  readonly schema: string;
  readonly backend: PostgresBackend;
  readonly store: EventStore;
  /** A connection of the user's own. */
  readonly client: pg.Client;
}

/** A store, and beside it a table `rows` of the user's own. */
async function newPlace(options: PostgresOptions = {}): Promise<Place> {
  const schema = newSchema();
  const backend = new PostgresBackend({ connectionString: serverUrl(), schema, ...options });
  const store = await openStore(backend);
  await sql(serverUrl(), `create table ${schema}.rows (n int primary key)`);
  return { schema, backend, store, client: await newClient() };
}

const rowsOf = async ({ schema }: Place): Promise<readonly unknown[]> =>
  (await sql(serverUrl(), `select n from ${schema}.rows order by n`)).map(({ n }) => n);

/** Writes a row and an event, then does what `then` says. */
function writeBoth(
  { backend, client, store, schema }: Place,
  then: (inside: EventStore, transaction: PostgresTransaction) => Promise<void> = async () => undefined,
): Promise<void> {
  return backend.withTransaction(client, async (transaction) => {
    const inside = store.within(transaction);
    await client.query(`insert into ${schema}.rows values (1)`);
    await inside.append('s', numbered(1));
    await then(inside, transaction);
  });
}

describe('a transaction of the user’s own', () => {
  it('commits events and rows together, gives what the work gives, and leaves the client in none', async () => {
    const place = await newPlace();
    const { backend, client, store } = place;
    const given = await backend.withTransaction(client, async (transaction) => {
      await client.query(`insert into ${place.schema}.rows values (1)`);
      return store.within(transaction).append('s', numbered(2));
    });
    expect(given).toMatchObject({ fromVersion: 1, version: 2, position: 2, idempotent: false });
    expect(await rowsOf(place)).toEqual([1]);
    expect(await store.getEvents('s')).toHaveLength(2);
    // Outside of a transaction the server refuses a savepoint.
    await expect(client.query('savepoint here')).rejects.toMatchObject({ code: '25P01' });
    expect((await store.stats()).backendSpecific).toMatchObject({ totalIngested: '2' });
  });

  it('takes events and rows back together, and rejects with the work’s own error', async () => {
    const place = await newPlace();
    const error = new Error('changed my mind');
    await expect(
      writeBoth(place, () => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await rowsOf(place)).toEqual([]);
    expect(await place.store.head()).toBe(0);
    // The client can be used again, and positions have no gap.
    await writeBoth(place);
    expect(await rowsOf(place)).toEqual([1]);
    expect((await place.store.getEvents('s')).map(({ position }) => position)).toEqual([1]);
  });

  it('rejects if a statement failed, though the work went on as if it had not', async () => {
    const place = await newPlace();
    const whole = writeBoth(place, async () => {
      await place.client.query(`insert into ${place.schema}.rows values (1)`).catch(() => undefined);
    });
    await expect(whole).rejects.toThrow(PostgresRequestError);
    await expect(whole).rejects.toMatchObject({ operation: 'withTransaction', sqlState: '25P02' });
    expect(await rowsOf(place)).toEqual([]);
    expect(await place.store.head()).toBe(0);
  });

  it('rejects if the server refuses the commit itself', async () => {
    const place = await newPlace();
    const { schema, client } = place;
    await client.query(`create table ${schema}.late (n int unique deferrable initially deferred)`);
    const whole = writeBoth(place, async () => {
      await client.query(`insert into ${schema}.late values (1), (1)`);
    });
    await expect(whole).rejects.toMatchObject({ code: 'PostgresRequestError', sqlState: '23505' });
    expect(await rowsOf(place)).toEqual([]);
    expect(await place.store.head()).toBe(0);
  });

  it('goes on after an append that finds another version', async () => {
    const place = await newPlace();
    await writeBoth(place, async (inside) => {
      const refused = inside.append('s', numbered(1), { expectedVersion: 7 });
      await expect(refused).rejects.toThrow(WrongExpectedVersionError);
      await expect(refused).rejects.toMatchObject({ actual: 1 });
      await inside.append('s', numbered(1), { expectedVersion: 1 });
    });
    expect(await place.store.getEvents('s')).toHaveLength(2);
    expect(await rowsOf(place)).toEqual([1]);
  });

  it('reads what it has written, and nobody else does before its end', async () => {
    const place = await newPlace();
    await writeBoth(place, async (inside) => {
      expect(await inside.head()).toBe(1);
      expect(await inside.getEvents('s')).toHaveLength(1);
      expect(await place.store.head()).toBe(0);
      expect((await inside.stats()).totalEvents).toBe(1);
      expect((await place.store.stats()).totalEvents).toBe(0);
    });
    expect(await place.store.head()).toBe(1);
  });

  it('knows the event classes of the store, and its metadata', async () => {
    const { backend, client } = await newPlace();
    const store = await openStore(backend, { events: [MoneyDeposited] });
    await backend.withTransaction(client, async (transaction) => {
      const inside = store.within(transaction);
      await inside.append('s', [new MoneyDeposited(1_000)], { metadata: { userId: 'me' } });
      const [event] = await inside.getEvents('s');
      expect(event?.data).toBeInstanceOf(MoneyDeposited);
      expect((event?.data as MoneyDeposited).isLarge).toBe(true);
    });
    expect((await store.getEvents('s'))[0]?.metadata).toMatchObject({ userId: 'me' });
  });

  it('shows a subscription its events after the commit, and not before', async () => {
    const place = await newPlace();
    const seen: number[] = [];
    const headWhenSeen: number[] = [];
    place.store.subscribe(
      async ({ position }) => {
        seen.push(position);
        headWhenSeen.push(await place.store.head());
      },
      { after: 0 },
    );
    await writeBoth(place, async (inside) => {
      await inside.append('s', numbered(1));
      // What the store itself sees is all that a subscription can be given.
      expect(await place.store.getAllEvents()).toEqual([]);
      expect(seen).toEqual([]);
    });
    await eventually(() => expect(seen).toEqual([1, 2]));
    expect(headWhenSeen).toEqual([2, 2]);
  });

  it('tells subscriptions of other processes, too', async () => {
    const place = await newPlace();
    const other = await openStore(
      new PostgresBackend({ connectionString: serverUrl(), schema: place.schema }),
    );
    const seen: number[] = [];
    other.subscribe(({ position }) => void seen.push(position), { after: 0 });
    await writeBoth(place);
    await eventually(() => expect(seen).toEqual([1]));
  });

  it('has READ COMMITTED, whatever the client is set to', async () => {
    const place = await newPlace();
    await place.client.query(`set default_transaction_isolation = 'serializable'`);
    await writeBoth(place);
    expect(await place.store.head()).toBe(1);
    const { rows } = await place.client.query('show default_transaction_isolation');
    expect(rows).toEqual([{ default_transaction_isolation: 'serializable' }]);
  });
});

describe('a client that is in a transaction already', () => {
  it('is refused, and its transaction is left as it was', async () => {
    const place = await newPlace();
    const { backend, client, schema } = place;
    await client.query('begin isolation level repeatable read');
    await client.query(`insert into ${schema}.rows values (7)`);
    let isCalled = false;
    const refused = backend.withTransaction(client, async () => void (isCalled = true));
    await expect(refused).rejects.toThrow(InvalidArgumentError);
    await expect(refused).rejects.toMatchObject({ argument: 'client' });
    expect(isCalled).toBe(false);
    expect((await client.query('show transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'repeatable read' },
    ]);
    expect(await rowsOf(place)).toEqual([]);
    await client.query('commit');
    expect(await rowsOf(place)).toEqual([7]);
  });

  it('is refused also where that one has failed', async () => {
    const { backend, client } = await newPlace();
    await client.query('begin');
    await client.query('select 1 / 0').catch(() => undefined);
    const refused = backend.withTransaction(client, async () => undefined);
    await expect(refused).rejects.toThrow(InvalidArgumentError);
    // It is still there to be rolled back.
    expect((await client.query('commit')).command).toBe('ROLLBACK');
  });
});

describe('after its end', () => {
  it.each(['commit', 'rollback'])('by %s a transaction can be used no more', async (end) => {
    const place = await newPlace();
    const kept: PostgresTransaction[] = [];
    const whole = writeBoth(place, async (_inside, transaction) => {
      kept.push(transaction);
      if (end === 'rollback') throw new Error('back');
    });
    await whole.catch(() => undefined);
    const [transaction] = kept as [PostgresTransaction];
    const inside = place.store.within(transaction);
    const uses = [
      () => inside.append('s', numbered(1)),
      () => inside.getEvents('s'),
      () => inside.getAllEvents(),
      () => inside.head(),
      () => inside.records.get('c', 'k'),
      () => inside.records.write([{ collection: 'c', key: 'k', value: 1 }]),
      () => inside.flush(),
      () => inside.stats(),
    ];
    for (const use of uses) await expect(use()).rejects.toThrow(StoreClosedError);
    expect(await place.store.head()).toBe(end === 'commit' ? 1 : 0);
  });

  it('of the store no transaction can be begun', async () => {
    const { backend, client, store } = await newPlace();
    await store.close();
    await expect(backend.withTransaction(client, async () => undefined)).rejects.toThrow(StoreClosedError);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('a connection that is cut', () => {
  const isCommit = ({ text }: { text: string }): boolean => text === 'commit';

  it.each([
    ['after the commit has been carried out', true],
    ['before', false],
  ])('during the commit, %s, leaves the outcome unknown, with the ids', async (_, isWritten) => {
    const place = await newPlace();
    const pool = new FaultyPool({ connectionString: serverUrl(), max: 1 });
    onTestFinished(() => pool.end());
    pool.next(isCommit, async (proceed, client) => {
      await (isWritten ? proceed() : client.query('rollback'));
      throw connectionLost();
    });
    const client = await pool.connect();
    let ids: readonly string[] = [];
    const whole = place.backend.withTransaction(client, async (transaction) => {
      const inside = place.store.within(transaction);
      await inside.append('s', numbered(2));
      ids = (await inside.getEvents('s')).map(({ id }) => id);
    });
    await expect(whole).rejects.toThrow(AppendOutcomeUnknownError);
    await expect(whole).rejects.toMatchObject({ eventIds: ids });
    client.release();
    expect(ids).toHaveLength(2);
    expect(await place.store.head()).toBe(isWritten ? 2 : 0);
  });

  it('by the server, during the work, takes everything back', async () => {
    const place = await newPlace();
    place.client.on('error', () => undefined);
    const { rows } = await place.client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const whole = writeBoth(place, async (inside) => {
      await sql(serverUrl(), 'select pg_terminate_backend($1, 10000)', [rows[0]?.pid]);
      await inside.append('s', numbered(1));
    });
    await expect(whole).rejects.toThrow();
    expect(await rowsOf(place)).toEqual([]);
    expect(await place.store.head()).toBe(0);
    // And its lock is free.
    await place.store.append('s', numbered(1));
  });
});

describe('a database whose transactions are isolated further by default', () => {
  it('refuses appends outside of withTransaction, and says what to set', async () => {
    const options = '-c default_transaction_isolation=repeatable\\ read';
    const place = await newPlace({ connectionString: urlWith(serverUrl(), { options }) });
    const refused = place.store.append('s', numbered(1));
    await expect(refused).rejects.toMatchObject({ code: 'PostgresRequestError', sqlState: 'AF001' });
    await expect(refused).rejects.toThrow(/default_transaction_isolation of the role to 'read committed'/);
    expect(await place.store.head()).toBe(0);
    await writeBoth(place);
    expect(await place.store.head()).toBe(1);
  });

  it('reads as ever', async () => {
    const options = '-c default_transaction_isolation=serializable';
    const place = await newPlace();
    await writeBoth(place);
    const connectionString = urlWith(serverUrl(), { options });
    const reader = await openStore(new PostgresBackend({ connectionString, schema: place.schema }));
    expect(await reader.getEvents('s')).toHaveLength(1);
  });
});
