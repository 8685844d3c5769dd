import type { BackendStats } from '../../core/backend-stats.js';
import type { AppendResult, Commit, KeyedRecord } from '../../core/commit.js';
import { AppendOutcomeUnknownError } from '../../core/errors/append.errors.js';
import { InvalidArgumentError } from '../../core/errors/input.errors.js';
import { EventStoreBackend, type StoreTransaction } from '../../core/event-store-backend.js';
import { Limits } from '../../core/limits.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import { appendCall } from './append/append-commits.js';
import { answersOf, callValues, type CommitAnswer } from './append/append-batch.js';
import { KnownVersions } from './append/known-versions.js';
import { firstResults, placesQuery, placesValues } from './append/repeats.js';
import { type Database, refused, type Rows } from './database.js';
import { type PostgresClient, queryRows } from './driver.js';
import { PostgresRequestError, PostgresUnavailableError } from './postgres.errors.js';
import { StoreReads } from './reading/store-reads.js';
import { isRefusal, sqlStateOf } from './sql-state.js';

const OPERATION = 'withTransaction';
/** What the server says of `begin` where a transaction has begun already. */
const ALREADY_BEGUN = '25001';
/** What it says of every statement after one that failed. */
const ABORTED = '25P02';

/**
 * A store as it is inside of a transaction of the user's own: what is appended becomes visible with the user's rows,
 * or never. It ends with the transaction.
 *
 * From its first append of events until the end of the transaction, nobody else appends to the store.
 * @publicApi
 */
export class PostgresTransaction extends EventStoreBackend implements StoreTransaction {
  readonly backendType = 'postgres';

  /** How many events were written in it, and the ids of those that were to be. @internal */
  readonly written = { events: 0, ids: [] as string[] };
  readonly #reads: StoreReads;

  /** @internal */
  constructor(
    private readonly statements: TransactionStatements,
    private readonly schema: string,
  ) {
    super();
    this.#reads = new StoreReads((...args) => statements.rows(...args), schema);
  }

  /** The connection that it is on: what is written there is committed and rolled back with it. */
  get client(): PostgresClient {
    return this.statements.client;
  }

  /** An append that was refused has taken its turn as well. */
  get hasAppended(): boolean {
    return this.written.ids.length > 0;
  }

  /** @throws as that of every backend; PostgresRequestError, after which the transaction can only be rolled back */
  async append(commit: Commit): Promise<readonly AppendResult[]> {
    this.assertOpen('append');
    for (const { events } of commit.streams) this.written.ids.push(...events.map(({ id }) => id));
    const values = callValues([commit], new KnownVersions(), false);
    const [row] = await this.statements.rows('append', appendCall(this.schema), values);
    const [answer] = answersOf([commit], row as Rows[number]);
    const results = await this.#resultsOf(commit, answer as CommitAnswer);
    for (const { idempotent, version, fromVersion } of results) {
      if (!idempotent) this.written.events += version - fromVersion + 1;
    }
    return results;
  }

  async readStream(query: StreamQuery): Promise<EventPage> {
    this.assertOpen('readStream');
    return this.#reads.readStream(query);
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    this.assertOpen('readAll');
    return this.#reads.readAll(query);
  }

  async head(): Promise<number> {
    this.assertOpen('head');
    return this.#reads.head();
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    this.assertOpen('readRecord');
    return this.#reads.readRecord(collection, key);
  }

  async readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    this.assertOpen('readRecords');
    return this.#reads.readRecords(collection, query);
  }

  /** Does nothing: what is in it becomes durable with its commit. */
  async flush(): Promise<void> {
    this.assertOpen('flush');
  }

  async stats(): Promise<BackendStats> {
    this.assertOpen('stats');
    const { events, streams, snapshots } = await this.#reads.totals();
    const backendSpecific = {
      backendType: this.backendType,
      totalIngested: String(this.written.events),
      uptime: '0',
    };
    return {
      totalEvents: events,
      totalAggregates: streams.total,
      totalSnapshots: snapshots.total,
      backendSpecific,
    };
  }

  protected async onOpen(): Promise<void> {
    // It is as open as its transaction.
  }

  protected async onClose(): Promise<void> {
    // The client is the user's own.
  }

  async #resultsOf(commit: Commit, answer: CommitAnswer): Promise<readonly AppendResult[]> {
    if ('results' in answer) return answer.results;
    if ('error' in answer) throw answer.error;
    return firstResults(
      commit,
      await this.statements.rows('append', placesQuery(this.schema), placesValues(commit)),
    );
  }
}

/** What is run on a connection in a transaction; no answer is waited for without an end. */
export class TransactionStatements {
  constructor(
    readonly client: PostgresClient,
    private readonly database: Database,
  ) {}

  /** @throws PostgresRequestError, PostgresUnavailableError: with the connection, all of it is gone */
  async rows(operation: string, text: string, values: readonly unknown[] = []): Promise<Rows> {
    try {
      return await this.#answered(queryRows(this.client, text, values));
    } catch (error) {
      throw failed(operation, error);
    }
  }

  /** @throws what the driver says */
  run(text: string): Promise<{ command?: string }> {
    return this.#answered(this.client.query({ text }));
  }

  #answered<T>(answer: Promise<T>): Promise<T> {
    // An append may wait for its turn first.
    return this.database.answered(answer, Limits.appendLockTimeoutMs + this.database.answerMs);
  }
}

/** A failure of a statement before the commit: whichever it is, nothing of the transaction stays. */
function failed(operation: string, error: unknown): Error {
  return isRefusal(error)
    ? refused(operation, error)
    : new PostgresUnavailableError(operation, { cause: error });
}

/**
 * The connection of a transaction that a projection with `state: 'transaction'` is handed.
 * @throws InvalidArgumentError if it is not one of PostgreSQL
 * @example
 * ```ts
 * @Projection('balances', { state: 'transaction' })
 * class StoredBalances {
 *   @EventHandler(MoneyDeposited)
 *   async onDeposited({ amount }: MoneyDeposited, { streamId }: RecordedEvent, { transaction }: ProjectionContext) {
 *     await clientOf(transaction).query('update balances set amount = amount + $1 where id = $2', [amount, streamId]);
 *   }
 * }
 * ```
 * @publicApi
 */
export function clientOf(transaction: EventStoreBackend | undefined): QueryingClient {
  if (transaction instanceof PostgresTransaction) return transaction.client as QueryingClient;
  throw new InvalidArgumentError(
    'transaction',
    "it is none of PostgreSQL; declare the projection with state: 'transaction', on a store with the PostgresBackend",
  );
}

/** What one wants of a connection within a handler. @publicApi */
export interface QueryingClient extends PostgresClient {
  query(statement: Parameters<PostgresClient['query']>[0]): ReturnType<PostgresClient['query']>;
  query(text: string, values?: readonly unknown[]): ReturnType<PostgresClient['query']>;
}

/** Runs `work` between `begin` and `commit`, or `rollback` if it rejects. */
export async function inTransaction<R>(
  statements: TransactionStatements,
  transaction: PostgresTransaction,
  work: (transaction: PostgresTransaction) => Promise<R>,
): Promise<R> {
  const { client } = statements;
  let cut: Error | undefined;
  // Without a listener, a connection that is cut while nothing runs on it would end the process.
  const onCut = (error?: unknown): void =>
    void (cut ??= new Error('the connection has ended', { cause: error }));
  client.on('error', onCut);
  client.on('end', onCut);
  try {
    await begin(statements);
    const result = await worked(statements, transaction, work);
    // With its connection it has been rolled back; of a commit that is sent now, nobody would know that.
    if (cut !== undefined) throw new PostgresUnavailableError(OPERATION, { cause: cut });
    await end(statements, transaction.written.ids);
    return result;
  } finally {
    client.off('error', onCut);
    client.off('end', onCut);
  }
}

async function worked<R>(
  statements: TransactionStatements,
  transaction: PostgresTransaction,
  work: (transaction: PostgresTransaction) => Promise<R>,
): Promise<R> {
  await transaction.open();
  try {
    return await work(transaction);
  } catch (error) {
    // If the connection is gone, so is the transaction.
    await statements.run('rollback').catch(() => undefined);
    throw error;
  } finally {
    await transaction.close();
  }
}

/** @throws InvalidArgumentError if the client is in a transaction already: committing it is somebody else's matter */
async function begin(statements: TransactionStatements): Promise<void> {
  const status = statements.client.getTransactionStatus?.() ?? 'I';
  if (status !== 'I' || !(await hasBegun(statements))) {
    throw new InvalidArgumentError(
      'client',
      'it is in a transaction already; give a client without one, and let withTransaction begin it',
    );
  }
  await statements.rows(OPERATION, 'set transaction isolation level read committed');
}

/** `false` if it had begun before, for drivers that do not tell of their own accord. */
async function hasBegun(statements: TransactionStatements): Promise<boolean> {
  const { client } = statements;
  let isNested = false;
  const onNotice = (notice: unknown): void => {
    isNested ||= (notice as { code?: string }).code === ALREADY_BEGUN;
  };
  client.on('notice', onNotice);
  try {
    await statements.run('begin');
    return !isNested;
  } catch (error) {
    // One that has failed, and that nobody has rolled back yet.
    if (sqlStateOf(error) !== ABORTED) throw failed(OPERATION, error);
    return false;
  } finally {
    client.off('notice', onNotice);
  }
}

async function end(statements: TransactionStatements, ids: readonly string[]): Promise<void> {
  let command: string | undefined;
  try {
    ({ command } = await statements.run('commit'));
  } catch (error) {
    if (isRefusal(error)) throw refused(OPERATION, error);
    throw new AppendOutcomeUnknownError(ids, { cause: error });
  }
  // A statement failed, and `work` went on as if it had not: the server has rolled back, and calls that no error.
  if (command === 'ROLLBACK') throw new PostgresRequestError(OPERATION, ABORTED);
}
