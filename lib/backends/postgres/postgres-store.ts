import { type Clock, systemClock } from '../../core/clock.js';
import type { AppendResult, Commit } from '../../core/commit.js';
import { TransactionRefusedError } from '../../core/errors/store.errors.js';
import type { EventStoreBackend } from '../../core/event-store-backend.js';
import type { EventPage, LogQuery } from '../../core/read-page.js';
import { AppendLane } from './append/append-lane.js';
import { forgetConnections, outliveConnections } from './connecting/connection-ends.js';
import type { ConnectionTarget } from './connecting/connection-string.js';
import { PrimaryPool } from './connecting/primary-pool.js';
import { Database, refused } from './database.js';
import { loadCopyStreams, loadDriver, type PostgresClient, type PostgresPool, queryRows } from './driver.js';
import { EventImport, type ImportReport } from './importing/event-import.js';
import { PostgresLeases } from './leases.js';
import { POOL_CONNECTIONS_MIN, type PostgresSettings } from './postgres-options.js';
import { PostgresRequestError, PostgresSchemaError } from './postgres.errors.js';
import { isPassing, isRefusal } from './sql-state.js';
import { StoreReads } from './reading/store-reads.js';
import { assertMigrated, migrate, pendingStatements } from './schema/migrate.js';
import { inTransaction, PostgresTransaction, TransactionStatements } from './transaction.js';
import { Turns } from './turns.js';
import { Watch } from './watching/watch.js';

/** Connections that transactions leave to those who append or read beside them, and to the watch: handlers wait for both. */
const CONNECTIONS_LEFT = POOL_CONNECTIONS_MIN - 1;

/** An open store: a pool, the ways in and out, and the watch. */
export class PostgresStore {
  readonly watch: Watch;
  /** Events that this process has appended since opening. */
  ingested = 0;
  /** What the primary holds. */
  readonly reads: StoreReads;
  readonly leases: PostgresLeases;
  readonly #logReads: StoreReads;
  readonly #events: AppendLane;
  /** Commits without events take no position, so they need not wait for those that do. */
  readonly #records: AppendLane;
  readonly #transactions: Turns;
  readonly #inFlight = new Set<Promise<unknown>>();

  private constructor(
    private readonly settings: PostgresSettings,
    private readonly pool: PostgresPool,
    private readonly database: Database,
    private readonly readers: Database,
    private readonly schema: string,
    clock: Clock,
    wake: () => void,
  ) {
    const { schema: named, wakeUp } = settings;
    this.watch = new Watch(database, named.name, schema, wakeUp, clock, wake, readers);
    this.#events = new AppendLane(database, schema, this.#onAppended);
    this.#records = new AppendLane(database, schema, this.#onAppended);
    this.reads = new StoreReads((...args) => database.read(...args), schema);
    this.leases = new PostgresLeases(database, schema, patienceMs(settings));
    this.#transactions = new Turns(settings.maxConnections - CONNECTIONS_LEFT);
    this.#logReads = new StoreReads((...args) => readers.read(...args), schema);
  }

  /** Connects, brings the schema up to date, and gives the store. @throws PostgresUnavailableError, PostgresSchemaError, PostgresRequestError */
  static async open(settings: PostgresSettings, clock: Clock, wake: () => void): Promise<PostgresStore> {
    const pool = await poolOf(settings);
    try {
      const { readPool, unavailableTimeoutMs, connectTimeoutMs } = settings;
      const database = new Database(pool, unavailableTimeoutMs, clock, patienceMs(settings));
      if (readPool !== undefined) outliveConnections(readPool);
      const readers =
        readPool === undefined
          ? database
          : new Database(readPool, unavailableTimeoutMs, clock, connectTimeoutMs);
      const schema = await ready(
        database,
        async (client) => {
          await (settings.migrate ? migrate : assertMigrated)(client, settings.schema);
          return client.escapeIdentifier(settings.schema.name);
        },
        settings,
      );
      return new PostgresStore(settings, pool, database, readers, schema, clock, wake);
    } catch (error) {
      await leave(settings, pool);
      throw error;
    }
  }

  /** See `PostgresBackend.migrate`. */
  static async migrate(given: PostgresSettings, dryRun: boolean): Promise<readonly string[]> {
    // Nothing is read there, and an open store may listen to it.
    const settings = { ...given, readPool: undefined };
    const pool = await poolOf(settings);
    try {
      const database = new Database(pool, 0, systemClock, patienceMs(settings));
      const work = dryRun ? pendingStatements : migrate;
      return await ready(database, (client) => work(client, settings.schema), settings);
    } finally {
      await leave(settings, pool);
    }
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    const lane = commit.streams.length > 0 ? this.#events : this.#records;
    return this.#awaited(lane.append(commit));
  }

  /** Gives leases back; closing waits for it, so that others need not wait for their end. */
  releaseLeases(names: readonly string[], owner: string): Promise<void> {
    return this.#awaited(this.leases.release(names, owner));
  }

  /**
   * Pages of the log, from a replica where there is one. Who reads without a bound follows, and gets the rest when it is
   * there; a bound is a promise, and what the replica does not have of it is the primary's to give.
   */
  async readAll(query: LogQuery): Promise<EventPage> {
    if (this.readers === this.database || query.direction === 'backward') return this.reads.readAll(query);
    const page = await this.#logReads.readAll(query);
    const isWhole = !page.atEnd || page.through >= query.upTo || query.upTo === Number.MAX_SAFE_INTEGER;
    return isWhole ? page : this.reads.readAll(query);
  }

  /** See `PostgresBackend.withTransaction`. */
  async withTransaction<R>(
    client: PostgresClient,
    work: (transaction: PostgresTransaction) => Promise<R>,
  ): Promise<R> {
    const statements = new TransactionStatements(client, this.database);
    const transaction = new PostgresTransaction(statements, this.schema);
    const result = await inTransaction(statements, transaction, work);
    const { events } = transaction.written;
    // Some of them may have been taken back to a savepoint, and others take their positions.
    if (events > 0) this.#onAppended(undefined, events);
    return result;
  }

  /** As `withTransaction`, on a connection of the store's own. @throws TransactionRefusedError */
  async inTransaction<R>(work: (transaction: PostgresTransaction) => Promise<R>): Promise<R> {
    try {
      return await this.#transactions.run(() =>
        this.database.withClient('transaction', (client) => this.withTransaction(client, work)),
      );
    } catch (error) {
      if (error instanceof PostgresRequestError && !isPassing(error.sqlState))
        throw new TransactionRefusedError({ cause: error });
      throw error;
    }
  }

  /** See `PostgresBackend.import`. */
  async import(
    source: EventStoreBackend,
    onProgress?: (report: ImportReport) => void,
  ): Promise<ImportReport> {
    return new EventImport(this.database, this.schema, await loadCopyStreams()).run(source, (report) => {
      this.watch.appended();
      onProgress?.(report);
    });
  }

  readonly #onAppended = (position: number | undefined, events: number): void => {
    this.ingested += events;
    this.watch.appended(position);
  };

  /** Closing waits for it. */
  #awaited<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    const forget = (): void => void this.#inFlight.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** Ends after the commits in flight. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    const stopped = this.watch.stop();
    this.database.close();
    this.readers.close();
    await stopped;
    await leave(this.settings, this.pool);
  }
}

/** The user's pool, or one of our own. */
async function poolOf(settings: PostgresSettings): Promise<PostgresPool> {
  const pool = settings.pool ?? (await newPool(settings));
  outliveConnections(pool);
  return pool;
}

async function newPool({
  target,
  maxConnections,
  connectTimeoutMs,
}: PostgresSettings): Promise<PostgresPool> {
  const { Pool } = await loadDriver();
  const { hosts, readWrite } = target as ConnectionTarget;
  const pools = hosts.map(
    (connectionString) =>
      new Pool({
        connectionString,
        max: maxConnections,
        connectionTimeoutMillis: connectTimeoutMs,
        keepAlive: true,
      }),
  );
  return readWrite ? new PrimaryPool(pools) : (pools[0] as PostgresPool);
}

async function leave({ pool: own, readPool }: PostgresSettings, pool: PostgresPool): Promise<void> {
  // Of our own pool the connections are still ending, and are outlived as well.
  if (own === undefined) await pool.end();
  else forgetConnections(pool);
  if (readPool !== undefined) forgetConnections(readPool);
}

/** Runs `work` on a database that can keep a store. */
async function ready<R>(
  database: Database,
  work: (client: PostgresClient) => Promise<R>,
  settings: PostgresSettings,
): Promise<R> {
  const prepare = async (client: PostgresClient): Promise<R> => {
    const [encoding] = await queryRows(client, 'show server_encoding');
    if (encoding?.[0] === 'UTF8') return work(client);
    throw new PostgresSchemaError(
      settings.schema.name,
      `the database has the encoding ${encoding?.[0]}, which cannot keep every text. Create one with encoding 'UTF8'.`,
    );
  };
  try {
    // A wrong address is to be known soon.
    return await database.withClient('open', prepare, database.deadline(patienceMs(settings)));
  } catch (error) {
    throw isRefusal(error) ? refused('open', error) : error;
  }
}

/** How long a connection may take: the hosts that are away are asked one after the other. */
function patienceMs({ connectTimeoutMs, target }: PostgresSettings): number {
  return connectTimeoutMs * (target?.hosts.length ?? 1);
}
