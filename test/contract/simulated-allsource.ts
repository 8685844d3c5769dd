/** AllSource on simulated disks as a subject of the kit, with all the faults that a disk can bring about. */
import { type AllSourceOptions, AllSourceBackend, StoreFailedError } from '@allframe/nestjs/allsource';
import {
  type AppendResult,
  type BackendStats,
  type Commit,
  type EventPage,
  EventStoreBackend,
  type KeyedRecord,
  type LogQuery,
  StoreClosedError,
  type StreamQuery,
} from '@allframe/nestjs';
import type { ContractFaults, ContractSubject } from '@allframe/nestjs/testing';
import { FailingFileSystem, type Operation } from '../faults/failing-file-system.js';
import { hostOn, SLOW_SYNC_MS } from '../faults/simulated-store.js';

const DIRECTORY = '/data';

/**
 * The store with somebody beside it who closes it and opens it again when it takes no more appends: with that a retry
 * after an unknown outcome needs nothing else. Between any two operations it may be told to do something more.
 */
class WatchedOver extends EventStoreBackend {
  readonly backendType = 'allsource';
  #inner: AllSourceBackend;
  #unwatch: () => void = () => undefined;

  constructor(
    private readonly make: () => AllSourceBackend,
    private readonly afterAppend: (inner: AllSourceBackend) => Promise<void> = () => Promise.resolve(),
  ) {
    super();
    this.#inner = make();
  }

  async append(commit: Commit): Promise<readonly AppendResult[]> {
    const results = await this.#appendAgain(commit);
    await this.afterAppend(this.#inner).catch((error: unknown) => {
      // Its closing has come first, which says nothing about the commit.
      if (!(error instanceof StoreClosedError)) throw error;
    });
    return results;
  }

  readStream(query: StreamQuery): Promise<EventPage> {
    return this.#inner.readStream(query);
  }

  readAll(query: LogQuery): Promise<EventPage> {
    return this.#inner.readAll(query);
  }

  head(): Promise<number> {
    return this.#inner.head();
  }

  readRecord(collection: string, key: string): Promise<string | null> {
    return this.#inner.readRecord(collection, key);
  }

  readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    return this.#inner.readRecords(collection, query);
  }

  flush(): Promise<void> {
    return this.#inner.flush();
  }

  stats(): Promise<BackendStats> {
    return this.#inner.stats();
  }

  protected async onOpen(): Promise<void> {
    await this.#inner.open();
    this.#unwatch = this.#inner.watch(() => this.wakeWatchers());
  }

  protected async onClose(): Promise<void> {
    this.#unwatch();
    await this.#inner.close();
  }

  async #appendAgain(commit: Commit): Promise<readonly AppendResult[]> {
    try {
      return await this.#inner.append(commit);
    } catch (error) {
      if (!(error instanceof StoreFailedError)) throw error;
      await this.onClose();
      this.#inner = this.make();
      await this.onOpen();
      return this.#inner.append(commit);
    }
  }
}

export interface SimulatedSubject {
  readonly name: string;
  readonly options?: AllSourceOptions;
  /** May lose what was acknowledged, so that a crash is a loss of power. */
  readonly isWeak?: boolean;
  readonly afterAppend?: (inner: AllSourceBackend) => Promise<void>;
  readonly runs?: number;
}

/** @param seed of the power losses */
export function simulatedSubject(
  { name, options = {}, isWeak = false, afterAppend, runs }: SimulatedSubject,
  seed: number,
): ContractSubject {
  /** The disk of each place. */
  const disks = new Map<string, FailingFileSystem>();
  let crashes = 0;
  const diskAt = (place: string): FailingFileSystem => {
    const known = disks.get(place);
    if (known === undefined) throw new Error(`nothing is open at ${place}`);
    return known;
  };
  const isWriteOfLog = ({ kind, path }: Operation): boolean => kind === 'write' && path.endsWith('.wal');
  const isSyncOfLog = ({ kind, path }: Operation): boolean => kind === 'sync' && path.endsWith('.wal');
  const strong: ContractFaults = {
    unknownOutcome(place, written) {
      // A sync that fails leaves what was written in the page cache, where the next opening finds it.
      diskAt(place).failAt(written ? isSyncOfLog : isWriteOfLog, { code: 'EIO' });
    },
    holdNextAppend(place) {
      const hold = diskAt(place).holdNextSync();
      return () => hold.release();
    },
    failNextAppend: (place) => diskAt(place).failAt(isWriteOfLog, { code: 'ENOSPC' }, { partial: 100 }),
  };
  // Else sealing reads, too, and meets the fault in the place of the reader.
  const onlyReadersRead = options.enableWal !== false && afterAppend === undefined;
  return {
    name: `allsource, ${name}`,
    open(place) {
      // A slow one leaves its syncs to a thread, where they can be held.
      if (!disks.has(place)) disks.set(place, new FailingFileSystem(isWeak ? 0 : SLOW_SYNC_MS));
      return new WatchedOver(
        () =>
          new AllSourceBackend(
            {
              persistencePath: DIRECTORY,
              sealIn: 'process',
              walSegmentBytes: 64 * 1024,
              recentCacheBytes: 0,
              ...options,
            },
            hostOn(diskAt(place)),
          ),
        afterAppend,
      );
    },
    remove: (place) => void disks.delete(place),
    faults: {
      ...(isWeak ? {} : strong),
      ...(onlyReadersRead
        ? {
            failNextRead(place, error) {
              const disk = diskAt(place);
              disk.readFailure = () => {
                disk.readFailure = () => undefined;
                return Object.assign(error, { code: 'EIO', syscall: 'read' });
              };
            },
          }
        : {}),
      crash(place) {
        disks.set(place, diskAt(place).afterPowerLoss({ seed: seed + ++crashes }));
      },
    },
    capabilities: {
      durable: true,
      transactional: false,
      duplicateWindow: 100_000,
      ...(isWeak ? { losesTail: true, positionsHaveGaps: true } : {}),
    },
    ...(runs === undefined ? {} : { runs }),
  };
}
