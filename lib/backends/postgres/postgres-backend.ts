import type { BackendStats } from '../../core/backend-stats.js';
import { type Clock, systemClock } from '../../core/clock.js';
import type { AppendResult, Commit, KeyedRecord } from '../../core/commit.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { EventStoreBackend, type Transactions } from '../../core/event-store-backend.js';
import type { Leases } from '../../core/leases.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import type { PostgresClient } from './driver.js';
import type { ImportReport } from './importing/event-import.js';
import { PostgresStore } from './postgres-store.js';
import { type PostgresOptions, type PostgresSettings, settingsOf } from './postgres-options.js';
import type { PostgresTransaction } from './transaction.js';

/**
 * Events in a schema of a PostgreSQL database, for as many processes as there are. `docs/postgres.md` tells what holds
 * on which kind of server, and how to run it there.
 *
 * Positions have no gaps but behind a fail-over, and ids are recognised for ever.
 * @example
 * ```ts
 * AllFrameModule.forRoot(new PostgresBackend({ connectionString: 'postgres://localhost/shop' }))
 * ```
 * @publicApi
 */
export class PostgresBackend extends EventStoreBackend {
  readonly backendType = 'postgres';
  override readonly leases: Leases = {
    hold: async (...args) => this.#opened('hold leases').leases.hold(...args),
    release: async (...args) => this.#opened('release leases').releaseLeases(...args),
  };

  override readonly transactions: Transactions = {
    run: async (work) => this.#opened('transactions.run').inTransaction(work),
  };

  readonly #settings: PostgresSettings;
  readonly #clock: Clock;
  #store: PostgresStore | undefined;
  #watchers = 0;
  #openedAt = 0;

  /**
   * @param clock for tests
   * @throws InvalidArgumentError, LimitExceededError
   */
  constructor(options: PostgresOptions, clock: Clock = systemClock) {
    super();
    this.#settings = settingsOf(options);
    this.#clock = clock;
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    if (this.#store === undefined) return Promise.reject(new StoreClosedError('append'));
    return this.#store.append(commit);
  }

  override watch(wake: () => void): () => void {
    const unwatch = super.watch(wake);
    this.#watchers++;
    this.#store?.watch.start();
    return () => {
      unwatch();
      this.#watchers--;
    };
  }

  async readStream(query: StreamQuery): Promise<EventPage> {
    return this.#opened('readStream').reads.readStream(query);
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    return this.#opened('readAll').readAll(query);
  }

  async head(): Promise<number> {
    return this.#opened('head').reads.head();
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    return this.#opened('readRecord').reads.readRecord(collection, key);
  }

  async readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    return this.#opened('readRecords').reads.readRecords(collection, query);
  }

  /** Does nothing: what is acknowledged is durable. */
  async flush(): Promise<void> {
    this.#opened('flush');
  }

  /**
   * Runs `work` in one transaction on a client of yours, which is in none: what is appended to `transaction` and what
   * you write on the client are committed together, or rolled back together if `work` rejects. `store.within(transaction)`
   * is your store in it.
   *
   * From its first append of events to its end nobody else appends to the store: append last, and do nothing slow after
   * it. Waiting inside for an append outside is waiting for oneself.
   * @throws what `work` rejects with; InvalidArgumentError if the client is in a transaction; PostgresUnavailableError if its
   * connection is lost before the commit; PostgresRequestError if the server refuses the commit, a failed statement among
   * the reasons; AppendOutcomeUnknownError
   * @example
   * ```ts
   * const pool = new pg.Pool({ connectionString: 'postgres://localhost/shop' });
   * const postgres = new PostgresBackend({ pool });
   * const shop = await EventStore.open(postgres);
   * const client = await pool.connect();
   * await postgres.withTransaction(client, async (transaction) => {
   *   await client.query('update stock set reserved = reserved + 1 where sku = $1', ['tea']);
   *   await shop.within(transaction).append('order-1', [{ type: 'order.placed', data: { sku: 'tea' } }]);
   * });
   * ```
   */
  async withTransaction<R>(
    client: PostgresClient,
    work: (transaction: PostgresTransaction) => Promise<R>,
  ): Promise<R> {
    return this.#opened('withTransaction').withTransaction(client, work);
  }

  /**
   * Copies the events of another store behind those of this one, in their order, with their ids, versions and times. It
   * goes on in steps: what it has copied stays, and the same import once more copies only what is missing. Appends to this
   * store go on in between. Records (checkpoints, snapshots) are not copied, since positions may be others here.
   * @param source an opened backend, such as an AllSourceBackend; its events up to its head now
   * @param options `onProgress`: called after each step
   * @throws DuplicateEventError; WrongExpectedVersionError for a stream of the source that does not go on where it ends here;
   * PostgresDriverMissingError, PostgresUnavailableError, PostgresRequestError, StoreClosedError
   */
  async import(
    source: EventStoreBackend,
    options: { readonly onProgress?: (report: ImportReport) => void } = {},
  ): Promise<ImportReport> {
    return this.#opened('import').import(source, options.onProgress);
  }

  async stats(): Promise<BackendStats> {
    const store = this.#opened('stats');
    const totals = await store.reads.totals();
    return {
      totalEvents: totals.events,
      totalAggregates: totals.streams.total,
      totalSnapshots: totals.snapshots.total,
      backendSpecific: {
        backendType: this.backendType,
        schema: this.#settings.schema.name,
        totalIngested: String(store.ingested),
        uptime: ((performance.now() - this.#openedAt) / 1000).toFixed(3),
        positionsSkipped: String(totals.positionsSkipped),
        streamsAreEstimated: String(totals.streams.isEstimated),
        snapshotsAreEstimated: String(totals.snapshots.isEstimated),
      },
    };
  }

  /**
   * Creates the schema of a store, or brings it up to date, as opening does unless told otherwise.
   * @param options those of the store, and `dryRun`: run nothing
   * @returns the statements that were run, or would be, in their order; none where nothing is to be done
   * @throws PostgresUnavailableError, PostgresRequestError, PostgresSchemaError, InvalidArgumentError
   */
  static async migrate(options: PostgresOptions & { readonly dryRun?: boolean }): Promise<readonly string[]> {
    const { dryRun = false, ...own } = options;
    return PostgresStore.migrate(settingsOf(own), dryRun);
  }

  protected async onOpen(): Promise<void> {
    this.#store = await PostgresStore.open(this.#settings, this.#clock, () => this.wakeWatchers());
    if (this.#watchers > 0) this.#store.watch.start();
    this.#openedAt = performance.now();
  }

  protected async onClose(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  #opened(operation: string): PostgresStore {
    if (this.#store === undefined) throw new StoreClosedError(operation);
    return this.#store;
  }
}
