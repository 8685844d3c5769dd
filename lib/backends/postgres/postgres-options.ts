/** The options of the backend, what they are unless given, and what is refused. */
import { InvalidArgumentError } from '../../core/errors/input.errors.js';
import { Limits } from '../../core/limits.js';
import { checkName } from '../../core/text.js';
import { type ConnectionTarget, targetOf } from './connecting/connection-string.js';
import type { PostgresPool } from './driver.js';
import type { StoreSchema } from './schema/migrate.js';
import type { DataType } from './schema/tables.js';
import type { WakeUp } from './watching/watch.js';

/**
 * How a store in PostgreSQL is reached and kept.
 * @publicApi
 */
export interface PostgresOptions {
  /**
   * Such as `postgres://user:password@host:5432/database`; several hosts as
   * `host1:5432,host2:5432`, of which the primary is taken; `?schema=` does what the option does. This or `pool`.
   */
  readonly connectionString?: string;
  /** A `Pool` of `pg` that is yours: it is used, never ended, and left as it is set up. This or `connectionString`. */
  readonly pool?: PostgresPool;
  /** A pool of replicas that may lag: subscriptions read there, everything else does not. Yours, as `pool` is. */
  readonly readPool?: PostgresPool;
  /** The schema that holds the store and nothing else; it is created. Default `allframe`. */
  readonly schema?: string;
  /** `'json'` (default) keeps data as it was written; `'jsonb'` is for those who query it with SQL, and refuses `\u0000`. */
  readonly data?: DataType;
  /** `'notify'` (default), or `'poll'` behind a pooler in transaction mode, such as PgBouncer, and on servers without LISTEN. */
  readonly wakeUp?: WakeUp;
  /** Create and update the schema when opening; default `true`. Otherwise `PostgresBackend.migrate` has to be run before. */
  readonly migrate?: boolean;
  /** Connections at the most, 3 to 1,000, for a `connectionString`; default 10. A pool of yours needs at least 3, too. */
  readonly maxConnections?: number;
  /** How long a connection may take, be it new or one that a pool has to spare, in milliseconds; default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long appends and reads wait for a database that is away, in milliseconds; default 30,000. */
  readonly unavailableTimeoutMs?: number;
}

/** Options with nothing left open. */
export interface PostgresSettings {
  readonly target: ConnectionTarget | undefined;
  readonly pool: PostgresPool | undefined;
  readonly readPool: PostgresPool | undefined;
  readonly schema: StoreSchema;
  readonly wakeUp: WakeUp;
  readonly migrate: boolean;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly unavailableTimeoutMs: number;
}

const DEFAULT_SCHEMA = 'allframe';

/** Longer names are cut by the server, so that two of them might mean one schema. */
const SCHEMA_BYTES_MAX = 63;
/** One listens, one appends, and one reads or is in a transaction: with less they would wait for each other. */
export const POOL_CONNECTIONS_MIN = 3;
const CONNECTIONS_MAX = 1_000;

/** @throws InvalidArgumentError, LimitExceededError */
export function settingsOf(options: PostgresOptions): PostgresSettings {
  const { connectionString, pool, readPool, data = 'json', wakeUp = 'notify' } = options;
  const { migrate = true, maxConnections = Limits.poolConnectionsMax } = options;
  const { connectTimeoutMs = Limits.connectTimeoutMs, unavailableTimeoutMs = Limits.unavailableTimeoutMs } =
    options;
  if ((connectionString === undefined) === (pool === undefined)) {
    throw new InvalidArgumentError('options', 'either a connectionString or a pool is wanted, and not both');
  }
  const target = connectionString === undefined ? undefined : targetOf(connectionString);
  const { schema = target?.schema ?? DEFAULT_SCHEMA } = options;
  checkPool(pool, 'options.pool');
  checkSize(pool);
  checkPool(readPool, 'options.readPool');
  checkSchema(schema);
  if (data !== 'json' && data !== 'jsonb') {
    throw new InvalidArgumentError('options.data', `${String(data)} is neither 'json' nor 'jsonb'`);
  }
  if (wakeUp !== 'notify' && wakeUp !== 'poll') {
    throw new InvalidArgumentError('options.wakeUp', `${String(wakeUp)} is neither 'notify' nor 'poll'`);
  }
  if (typeof migrate !== 'boolean') throw new InvalidArgumentError('options.migrate', 'a boolean is wanted');
  checkRange(maxConnections, 'options.maxConnections', POOL_CONNECTIONS_MIN, CONNECTIONS_MAX);
  checkRange(connectTimeoutMs, 'options.connectTimeoutMs', 1, 2 ** 31 - 1);
  checkRange(unavailableTimeoutMs, 'options.unavailableTimeoutMs', 0, 2 ** 31 - 1);
  return {
    target,
    pool,
    readPool,
    schema: { name: schema, data },
    wakeUp,
    migrate,
    maxConnections: pool?.options?.max ?? maxConnections,
    connectTimeoutMs,
    unavailableTimeoutMs,
  };
}

function checkPool(pool: unknown, argument: string): void {
  if (pool === undefined) return;
  const { connect, end } = (pool ?? {}) as Partial<PostgresPool>;
  if (typeof connect === 'function' && typeof end === 'function') return;
  throw new InvalidArgumentError(argument, 'a Pool of pg is wanted, such as new Pool({ connectionString })');
}

function checkSize(pool: PostgresPool | undefined): void {
  const max = pool?.options?.max ?? POOL_CONNECTIONS_MIN;
  if (max >= POOL_CONNECTIONS_MIN) return;
  throw new InvalidArgumentError(
    'options.pool',
    `its max is ${max}, and ${POOL_CONNECTIONS_MIN} is the least: one connection listens, one appends, one reads`,
  );
}

function checkSchema(schema: unknown): void {
  checkName(schema, 'options.schema', 'schemaBytesMax', SCHEMA_BYTES_MAX);
  if (schema.startsWith('pg_') || schema === 'information_schema') {
    throw new InvalidArgumentError(
      'options.schema',
      `"${schema}" is a name that PostgreSQL keeps for itself`,
    );
  }
  // It stands inside of functions, whose text ends at a sign between two of these.
  if (schema.includes('$')) throw new InvalidArgumentError('options.schema', 'it holds a "$"; leave it out');
}

function checkRange(value: unknown, argument: string, min: number, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new InvalidArgumentError(argument, `${String(value)} is not a whole number from ${min} to ${max}`);
}
