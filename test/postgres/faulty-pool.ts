/** A pool of `pg` that fails when it is told to. */
import pg from 'pg';
import type { PooledPostgresClient, PostgresPool } from '@allframe/nestjs/postgres';

type Statement = Parameters<PooledPostgresClient['query']>[0];
type Result = ReturnType<PooledPostgresClient['query']>;

/** Stands in for one statement. @param proceed carries it out */
export type Interception = (proceed: () => Result, client: pg.PoolClient) => Result;

export const isAppend = ({ text }: Statement): boolean => /append_(commits|event)\(/.test(text);
export const isLogPage = ({ text }: Statement): boolean => text.includes('order by position');

/** What the driver says of a connection that is cut. */
export function connectionLost(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

/** What the driver says of a statement that the server refuses. */
export function refusedWith(sqlState: string, cause?: Error): Error {
  return Object.assign(new Error(cause?.message ?? 'refused', { cause }), { code: sqlState });
}

export class FaultyPool implements PostgresPool {
  readonly #pool: pg.Pool;
  readonly #interceptions: { matches: (statement: Statement) => boolean; act: Interception }[] = [];
  #isDead = false;

  constructor(config: pg.PoolConfig) {
    this.#pool = new pg.Pool(config);
  }

  get options(): pg.PoolConfig {
    return this.#pool.options;
  }

  /** The next statement that matches is left to `act`; once. */
  next(matches: (statement: Statement) => boolean, act: Interception): void {
    this.#interceptions.push({ matches, act });
  }

  async connect(): Promise<PooledPostgresClient> {
    if (this.#isDead) await new Promise(() => undefined);
    const client = await this.#pool.connect();
    return new Proxy(client, {
      get: (target, name) => {
        if (name === 'query') {
          return (given: Statement | string, values?: unknown[]) =>
            this.#query(target, typeof given === 'string' ? { text: given, values: values ?? [] } : given);
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  on(event: string, listener: (...args: unknown[]) => void): unknown {
    return this.#pool.on(event as 'error', listener);
  }

  off(event: string, listener: (...args: unknown[]) => void): unknown {
    return this.#pool.off(event, listener);
  }

  async end(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }

  /** As if the process had died: nothing is answered any more, and the server ends what was connected. */
  async die(url: string): Promise<void> {
    this.#isDead = true;
    this.#pool.on('error', () => undefined);
    const name = this.#pool.options.application_name;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    // A pooler may have given it a connection that had been one of these.
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()',
      [name],
    );
    await client.end();
  }

  #query(client: pg.PoolClient, statement: Statement): Result {
    const proceed = (): Result => client.query(statement as pg.QueryConfig);
    if (this.#isDead) return new Promise(() => undefined);
    const at = this.#interceptions.findIndex(({ matches }) => matches(statement));
    const [interception] = at === -1 ? [] : this.#interceptions.splice(at, 1);
    return interception === undefined ? proceed() : interception.act(proceed, client);
  }
}
