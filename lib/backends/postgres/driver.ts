/**
 * What this backend uses of the `pg` package, by shape: the types of the library need no `@types/pg`, and a pool of
 * the user's own, or a test's, fits as well.
 */
import type { Writable } from 'node:stream';
import { PostgresDriverMissingError } from './postgres.errors.js';

/** A connection of `pg`. @publicApi */
export interface PostgresClient {
  query(statement: {
    text: string;
    values?: unknown[];
    rowMode?: 'array';
    types?: unknown;
  }): Promise<{ rows: unknown[]; command?: string }>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  /** A name as SQL takes it, whatever it holds. */
  escapeIdentifier(name: string): string;
  /** `I` for idle, `T` in a transaction, `E` in one that has failed; drivers before 8.20 do not tell. */
  getTransactionStatus?(): string | null;
}

/** A connection of `pg` that belongs to a pool. @publicApi */
export interface PooledPostgresClient extends PostgresClient {
  /** @param destroy give the connection up instead of back */
  release(destroy?: boolean): void;
}

/** A `Pool` of `pg`. @publicApi */
export interface PostgresPool {
  connect(): Promise<PooledPostgresClient>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  end(): Promise<void>;
  /** How it was made; `max`: connections at the most. */
  readonly options?: { readonly max?: number | undefined };
}

/** The part of the `pg` module that makes pools. */
export interface PostgresDriver {
  readonly Pool: new (config: Readonly<Record<string, unknown>>) => PostgresPool;
}

/** @throws PostgresDriverMissingError unless `pg` is installed */
export async function loadDriver(): Promise<PostgresDriver> {
  const loaded = (await load('pg')) as { default?: PostgresDriver } & PostgresDriver;
  return loaded.default ?? loaded;
}

/** The part of `pg-copy-streams` that writes. */
export interface CopyStreams {
  /** A stream into a table, which a client has to be given as a query. */
  from(text: string): Writable;
}

/** @throws PostgresDriverMissingError unless `pg-copy-streams` is installed */
export async function loadCopyStreams(): Promise<CopyStreams> {
  const loaded = (await load('pg-copy-streams')) as { default?: CopyStreams } & CopyStreams;
  return loaded.default ?? loaded;
}

async function load(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PostgresDriverMissingError(name, { cause: error });
  }
}

const asText = (value: string): string => value;
const TEXTS = { getTypeParser: () => asText };

/** Runs a statement. Its rows are arrays of the texts that the server sent, `null` for NULL. */
export async function queryRows(
  client: PostgresClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly (readonly (string | null)[])[]> {
  const { rows } = await client.query({ text, values: values as unknown[], rowMode: 'array', types: TEXTS });
  return rows as (string | null)[][];
}
