import { setMaxListeners } from 'node:events';
import { type Clock, backOffMs, pause } from '../../core/clock.js';
import { AppendOutcomeUnknownError } from '../../core/errors/append.errors.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { Limits } from '../../core/limits.js';
import { type PooledPostgresClient, type PostgresPool, queryRows } from './driver.js';
import { PostgresRequestError, PostgresUnavailableError } from './postgres.errors.js';
import { isRefusal, isTransient, READ_ONLY, sqlStateOf } from './sql-state.js';

export type Rows = readonly (readonly (string | null)[])[];

/** Runs a statement that only reads. */
export type Read = (operation: string, text: string, values?: readonly unknown[]) => Promise<Rows>;

/** A time by which something has to succeed; delays between attempts double. */
export class Deadline {
  readonly #at: number;
  #attempt = 0;

  constructor(
    private readonly clock: Clock,
    timeoutMs: number,
    private readonly signal: AbortSignal,
  ) {
    this.#at = clock.now() + timeoutMs;
  }

  /** How long until then, in milliseconds; less than 0 when it has passed. */
  get leftMs(): number {
    return this.#at - this.clock.now();
  }

  /** Waits before the next attempt; `false` where there is no time for one. */
  async retry(): Promise<boolean> {
    const ms = backOffMs(++this.#attempt, Limits.reconnectDelayMs, Limits.reconnectDelayMaxMs);
    if (this.signal.aborted || this.clock.now() + ms > this.#at) return false;
    await pause(this.clock, ms, this.signal);
    return !this.signal.aborted;
  }
}

/**
 * A pool of connections, and patience: a database that restarts or fails over is waited for, up to a time.
 */
export class Database {
  readonly #closing = new AbortController();
  /** Connections that are in use. */
  readonly #lent = new Set<PooledPostgresClient>();

  constructor(
    private readonly pool: PostgresPool,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
    /** What a connection is given in any case, be it the first attempt or the last. */
    private readonly connectTimeoutMs: number = Limits.connectTimeoutMs,
  ) {
    // As many as there are calls that wait for a connection.
    setMaxListeners(0, this.#closing.signal);
  }

  /** @param timeoutMs for those who cannot wait for so long */
  deadline(timeoutMs = this.timeoutMs): Deadline {
    return new Deadline(this.clock, Math.min(timeoutMs, this.timeoutMs), this.#closing.signal);
  }

  /** Nobody waits for the database any longer, and what still runs on its connections ends with them. */
  close(): void {
    this.#closing.abort();
    for (const client of this.#lent) client.release(true);
    this.#lent.clear();
  }

  /**
   * Runs `work` on a connection. One that `work` has failed on, other than by a refused statement, is given up.
   * @param answerMs how long `work` may take, in milliseconds, where it is one statement: a server that is gone without a
   * word is noticed by nothing else for a quarter of an hour
   * @throws PostgresUnavailableError if there is no connection in time, StoreClosedError, and whatever `work` throws
   */
  async withClient<T>(
    operation: string,
    work: (client: PooledPostgresClient) => Promise<T>,
    deadline = this.deadline(),
    answerMs?: number,
  ): Promise<T> {
    const client = await this.#connect(operation, deadline);
    if (this.#closing.signal.aborted) {
      // It was on its way when the others were ended.
      client.release(true);
      throw new StoreClosedError(operation);
    }
    this.#lent.add(client);
    let isSound = true;
    // Without a listener, a connection that is cut while nothing runs on it would end the process.
    const onError = (): void => void (isSound = false);
    client.on('error', onError);
    try {
      return await (answerMs === undefined ? work(client) : this.answered(work(client), answerMs));
    } catch (error) {
      isSound &&= isHealthy(error);
      if (this.#lent.has(client) || error instanceof AppendOutcomeUnknownError) throw error;
      throw new StoreClosedError(operation, { cause: error });
    } finally {
      client.off('error', onError);
      if (this.#lent.delete(client)) client.release(!isSound);
    }
  }

  /**
   * Runs a statement that may be run twice, again on another connection where one is lost.
   * @throws PostgresUnavailableError, PostgresRequestError, StoreClosedError
   */
  async read(
    operation: string,
    text: string,
    values: readonly unknown[] = [],
    deadline = this.deadline(),
    answerMs = this.answerMs,
  ): Promise<Rows> {
    const statement = (client: PooledPostgresClient): Promise<Rows> => queryRows(client, text, values);
    for (;;) {
      try {
        return await this.withClient(operation, statement, deadline, answerMs);
      } catch (error) {
        if (error instanceof PostgresUnavailableError || error instanceof StoreClosedError) throw error;
        // A standby cancels what stands in the way of what it replays, and would answer a moment later.
        if (isRefusal(error) && !isTransient(sqlStateOf(error) ?? '')) throw refused(operation, error);
        if (!(await deadline.retry())) throw new PostgresUnavailableError(operation, { cause: error });
      }
    }
  }

  /** How long one statement may take before its connection counts as lost, in milliseconds. */
  get answerMs(): number {
    return Math.max(this.timeoutMs, Limits.answerTimeoutMs);
  }

  /** What a statement is answered with. @throws Error when it is not within `ms` */
  answered<T>(answer: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(ms, () =>
        reject(new Error(`the server has not answered for ${ms} ms`)),
      );
      answer.then(resolve, reject).finally(cancel);
    });
  }

  /** A pool that has none to spare lets everybody wait for ever, unless it is told otherwise. */
  #connection(deadline: Deadline): Promise<PooledPostgresClient> {
    const { signal } = this.#closing;
    const ms = Math.max(deadline.leftMs, this.connectTimeoutMs);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (): void => {
        isOver = true;
        forget();
        signal.removeEventListener('abort', giveUp);
      };
      const giveUp = (): void => {
        end();
        reject(new Error(`the pool has given no connection within ${ms} ms`));
      };
      const forget = this.clock.after(ms, giveUp);
      signal.addEventListener('abort', giveUp);
      this.pool.connect().then(
        (client) => {
          // It came too late, and the next one may need it.
          if (isOver) return client.release();
          end();
          resolve(client);
        },
        (error: unknown) => {
          if (!isOver) end();
          reject(error);
        },
      );
    });
  }

  async #connect(operation: string, deadline: Deadline): Promise<PooledPostgresClient> {
    for (;;) {
      try {
        return await this.#connection(deadline);
      } catch (error) {
        if (this.#closing.signal.aborted) throw new StoreClosedError(operation);
        // A wrong password, or a database that does not exist, does not mend itself.
        if (isRefusal(error) || !(await deadline.retry())) {
          throw new PostgresUnavailableError(operation, { cause: error });
        }
      }
    }
  }
}

/** Whether a connection that has brought this error about can go on being used. */
function isHealthy(error: unknown): boolean {
  const state = error instanceof PostgresRequestError ? error.sqlState : sqlStateOf(error);
  return state !== READ_ONLY && (error instanceof PostgresRequestError || isRefusal(error));
}

/** The driver's error in the library's words. */
export function refused(operation: string, error: unknown): PostgresRequestError {
  return new PostgresRequestError(operation, sqlStateOf(error) ?? 'unknown', { cause: error });
}
