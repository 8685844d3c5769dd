/** Projections whose rows and checkpoint are committed together. */
import { randomUUID } from 'node:crypto';
import {
  EventStore,
  InMemoryBackend,
  InvalidArgumentError,
  ProjectionRegistry,
  type ProjectionContext,
  type RecordedEvent,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { clientOf, PostgresBackend } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../lib/core/clock.js';
import { Limits } from '../../lib/core/limits.js';
import type { ProjectionDefinition } from '../../lib/projections/projection-runner.js';
import { eventually } from '../eventually.js';
import { connectionLost, FaultyPool } from '../postgres/faulty-pool.js';

const [server] = inject('postgresServers');
const admin = new pg.Pool({ connectionString: server!.url, max: 2 });
const schema = `transactional_${randomUUID()}`;
const quoted = pg.escapeIdentifier(schema);
const silent = { error: () => undefined, warn: () => undefined };

beforeAll(async () => {
  await admin.query(`create schema ${quoted}`);
});
afterAll(async () => {
  await admin.query(`drop schema ${quoted} cascade`);
  await admin.end();
});

/** Counts events in a row of a table of the test's own. @param before called with each number before it is counted */
function counting(table: string, before: (n: number) => void = () => undefined): ProjectionDefinition {
  const instance = {
    async on({ n }: { n: number }, _event: unknown, { transaction }: ProjectionContext): Promise<void> {
      await clientOf(transaction).query(`update ${quoted}.${table} set count = count + 1, sum = sum + $1`, [
        n,
      ]);
      before(n);
    },
  };
  return {
    name: table,
    version: 1,
    store: undefined,
    state: 'transaction',
    className: 'Counting',
    methods: new Map([['counted', ['on']]]),
    instanceFor: () => instance,
  };
}

async function newTable(): Promise<string> {
  const table = `t${randomUUID().replaceAll('-', '')}`;
  await admin.query(`create table ${quoted}.${table} as select 0 as count, 0 as sum`);
  return table;
}

async function rowOf(table: string): Promise<unknown> {
  return (await admin.query(`select count, sum from ${quoted}.${table}`)).rows[0];
}

/** A process: a store on a pool that can die, and the projection running in it. */
async function running(place: string, definition: ProjectionDefinition, clock: Clock = systemClock) {
  const pool = new FaultyPool({ connectionString: server!.url, max: 5, application_name: randomUUID() });
  const store = await EventStore.open(new PostgresBackend({ pool, schema: place }), {
    logger: silent,
    clock,
  });
  const registry = new ProjectionRegistry();
  registry.register(definition, store);
  let isDead = false;
  onTestFinished(async () => {
    if (isDead) return;
    await registry.stop();
    await store.close();
    await pool.end();
  });
  registry.start();
  const die = (): Promise<void> => {
    isDead = true;
    return pool.die(server!.url);
  };
  return { store, registry, pool, die };
}

function newPlace(): string {
  const place = `place_${randomUUID()}`;
  onTestFinished(async () => {
    await admin.query(`drop schema if exists ${pg.escapeIdentifier(place)} cascade`);
  });
  return place;
}

const counted = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ type: 'counted', data: { n: from + i } }));
const sumTo = (n: number): number => (n * (n + 1)) / 2;

describe('a projection in transactions', () => {
  it('counts every event exactly once, though its process dies again and again in the middle of a page', async () => {
    const [place, table] = [newPlace(), await newTable()];
    const writer = await EventStore.open(
      new PostgresBackend({ connectionString: server!.url, schema: place }),
    );
    await writer.append('s-1', counted(1, 600));
    for (const deadly of [1, 37, 300, 511, 512, 599]) {
      let dies: () => void = () => undefined;
      const dead = new Promise<void>((resolve) => (dies = resolve));
      const life = await running(
        place,
        counting(table, (n) => {
          if (n !== deadly) return;
          dies();
        }),
      );
      await Promise.race([dead, life.registry.waitFor(table, 600, { timeoutMs: 20_000 })]);
      await life.die();
      // A dead process renews nothing; nobody here wants to wait for the end of its lease.
      await admin.query(`delete from ${pg.escapeIdentifier(place)}.leases`);
    }
    const last = await running(place, counting(table));
    await last.registry.waitFor(table, 600, { timeoutMs: 20_000 });
    expect(await rowOf(table)).toEqual({ count: 600, sum: sumTo(600) });
    await writer.close();
  });

  it('rolls back what a failing handler has written, and tries the event again', async () => {
    const [place, table] = [newPlace(), await newTable()];
    let failures = 2;
    const { store, registry } = await running(
      place,
      counting(table, (n) => {
        if (n === 3 && failures-- > 0) throw new Error('not now');
      }),
    );
    const { position } = await store.append('s-1', counted(1, 5));
    await registry.waitFor(table, position, { timeoutMs: 20_000 });
    expect(await rowOf(table)).toEqual({ count: 5, sum: 15 });
  });

  it('is blocked at an event that keeps failing, with the effect of all before it and of none after', async () => {
    const [place, table] = [newPlace(), await newTable()];
    const { store, registry } = await running(
      place,
      counting(table, (n) => {
        if (n === 3) throw new Error('never');
      }),
    );
    await store.append('s-1', counted(1, 5));
    await eventually(() => expect(registry.status(table)).toMatchObject({ state: 'blocked', position: 2 }));
    expect(await rowOf(table)).toEqual({ count: 2, sum: 3 });
  });

  it('hands an event over as it was, whatever was done to it in what is rolled back', async () => {
    const [place, table] = [newPlace(), await newTable()];
    let failures = 1;
    const definition = counting(table, (n) => {
      if (n === 3 && failures-- > 0) throw new Error('not now');
    });
    const { on } = definition.instanceFor({} as RecordedEvent) as {
      on: (...given: unknown[]) => Promise<void>;
    };
    const instance = {
      async on(data: { n: number }, event: unknown, context: unknown): Promise<void> {
        await on({ ...data }, event, context);
        data.n = 1_000;
      },
    };
    const { store, registry } = await running(place, { ...definition, instanceFor: () => instance });
    const { position } = await store.append('s-1', counted(1, 5));
    await registry.waitFor(table, position, { timeoutMs: 20_000 });
    expect(await rowOf(table)).toEqual({ count: 5, sum: 15 });
  });

  it.each([
    [
      'a constraint that is checked at the end',
      'alter table $ add unique (count) deferrable initially deferred',
      'insert into $ select * from $',
    ],
    ['a statement whose failure nobody noticed', 'select 1', 'select nothing from $'],
  ])('is blocked by %s', async (_, prepare, statement) => {
    const [place, table] = [newPlace(), await newTable()];
    const own = `${quoted}.${table}`;
    await admin.query(prepare.replaceAll('$', own));
    const instance = {
      async on({ n }: { n: number }, _event: unknown, { transaction }: ProjectionContext): Promise<void> {
        await clientOf(transaction).query(`update ${own} set count = count + 1, sum = sum + $1`, [n]);
        if (n === 3)
          await clientOf(transaction)
            .query(statement.replaceAll('$', own))
            .catch(() => undefined);
      },
    };
    const { store, registry } = await running(place, { ...counting(table), instanceFor: () => instance });
    await store.append('s-1', counted(1, 5));
    await eventually(() => expect(registry.status(table)).toMatchObject({ state: 'blocked', position: 2 }));
    expect(registry.status(table).error).toMatchObject({ cause: { code: 'TransactionRefusedError' } });
    expect(await rowOf(table)).toEqual({ count: 2, sum: 3 });
  });

  it('does not count twice where nobody knows whether the commit was carried out', async () => {
    const [place, table] = [newPlace(), await newTable()];
    const { store, registry, pool } = await running(place, counting(table));
    let lost = 0;
    const isCommit = ({ text }: { readonly text: string }): boolean => text === 'commit';
    for (const written of [true, false, true]) {
      pool.next(isCommit, async (proceed) => {
        lost++;
        if (written) await proceed();
        throw connectionLost();
      });
    }
    for (let i = 0; i < 6; i++) {
      const { position } = await store.append('s-1', counted(i * 10 + 1, 10));
      await registry.waitFor(table, position, { timeoutMs: 20_000 });
    }
    expect(lost).toBe(3);
    expect(await rowOf(table)).toEqual({ count: 60, sum: sumTo(60) });
  });

  it('takes many events into a transaction, until it has lasted for a while', async () => {
    const [place, table] = [newPlace(), await newTable()];
    let passed = 0;
    const started = systemClock.now();
    const clock = { ...systemClock, now: () => started + passed };
    const transactions: string[] = [];
    const definition = counting(table);
    const instance = {
      async on(_data: unknown, _event: unknown, { transaction }: ProjectionContext): Promise<void> {
        const { rows } = await clientOf(transaction).query('select pg_current_xact_id()::text as id');
        transactions.push((rows as { id: string }[])[0]!.id);
        passed += Limits.transactionMs / 2;
      },
    };
    const writer = await EventStore.open(
      new PostgresBackend({ connectionString: server!.url, schema: place }),
    );
    const { position } = await writer.append('s-1', counted(1, 9));
    await writer.close();
    const { registry } = await running(place, { ...definition, instanceFor: () => instance }, clock);
    await registry.waitFor(table, position, { timeoutMs: 20_000 });
    const [a, b, c, d, e] = [...new Set(transactions)];
    expect(transactions).toEqual([a, a, b, b, c, c, d, d, e]);
  });

  it.each([
    ['do', {}],
    ['try to', { expectedVersion: 7 }],
  ])('lets others append between two events whose handlers %s', async (_, options) => {
    const [place, table] = [newPlace(), await newTable()];
    const writer = await EventStore.open(
      new PostgresBackend({ connectionString: server!.url, schema: place }),
    );
    onTestFinished(() => writer.close());
    const instance = {
      async on({ n }: { n: number }, _event: unknown, { transaction }: ProjectionContext): Promise<void> {
        await writer.append('outside-1', [{ type: 'seen', data: { n } }]);
        await writer
          .within(transaction!)
          .append('inside-1', [{ type: 'seen', data: { n } }], options)
          .catch((error: unknown) => {
            if (!(error instanceof WrongExpectedVersionError)) throw error;
          });
      },
    };
    const { position } = await writer.append('s-1', counted(1, 20));
    const { registry } = await running(place, { ...counting(table), instanceFor: () => instance });
    // Less than it takes an append to give up waiting for its turn.
    await registry.waitFor(table, position, { timeoutMs: 20_000 });
    const numbers = async (stream: string) => (await writer.getEvents(stream)).map(({ data }) => data);
    const all = counted(1, 20).map(({ data }) => data);
    expect(await numbers('outside-1')).toEqual(all);
    expect(await numbers('inside-1')).toEqual('expectedVersion' in options ? [] : all);
  });

  it('cannot be declared on a store without transactions', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const declare = (): void => new ProjectionRegistry().register(counting('none'), store);
    expect(declare).toThrow(InvalidArgumentError);
    expect(declare).toThrow(
      /Projection of Counting.*'transaction' wants a backend with transactions.*"memory"/,
    );
    await store.close();
  });

  it('hands its connection to nobody else', () => {
    expect(() => clientOf(undefined)).toThrow(/state: 'transaction'/);
    expect(() => clientOf(new InMemoryBackend())).toThrow(InvalidArgumentError);
  });
});
