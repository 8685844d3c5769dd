import { relative } from 'node:path';
import type { BackendStats } from '../../core/backend-stats.js';
import type { AppendResult, Commit, KeyedRecord } from '../../core/commit.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { EventStoreBackend } from '../../core/event-store-backend.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import {
  type AllSourceOptions,
  type AllSourceSettings,
  directoryPath,
  MEMORY_PATH,
  settingsOf,
} from './allsource-options.js';
import { AllSourceStore } from './allsource-store.js';
import { StorageUnavailableError } from './allsource.errors.js';
import { type BackupReport, backUp } from './care/back-up.js';
import { type RepairReport, repairStore } from './care/repair.js';
import { type VerificationReport, verifyStore } from './care/verify.js';
import type { DirectoryLock } from './files/directory-lock.js';
import { MemoryFileSystem } from './files/memory-file-system.js';
import { ensureDirectory, storageError, StoreDirectory } from './files/store-directory.js';
import { ProcessRunner } from './jobs/process-runner.js';
import { type OpeningReport, openStore } from './opening/open-store.js';
import type { StoreFiles } from './files/store-files.js';
import { SyncTiming } from './log/sync-timing.js';
import { type StorageHost, thisMachine } from './storage-host.js';
import { statisticsOf } from './statistics.js';

/**
 * Events in a directory of this machine: a write-ahead log that is synced before anything is acknowledged, and Parquet
 * files that any tool can query. One process at a time has it open. `docs/allsource.md` tells what is on disk, what each
 * mode may lose, and how to back up and restore.
 *
 * Positions have no gaps in the default mode, and ids are recognised wherever they stand among the newest 100,000 events
 * at least.
 * @example
 * ```ts
 * AllFrameModule.forRoot(AllSourceBackend.production('./data'))
 * ```
 * @publicApi
 */
export class AllSourceBackend extends EventStoreBackend {
  readonly backendType = 'allsource';

  readonly #settings: AllSourceSettings;
  readonly #host: StorageHost;
  readonly #files: StoreFiles;
  #store: AllSourceStore | undefined;
  #watchers = 0;
  #locks: DirectoryLock[] = [];
  #openedAt = 0;

  /**
   * Without options everything is in memory, and lives as long as this object.
   * @param options see `withConfig`
   * @param host for tests of failing disks
   * @throws InvalidArgumentError
   */
  constructor(options: AllSourceOptions = {}, host: StorageHost = thisMachine()) {
    super();
    this.#settings = settingsOf(options);
    this.#host = host;
    this.#files = filesOf(this.#settings, host);
  }

  /**
   * A backend with everything said: `withConfig({ enablePersistence: true, enableWal: true, persistencePath: './data' })`.
   * @throws InvalidArgumentError
   */
  static withConfig(options: AllSourceOptions): AllSourceBackend {
    return new AllSourceBackend(options);
  }

  /**
   * A durable backend: a commit is acknowledged when it is on the disk.
   * @param dataPath the directory of the store; it is created
   * @throws InvalidArgumentError
   */
  static production(dataPath: string): AllSourceBackend {
    return new AllSourceBackend({ enablePersistence: true, enableWal: true, persistencePath: dataPath });
  }

  /**
   * Makes a damaged store open again: keeps everything before the first damage, and the files as they were in
   * `repair-<time>` beside them. The store must not be open.
   * @throws StoreLockedError, StorageUnavailableError
   */
  static async repair(
    dataPath: string,
    options: Omit<AllSourceOptions, 'persistencePath'> = {},
  ): Promise<RepairReport> {
    const backend = new AllSourceBackend({ ...options, persistencePath: dataPath });
    if (backend.#host.files.stat(backend.#files.directory.manifest) === undefined) {
      throw new StorageUnavailableError(
        backend.#files.directory.path,
        'there is no store to repair: it has no manifest',
      );
    }
    await backend.#lock();
    try {
      return await repairStore(backend.#files, backend.#settings, backend.#host.now());
    } catch (error) {
      throw storageError(error, backend.#files.directory.path, 'the store cannot be repaired');
    } finally {
      await backend.#unlock();
    }
  }

  /** What the opening found, and how long its steps took; `undefined` while the backend is not open. */
  get opening(): OpeningReport | undefined {
    return this.#store?.opened.report;
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    // Not async: every append would pay for one more promise.
    if (this.#store === undefined) return Promise.reject(new StoreClosedError('append'));
    return this.#store.append(commit);
  }

  override watch(wake: () => void): () => void {
    const unwatch = super.watch(wake);
    this.#watchers++;
    this.#store?.follow(true);
    return () => {
      unwatch();
      if (--this.#watchers === 0) this.#store?.follow(false);
    };
  }

  async readStream(query: StreamQuery): Promise<EventPage> {
    return this.#opened('readStream').readStream(query);
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    return this.#opened('readAll').readAll(query);
  }

  async head(): Promise<number> {
    return this.#opened('head').head;
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    return this.#opened('readRecord').readRecord(collection, key);
  }

  async readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    return this.#opened('readRecords').readRecords(collection, query);
  }

  /**
   * Seals everything acknowledged so far into Parquet. It was durable before, except without a log, where this is what
   * makes it durable.
   * @throws DiskFullError, StorageUnavailableError; what could not be sealed stays in the log
   */
  async flush(): Promise<void> {
    await this.#opened('flush').flush();
  }

  /** Seals everything, and merges segments until none are left to be merged. */
  async compact(): Promise<void> {
    const store = this.#opened('compact');
    await store.flush();
    await store.sealing.mergeAll();
  }

  /** The Parquet files that hold exactly the sealed events, each once: for tools that query them. */
  sealedFiles(): readonly string[] {
    return this.#opened('sealedFiles').opened.sealed.segments.map(({ paths }) => paths.events);
  }

  /**
   * Reads the whole store and checks it: frames and their chain, positions, versions, sealed files against the
   * manifest. Appends go on meanwhile.
   * @throws StoreClosedError if the store is closed before it ends
   */
  async verify(): Promise<VerificationReport> {
    const store = this.#opened('verify');
    return store.listed.holding(() => verifyStore(store));
  }

  /**
   * Copies the store as it is at this moment into an empty or new directory; appends go on meanwhile. The copy is a
   * store like any other. One that ends with an error is not finished, and cannot be opened.
   * @throws StorageUnavailableError, and StoreClosedError if the store is closed before it ends
   */
  async backup(targetDirectory: string): Promise<BackupReport> {
    const store = this.#opened('backup');
    const target = directoryPath(targetDirectory, 'targetDirectory');
    // Without a log that outlives the process only what is sealed can be copied.
    if (!this.#files.logIsListed) await store.flush();
    try {
      return await store.listed.holding(() => backUp(store, target, this.#host.files));
    } catch (error) {
      throw storageError(error, target, 'the backup cannot be made');
    }
  }

  async stats(): Promise<BackendStats> {
    const store = this.#opened('stats');
    const { events, streams, snapshots } = store.totals;
    return {
      totalEvents: events,
      totalAggregates: streams,
      totalSnapshots: snapshots,
      backendSpecific: {
        backendType: this.backendType,
        uptime: ((this.#host.elapsed() - this.#openedAt) / 1000).toFixed(3),
        ...statisticsOf(store, this.#settings),
      },
    };
  }

  protected async onOpen(): Promise<void> {
    await this.#lock();
    try {
      const opened = openStore(this.#files, this.#settings, this.#host);
      const worker = this.#settings.sealIn === 'worker' ? this.#host.newWorkerRunner() : undefined;
      const runner = worker ?? new ProcessRunner(this.#files.sealed);
      const locks = this.#locks;
      const timing = new SyncTiming(() => this.#host.elapsed());
      this.#store = new AllSourceStore(this.#files, this.#settings, opened, runner, timing, {
        isHeld: () => locks.every((lock) => lock.isHeld()),
        wake: () => this.wakeWatchers(),
      });
    } catch (error) {
      await this.#unlock();
      throw storageError(error, this.#files.directory.path, 'the store cannot be opened');
    }
    this.#store.follow(this.#watchers > 0);
    this.#openedAt = this.#host.elapsed();
  }

  protected async onClose(): Promise<void> {
    try {
      await this.#store?.close();
    } finally {
      this.#store = undefined;
      await this.#unlock();
    }
  }

  async #lock(): Promise<void> {
    const { path, logPath } = this.#settings;
    if (path === undefined) return;
    const { directory, logIsListed } = this.#files;
    const apart = logIsListed && relative(path, directory.log).startsWith('..');
    try {
      for (const place of apart ? [path, logPath] : [path]) {
        ensureDirectory(this.#host.files, place);
        this.#locks.push(await this.#host.lock(place));
      }
    } catch (error) {
      await this.#unlock();
      throw error;
    }
  }

  async #unlock(): Promise<void> {
    const locks = this.#locks;
    this.#locks = [];
    for (const lock of locks.toReversed()) await lock.release();
  }

  #opened(operation: string): AllSourceStore {
    if (this.#store === undefined) throw new StoreClosedError(operation);
    return this.#store;
  }
}

function filesOf({ path, logPath, durability }: AllSourceSettings, { files }: StorageHost): StoreFiles {
  if (path === undefined) {
    const memory = new MemoryFileSystem();
    return {
      sealed: memory,
      log: memory,
      directory: new StoreDirectory(MEMORY_PATH, logPath),
      logIsListed: true,
    };
  }
  const logIsListed = durability !== 'memory';
  const directory = new StoreDirectory(path, logIsListed ? logPath : `${MEMORY_PATH}/wal`);
  return { sealed: files, log: logIsListed ? files : new MemoryFileSystem(), directory, logIsListed };
}
