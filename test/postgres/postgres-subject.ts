import type { EventStoreBackend } from '@allframe/nestjs';
import pg from 'pg';
import { PostgresBackend, type PostgresOptions } from '@allframe/nestjs/postgres';
import type { ContractSubject } from '@allframe/nestjs/testing';
import { connectionLost, FaultyPool, isAppend, isLogPage, refusedWith } from './faulty-pool.js';

const FOREIGN = 'allframe_foreign';

/** Places are schemas of one database, each with a pool of its own that can be made to fail. */
export class PostgresSubject implements ContractSubject {
  readonly capabilities = { durable: true, transactional: true, duplicateWindow: Infinity };
  readonly runs = 15;
  readonly #pools = new Map<string, FaultyPool>();
  readonly #admin: pg.Pool;

  constructor(
    readonly name: string,
    private readonly url: string,
    private readonly options: PostgresOptions = {},
  ) {
    this.#admin = new pg.Pool({ connectionString: url, max: 2 });
  }

  readonly open = (place: string): PostgresBackend => {
    const pool = this.#pools.get(place) ?? this.#newPool(place);
    // A fault of the connection is to show, so nobody waits for the database to come back.
    return new PostgresBackend({ pool, schema: place, unavailableTimeoutMs: 0, ...this.options });
  };

  readonly openTenant = (place: string, tenant: string): PostgresBackend => this.open(`${place}-${tenant}`);

  readonly remove = async (place: string): Promise<void> => {
    for (const [name, pool] of this.#pools) {
      if (!name.startsWith(place)) continue;
      this.#pools.delete(name);
      await pool.end();
      await this.#admin.query(`drop schema if exists ${pg.escapeIdentifier(name)} cascade`);
    }
  };

  readonly inTransaction = async <R>(
    backend: EventStoreBackend,
    work: (inside: EventStoreBackend) => Promise<R>,
  ): Promise<R> => {
    const client = await this.#admin.connect();
    try {
      return await (backend as PostgresBackend).withTransaction(client, work);
    } finally {
      client.release();
    }
  };

  readonly driverSettings = (): unknown => ({
    defaults: pg.defaults,
    parsers: Object.values(pg.types.builtins).map((oid) => String(pg.types.getTypeParser(oid as number))),
  });

  readonly faults = {
    failNextAppend: (place: string, error: Error): void =>
      this.#pool(place).next(isAppend, () => Promise.reject(refusedWith('53100', error))),

    unknownOutcome: (place: string, written: boolean): void =>
      this.#pool(place).next(isAppend, async (proceed) => {
        if (written) await proceed();
        throw connectionLost();
      }),

    holdNextAppend: (place: string): (() => void) => {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      this.#pool(place).next(isAppend, async (proceed, client) => {
        await client.query('begin');
        const result = await proceed();
        await released;
        await client.query('commit');
        return result;
      });
      return release;
    },

    failNextRead: (place: string, error: Error): void =>
      this.#pool(place).next(isLogPage, () => Promise.reject(refusedWith('XX000', error))),

    crash: async (place: string): Promise<void> => {
      const pool = this.#pool(place);
      this.#pools.delete(place);
      await pool.die(this.url);
      this.#newPool(place);
    },

    foreignTransaction: async (): Promise<() => Promise<void>> => {
      await this.#admin.query(`create database ${FOREIGN}`).catch((error: { code?: string }) => {
        if (error.code !== '42P04') throw error;
      });
      const elsewhere = new URL(this.url);
      elsewhere.pathname = `/${FOREIGN}`;
      const client = new pg.Client({ connectionString: elsewhere.href });
      await client.connect();
      await client.query('begin');
      await client.query('create table written (n int)');
      await client.query('insert into written values (1)');
      return async () => {
        await client.query('rollback');
        await client.end();
      };
    },
  };

  async end(): Promise<void> {
    for (const pool of this.#pools.values()) await pool.end();
    await this.#admin.end();
  }

  #pool(place: string): FaultyPool {
    const pool = this.#pools.get(place);
    if (pool === undefined) throw new Error(`nothing has been opened at ${place}`);
    return pool;
  }

  #newPool(place: string): FaultyPool {
    const pool = new FaultyPool({ connectionString: this.url, max: 4, application_name: place.slice(-60) });
    this.#pools.set(place, pool);
    return pool;
  }
}
