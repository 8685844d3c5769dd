import type { AppendResult, Commit, KeyedRecord } from './commit.js';
import type { BackendStats } from './backend-stats.js';
import { StoreClosedError } from './errors/store.errors.js';
import type { Leases } from './leases.js';
import type { EventPage, LogQuery, StreamQuery } from './read-page.js';

/**
 * Transactions that a backend begins by itself, for those whose own writes are to be committed with the store's.
 * @publicApi
 */
export interface Transactions {
  /** Runs `work` in a transaction: committed if it resolves, rolled back if it rejects. `transaction` ends with it. @throws TransactionRefusedError */
  run<R>(work: (transaction: StoreTransaction) => Promise<R>): Promise<R>;
}

/**
 * A store as it is inside of a transaction.
 * @publicApi
 */
export interface StoreTransaction extends EventStoreBackend {
  /** Whether events have been appended in it; others may have to wait for its end before they can append. */
  readonly hasAppended: boolean;
}

/**
 * The backend contract: encoded events in, encoded events out, and keyed records that commit with them.
 *
 * It is small and dumb on purpose. The store above it has checked every argument; types, upcasting, JSON and
 * subscriptions are written once, there. `docs/backends.md` tells how to write one, and `eventStoreContract` of
 * `@allframe/nestjs/testing` proves it. The class is also the provider token of a store's backend.
 *
 * Several stores may share one backend object: it opens with the first and closes with the last, and it may be
 * opened again afterwards (the same object of a module's `forRoot` serves one application after another in tests).
 * @publicApi
 */
export abstract class EventStoreBackend {
  /** A short name for people, such as `memory`. */
  abstract readonly backendType: string;

  /** Leases, where several processes can have the backend open; `undefined` where only one can. */
  readonly leases: Leases | undefined = undefined;
  /** Transactions, where the backend has them; `undefined` where not. */
  readonly transactions: Transactions | undefined = undefined;

  readonly #watchers = new Set<() => void>();
  #owners = 0;
  /** Openings and closings one after the other, whatever the callers do. */
  #lifecycle: Promise<void> = Promise.resolve();

  /** Makes the backend ready. @throws whatever keeps it from being ready; it is then closed. */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#owners === 0) await this.onOpen();
      this.#owners++;
    });
  }

  /** Ends one opening; the last one ends the backend's work, after the commits in flight. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#owners === 0) return;
      this.#owners--;
      if (this.#owners === 0) await this.onClose();
    });
  }

  /** Whether it is open for at least one store. */
  get isOpen(): boolean {
    return this.#owners > 0;
  }

  /**
   * Writes a commit: atomically, and as durable as the mode promises before it resolves. One result per stream.
   *
   * In this order: if all events are repeated at their own place, the first results come back with
   * `idempotent: true` and nothing is written, records included (whichever commits wrote them: the place decides); if only some of the ids are known, or known
   * elsewhere, `DuplicateEventError`; then expected versions; then expected record values.
   * @throws WrongExpectedVersionError, DuplicateEventError, RecordConflictError, AppendOutcomeUnknownError
   */
  abstract append(commit: Commit): Promise<readonly AppendResult[]>;

  /** A page of one stream; an unknown stream is an empty page at its end. */
  abstract readStream(query: StreamQuery): Promise<EventPage>;

  /** A page of the log, by position. */
  abstract readAll(query: LogQuery): Promise<EventPage>;

  /** The last visible position, 0 for an empty store. */
  abstract head(): Promise<number>;

  /** The text of a record, `null` where there is none. */
  abstract readRecord(collection: string, key: string): Promise<string | null>;

  /**
   * A page of the records whose keys begin with `prefix` and come after `after`, in the order of the keys' UTF-8
   * bytes. A page that is not full is the last one.
   */
  abstract readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]>;

  /** Makes everything acknowledged so far durable, in modes that acknowledge earlier than that. */
  abstract flush(): Promise<void>;

  abstract stats(): Promise<BackendStats>;

  /**
   * Calls `wake` after commits have become visible. It is a hint: one call may stand for many commits, a call may be
   * spurious, and a reader always reads on from its own position. The returned function ends it.
   */
  watch(wake: () => void): () => void {
    this.#watchers.add(wake);
    return () => this.#watchers.delete(wake);
  }

  protected abstract onOpen(): Promise<void>;
  protected abstract onClose(): Promise<void>;

  /** To be called by the backend when new events have become visible. */
  protected wakeWatchers(): void {
    for (const wake of this.#watchers) wake();
  }

  /** @throws StoreClosedError unless the backend is open. */
  protected assertOpen(operation: string): void {
    if (this.#owners === 0) throw new StoreClosedError(operation);
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#lifecycle.then(step);
    this.#lifecycle = done.catch(() => undefined);
    return done;
  }
}
