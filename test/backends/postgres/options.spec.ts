/** What the backend is told: what is refused before anything is tried, and what a connection string may say. */
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EventStore, InvalidArgumentError, LimitExceededError } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions, PostgresUnavailableError } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { targetOf } from '../../../lib/backends/postgres/connecting/connection-string.js';
import { newSchema, serverUrl, sql, urlWith } from '../../postgres/schemas.js';
import { numbered, openStore } from '../../store/bank.js';

const SECRET = 'hunter2';
const connectionString = `postgres://me:${SECRET}@localhost:5432/shop`;
const pool = new pg.Pool();

/** Where the driver keeps what it has understood. */
interface Driver {
  readonly connectionParameters: { readonly options?: string };
}

/** As from JavaScript, where nobody looks at types. */
const given = (options: Readonly<Record<string, unknown>>): PostgresOptions => options;

describe('an option', () => {
  it.each([
    ['options', {}],
    ['options', { connectionString, pool }],
    ['options.connectionString', { connectionString: '' }],
    ['options.connectionString', { connectionString: 7 }],
    ['options.connectionString', { connectionString: null }],
    ['options.connectionString', { connectionString: `mysql://me:${SECRET}@localhost/shop` }],
    ['options.connectionString', { connectionString: `me:${SECRET}@localhost/shop` }],
    ['options.connectionString', { connectionString: `postgres://me:${SECRET}@localhost:99999/shop` }],
    ['options.connectionString', { connectionString: `postgres://me:${SECRET}@one,two:x/shop` }],
    ['options.connectionString', { connectionString: `postgres://me:${SECRET}/x@localhost/shop` }],
    ['options.connectionString', { connectionString: `postgres://me:${SECRET}#x@localhost/shop` }],
    ...['standby', 'prefer-standby', 'read-only', ''].map((wanted) => [
      'options.connectionString',
      { connectionString: `${connectionString}?target_session_attrs=${wanted}` },
    ]),
    ['options.pool', { pool: null }],
    ['options.pool', { pool: 'postgres://localhost' }],
    ['options.pool', { pool: { connect: () => undefined } }],
    ...[1, 2].map((max) => ['options.pool', { pool: new pg.Pool({ max }) }]),
    ['options.readPool', { pool, readPool: {} }],
    ['options.readPool', { connectionString, readPool: null }],
    ...['', 'pg_x', 'pg_', 'information_schema', 'a$b', '$', 'a\0b', '\ud800', 7, false].map((schema) => [
      'options.schema',
      { connectionString, schema },
    ]),
    ...['', 'pg_x', 'a%24b', 'a%00b'].map((schema) => [
      'options.schema',
      { connectionString: `${connectionString}?schema=${schema}` },
    ]),
    ...['JSON', 'text', '', null, 1, true].map((data) => ['options.data', { connectionString, data }]),
    ...['', 'listen', null, 0].map((wakeUp) => ['options.wakeUp', { connectionString, wakeUp }]),
    ...['yes', 0, null].map((migrate) => ['options.migrate', { connectionString, migrate }]),
    ...[0, 1, 2, 1_001, 2.5, NaN, -3, '10', null].map((maxConnections) => [
      'options.maxConnections',
      { connectionString, maxConnections },
    ]),
    ...[0, -1, 0.5, Infinity, 2 ** 31, '5', null].map((connectTimeoutMs) => [
      'options.connectTimeoutMs',
      { connectionString, connectTimeoutMs },
    ]),
    ...[-1, 0.5, Infinity, 2 ** 31, '5', null].map((unavailableTimeoutMs) => [
      'options.unavailableTimeoutMs',
      { connectionString, unavailableTimeoutMs },
    ]),
  ] as readonly (readonly [string, Readonly<Record<string, unknown>>])[])(
    'is refused: %s in %j',
    (argument, options) => {
      let refusal: unknown;
      try {
        void new PostgresBackend(given(options));
      } catch (error) {
        refusal = error;
      }
      expect(refusal).toBeInstanceOf(InvalidArgumentError);
      expect(refusal).toMatchObject({ argument });
      expect(inspect(refusal, { showHidden: true, depth: 9 })).not.toContain(SECRET);
    },
  );

  it.each(['x'.repeat(64), 'ü'.repeat(32)])('is refused: a schema of 64 bytes (%s)', (schema) => {
    expect(() => new PostgresBackend({ connectionString, schema })).toThrow(LimitExceededError);
  });

  it('leaves a pool that is shared with a migration as it was', async () => {
    const [main, replica] = [
      new pg.Pool({ connectionString: serverUrl() }),
      new pg.Pool({ connectionString: serverUrl() }),
    ];
    onTestFinished(async () => void (await Promise.all([main.end(), replica.end()])));
    const store = await EventStore.open(
      new PostgresBackend({ pool: main, readPool: replica, schema: newSchema() }),
    );
    const listeners = (): number[] => [main, replica].map((each) => each.listenerCount('error'));
    const before = listeners();
    await PostgresBackend.migrate({ pool: main, readPool: replica, schema: newSchema() });
    expect(listeners()).toEqual(before);
    await store.close();
    expect(listeners()).toEqual([0, 0]);
  });

  it('is accepted up to its bounds', () => {
    const bounds: readonly PostgresOptions[] = [
      { schema: 'x'.repeat(63) },
      { maxConnections: 3, connectTimeoutMs: 1, unavailableTimeoutMs: 0 },
      { maxConnections: 1_000, connectTimeoutMs: 2 ** 31 - 1, unavailableTimeoutMs: 2 ** 31 - 1 },
      { data: 'jsonb', wakeUp: 'poll', migrate: false, readPool: pool },
    ];
    for (const options of bounds) void new PostgresBackend({ connectionString, ...options });
    for (const options of bounds) void new PostgresBackend({ pool, ...options });
  });

  it('is refused by migrate as well, before anything is tried', async () => {
    await expect(PostgresBackend.migrate(given({ connectionString, data: 'xml' }))).rejects.toThrow(
      InvalidArgumentError,
    );
  });
});

describe('a password', () => {
  it.each(['nobody-is-here.invalid', '127.0.0.1:1'])(
    'is told to nobody when %s does not answer',
    async (host) => {
      const backend = new PostgresBackend({
        connectionString: `postgres://me:${SECRET}@${host}/shop`,
        unavailableTimeoutMs: 0,
      });
      const opening = EventStore.open(backend);
      await expect(opening).rejects.toThrow(PostgresUnavailableError);
      const error: unknown = await opening.catch((reason: unknown) => reason);
      expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET);
    },
  );
});

describe('the schema', () => {
  it('may be named in the connection string, and the option comes first', async () => {
    const [named, optional] = [newSchema(), newSchema()];
    const withSchema = urlWith(serverUrl(), { schema: named });
    const [inNamed, inOptional] = [
      await openStore(new PostgresBackend({ connectionString: withSchema })),
      await openStore(new PostgresBackend({ connectionString: withSchema, schema: optional })),
    ];
    await inNamed.append('s', numbered(3));
    await inOptional.append('s', numbered(1));
    for (const [schema, events] of [
      [named, 3],
      [optional, 1],
    ] as const) {
      expect(await sql(serverUrl(), `select * from ${schema}.events`)).toHaveLength(events);
    }
    expect((await inNamed.stats()).backendSpecific).toMatchObject({ schema: named });
  });
});

describe('a connection string', () => {
  it('becomes one for each of its hosts, with all the rest', () => {
    const target = targetOf('postgres://me:p%40ss@one:5432,two,three:6000/shop?schema=a&sslmode=require');
    expect(target).toEqual({
      hosts: ['one:5432', 'two', 'three:6000'].map(
        (host) => `postgres://me:p%40ss@${host}/shop?sslmode=require`,
      ),
      readWrite: true,
      schema: 'a',
    });
  });

  it.each([
    ['postgres://localhost/shop', false],
    ['postgres://localhost/shop?target_session_attrs=any', false],
    ['postgres://localhost/shop?target_session_attrs=read-write', true],
    ['postgresql://localhost/shop?target_session_attrs=primary', true],
    ['postgres://one,two/shop', true],
    ['postgres://one,two/shop?target_session_attrs=any', false],
  ])('%s is to be a primary: %s', (text, readWrite) => {
    const target = targetOf(text);
    expect(target.readWrite).toBe(readWrite);
    expect(target.hosts.join()).not.toContain('target_session_attrs');
    expect(target.schema).toBeUndefined();
  });

  it.each([
    ['postgres://u%40corp:p%2Fw%40%3A@db/shop', { user: 'u@corp', password: 'p/w@:', host: 'db' }],
    ['postgres://u:a,b@db/shop', { user: 'u', password: 'a,b', host: 'db' }],
    ['postgres://u:a@b@db/shop', { user: 'u', password: 'a@b', host: 'db' }],
    ['postgres://u@[::1]:5433/shop', { user: 'u', host: '::1', port: 5433 }],
    ['postgres://u@%2Frun%2Fpostgresql/shop', { host: '/run/postgresql', database: 'shop' }],
    ['postgres:///shop?host=/run/postgresql', { host: '/run/postgresql', database: 'shop' }],
    [
      'postgres://u:p%40@/shop?host=/cloudsql/a:b:c',
      { user: 'u', password: 'p@', host: '/cloudsql/a:b:c', database: 'shop' },
    ],
    ['postgres://___none___:p@/shop?host=/run', { user: '___none___', password: 'p', host: '/run' }],
    ['postgres://db/shop?options=-c%20a%3Db', { options: '-c a=b' }],
  ])('%s says to the driver what it says', (text, expected) => {
    const [first] = targetOf(text).hosts;
    const client = new pg.Client({ connectionString: first }) as pg.Client & Driver;
    const { user, password, host, port, database, connectionParameters } = client;
    const understood = { user, password, host, port, database, options: connectionParameters.options };
    expect(understood).toMatchObject(expected);
  });

  it('keeps IPv6 hosts apart', () => {
    expect(targetOf('postgres://u@[::1]:5432,[fe80::2]/shop').hosts).toEqual([
      'postgres://u@[::1]:5432/shop',
      'postgres://u@[fe80::2]/shop',
    ]);
  });

  it('may name a Unix socket', async () => {
    const [row] = await sql(
      serverUrl(),
      `select current_setting('unix_socket_directories') as host, current_setting('port') as port`,
    );
    const { host, port } = row as Record<string, string>;
    const bySocket = `postgres://postgres@/postgres?${new URLSearchParams({ host: host!, port: port! }).toString()}`;
    const store = await openStore(
      new PostgresBackend({ connectionString: bySocket, schema: newSchema(), maxConnections: 3 }),
    );
    expect((await store.append('s', numbered(1))).position).toBe(1);
  });
});
