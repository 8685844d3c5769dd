import type { Observable } from 'rxjs';
import type { BackendStats } from '../core/backend-stats.js';
import { type Clock, pause, systemClock } from '../core/clock.js';
import { type AppendResult, SNAPSHOT_COLLECTION } from '../core/commit.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { StoreClosedError } from '../core/errors/store.errors.js';
import { type EventIdSource, uuidV7Source } from '../core/event-id.js';
import { EventStoreBackend } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import { type AllFrameLogger, consoleLogger, unfailing } from '../core/logger.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import type { Snapshot as SnapshotData } from '../core/snapshot.js';
import { checkStreamId } from '../core/stream-id.js';
import { CheckpointStore } from './checkpoint-store.js';
import { Commits } from './commits.js';
import type { Type } from './domain-event.decorator.js';
import { type ConsumerSource, EventConsumer, type PageHandler } from './event-consumer.js';
import { type DefaultMetadata, EventEncoder } from './event-encoder.js';
import type { AppendOptions, EventInput, StreamAppend } from './event-input.js';
import { EventReader } from './event-reader.js';
import { EventTypes } from './event-types.js';
import { LazyRecordedEvent } from './lazy-recorded-event.js';
import {
  checkMilliseconds,
  checkWholeNumber,
  filterOf,
  type ReadAllOptions,
  type ReadStreamOptions,
  type SubscribeOptions,
} from './read-options.js';
import { encodeRecords, type RecordInput, RecordStore } from './record-store.js';
import { restorable, type RestorableSnapshot } from './snapshot.js';
import { observeEach, type StoreSubscription, subscribeEach } from './subscription.js';

/** What an id has no place for: the year 10889. */
const UUID_TIME_END_MS = 2 ** 48;

/**
 * How a store is opened.
 * @publicApi
 */
export interface EventStoreOptions {
  /** Event classes that it should read back with their prototypes. */
  readonly events?: readonly Type<object>[];
  /** Metadata of every event: an object, or a function called at each append. */
  readonly metadata?: DefaultMetadata;
  /** Told of failing subscribers and of reads that are tried again; default the console. */
  readonly logger?: AllFrameLogger;
  /** How long `close` waits for running handlers, in milliseconds; default 10,000. */
  readonly shutdownTimeoutMs?: number;
  /** Default the machine's clock. */
  readonly clock?: Clock;
  /** Makes the ids of events, given the time of their commit; default UUIDv7. */
  readonly newEventId?: EventIdSource;
}

/**
 * The one door to events: appends them to streams, reads them back, and follows them as they come.
 *
 * Inside Nest it is injected, open; outside, `EventStore.open(backend)` makes one.
 * @example
 * ```ts
 * const store = await EventStore.open(new InMemoryBackend());
 * await store.append('account-1', [{ type: 'account.opened', data: { owner: 'Ada' } }], { expectedVersion: 'noStream' });
 * for await (const event of store.readStream('account-1')) console.log(event.version, event.type, event.data);
 * ```
 * @publicApi
 */
export class EventStore {
  readonly records: RecordStore;
  readonly checkpoints: CheckpointStore;

  readonly #types: EventTypes;
  readonly #options: EventStoreOptions;
  readonly #encoder: EventEncoder;
  readonly #source: ConsumerSource;
  readonly #reader: EventReader;
  readonly #home: EventStoreBackend;
  readonly #commits: Commits;
  readonly #consumers = new Set<EventConsumer>();
  readonly #shutdownTimeoutMs: number;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * For `EventStore.open`, which opens the backend as well. Public so that dependency injection sees a class that can
   * be made, and gives `get(EventStore)` its type.
   */
  constructor(
    /** The opened backend. */
    readonly backend: EventStoreBackend,
    options: EventStoreOptions,
    types = new EventTypes(),
    home = backend,
  ) {
    this.#types = types;
    this.#home = home;
    this.#commits = new Commits(backend, home);
    this.#options = options;
    this.registerEvents(options.events ?? []);
    const clock = options.clock ?? systemClock;
    this.#encoder = new EventEncoder(
      this.#types,
      options.newEventId ?? uuidV7Source(),
      options.newEventId === undefined,
      options.metadata,
    );
    this.#source = {
      backend,
      clock,
      logger: unfailing(options.logger ?? consoleLogger),
      record: (stored) => new LazyRecordedEvent(stored, this.#types),
    };
    this.#reader = new EventReader(backend, (operation) => this.#assertOpen(operation));
    this.#shutdownTimeoutMs = options.shutdownTimeoutMs ?? Limits.shutdownTimeoutMs;
    checkMilliseconds(this.#shutdownTimeoutMs, 'options.shutdownTimeoutMs');
    this.records = new RecordStore(
      backend,
      (records) => this.#commits.write({ streams: [], records, recordedAt: this.#now() }),
      (operation) => this.#assertOpen(operation),
    );
    this.checkpoints = new CheckpointStore(this.records);
  }

  /**
   * Opens a store on a backend.
   * @throws UndecoratedEventError and DuplicateEventTypeError for `options.events`, and whatever keeps the backend from opening
   */
  static async open(backend: EventStoreBackend, options: EventStoreOptions = {}): Promise<EventStore> {
    if (!(backend instanceof EventStoreBackend)) {
      throw new InvalidArgumentError(
        'backend',
        'an EventStoreBackend is wanted, such as new InMemoryBackend()',
      );
    }
    const store = new EventStore(backend, options);
    await backend.open();
    return store;
  }

  /**
   * Makes further event classes known.
   * @param where where they were found, for errors
   * @throws UndecoratedEventError, DuplicateEventTypeError
   */
  registerEvents(events: readonly Type<object>[], where = 'events'): void {
    for (const type of events) this.#types.register(type, where);
  }

  /** Whether a class known to this store declares the event type. */
  knowsEventType(type: string): boolean {
    return this.#types.classOf(type) !== undefined;
  }

  get clock(): Clock {
    return this.#source.clock;
  }

  get logger(): AllFrameLogger {
    return this.#source.logger;
  }

  /**
   * Appends events to one stream, all of them or none.
   * @throws WrongExpectedVersionError, DuplicateEventError, AppendOutcomeUnknownError, InvalidArgumentError,
   * LimitExceededError, UnserialisableDataError, UndecoratedEventError, StoreClosedError
   */
  async append(
    streamId: string,
    events: readonly EventInput[],
    options?: AppendOptions,
  ): Promise<AppendResult> {
    this.#assertOpen('append');
    const recordedAt = this.#now();
    const stream = this.#encoder.encodeStream(
      streamId,
      events,
      options?.expectedVersion ?? 'any',
      options?.metadata,
      recordedAt,
    );
    const [result] = await this.#commits.write({ streams: [stream], records: [], recordedAt });
    return result as AppendResult;
  }

  /**
   * Appends to several streams in one atomic commit, with records if given; one result per stream, in the same order.
   * @throws as `append` does, and RecordConflictError
   */
  async appendAll(
    appends: readonly StreamAppend[],
    options: Pick<AppendOptions, 'metadata'> & { readonly records?: readonly RecordInput[] } = {},
  ): Promise<readonly AppendResult[]> {
    this.#assertOpen('appendAll');
    const recordedAt = this.#now();
    const streams = this.#encoder.encodeStreams(appends, options.metadata, recordedAt);
    return this.#commits.write({ streams, records: encodeRecords(options.records ?? []), recordedAt });
  }

  /** All events of a stream, `[]` for an unknown one. For long streams prefer `readStream`. */
  getEvents(streamId: string): Promise<RecordedEvent[]> {
    return this.getEventsAfter(streamId, 0);
  }

  /** The events of a stream whose version is greater than `version`. */
  async getEventsAfter(streamId: string, version: number): Promise<RecordedEvent[]> {
    checkWholeNumber(version, 'version', 0);
    const events: RecordedEvent[] = [];
    const fromVersion = Math.min(version + 1, Number.MAX_SAFE_INTEGER);
    for await (const page of this.#reader.streamPages(streamId, { fromVersion })) {
      for (const stored of page) events.push(this.#source.record(stored));
    }
    return events;
  }

  /** Every event of the store, in memory at once: for tests and small stores. Otherwise use `readAll`. */
  async getAllEvents(): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const event of this.readAll()) events.push(event);
    return events;
  }

  /**
   * The events of a stream, page by page.
   * @throws InvalidArgumentError, LimitExceededError, StoreClosedError
   */
  async *readStream(
    streamId: string,
    options: ReadStreamOptions = {},
  ): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const page of this.#reader.streamPages(streamId, options)) {
      for (const stored of page) yield this.#source.record(stored);
    }
  }

  /**
   * The events of the store by position, page by page; it ends at the head as it is at the beginning.
   * @throws PositionBeyondHeadError if `after` is a position the store has not reached; InvalidArgumentError, StoreClosedError
   */
  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const page of this.#reader.logPages(options)) {
      for (const stored of page) yield this.#source.record(stored);
    }
  }

  /**
   * Events as an Observable: catch-up, then live, in position order, without gap or double; it completes when the
   * store closes. Observers are not waited for: for handlers that must not overlap use `subscribe`.
   * @throws (as an error notification) InvalidArgumentError, PositionBeyondHeadError, StoreClosedError
   */
  events$(options: SubscribeOptions = {}): Observable<RecordedEvent> {
    return observeEach((handle) => this.consume(handle, options));
  }

  /**
   * Calls `next` for each event in position order, one at a time, waiting for each. A `next` that fails is reported
   * to `onError`, and the next event follows.
   * @throws InvalidArgumentError, StoreClosedError
   */
  subscribe(
    next: (event: RecordedEvent) => void | Promise<void>,
    options: SubscribeOptions = {},
  ): StoreSubscription {
    if (typeof next !== 'function') throw new InvalidArgumentError('next', 'a function is wanted');
    return subscribeEach((handle) => this.consume(handle, options), next, options.onError, this.logger);
  }

  /**
   * The floor below `subscribe`: hands whole pages to `handle`, waits for each, and ends when it fails. For readers
   * that keep checkpoints of their own.
   * @throws InvalidArgumentError, StoreClosedError
   */
  consume(handle: PageHandler, options: Omit<SubscribeOptions, 'onError'> = {}): EventConsumer {
    const { after = 'now' } = options;
    if (after !== 'now') checkWholeNumber(after, 'options.after', 0);
    const filter = filterOf(options);
    if (this.#state !== 'open') throw new StoreClosedError('subscribe');
    const consumer = new EventConsumer(this.#source, after, filter, handle);
    this.#consumers.add(consumer);
    const forget = (): boolean => this.#consumers.delete(consumer);
    consumer.ended.then(forget, forget);
    return consumer;
  }

  /** Keeps a snapshot as the stream's latest. */
  async saveSnapshot(streamId: string, snapshot: SnapshotData): Promise<void> {
    checkStreamId(streamId);
    if (typeof snapshot !== 'object' || snapshot === null) {
      throw new InvalidArgumentError('snapshot', 'an object { version, revision, state } is wanted');
    }
    const { version, revision, state } = snapshot;
    checkWholeNumber(version, 'snapshot.version', 1);
    checkWholeNumber(revision, 'snapshot.revision', 1);
    await this.records.write([
      { collection: SNAPSHOT_COLLECTION, key: streamId, value: { version, revision, state } },
    ]);
  }

  /** The stream's latest snapshot, `null` where there is none. */
  async getLatestSnapshot(streamId: string): Promise<RestorableSnapshot | null> {
    checkStreamId(streamId);
    const snapshot = (await this.records.get(SNAPSHOT_COLLECTION, streamId)) as SnapshotData | null;
    return snapshot === null ? null : restorable(snapshot);
  }

  /**
   * This store inside of a transaction of its backend, where the backend has them: the same event types and metadata,
   * and what is appended becomes visible with the transaction. It ends with the transaction and needs no closing.
   * @throws StoreClosedError
   */
  within(transaction: EventStoreBackend): EventStore {
    this.#assertOpen('within');
    return new EventStore(transaction, { ...this.#options, events: [] }, this.#types, this.#home);
  }

  /** The position of the last event, 0 for an empty store: what a reader has to reach to have seen everything. */
  async head(): Promise<number> {
    this.#assertOpen('head');
    return this.backend.head();
  }

  /** Makes everything acknowledged so far durable, where the backend acknowledges earlier than that. */
  async flush(): Promise<void> {
    this.#assertOpen('flush');
    await this.backend.flush();
  }

  /** Figures of the store. */
  async stats(): Promise<BackendStats> {
    this.#assertOpen('stats');
    return this.backend.stats();
  }

  /**
   * Ends the store: subscriptions take no new events, running handlers may append until they end or the deadline
   * passes, appends in flight end, then the backend closes. From then on every call is StoreClosedError.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /**
   * The first half of `close`: subscriptions take no new events, and it resolves when running handlers have ended or
   * the deadline has passed. For those who close several stores, since a handler of one may append to another.
   */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    const stopped = Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    const deadline = new AbortController();
    const timedOut = pause(this.clock, this.#shutdownTimeoutMs, deadline.signal).then(
      () => 'timeout' as const,
    );
    if ((await Promise.race([stopped, timedOut])) === 'timeout') {
      this.logger.warn(
        `Closing did not wait longer than ${this.#shutdownTimeoutMs} ms for ${this.#consumers.size} running handler(s)`,
      );
    }
    deadline.abort();
  }

  async #close(): Promise<void> {
    await this.drain();
    this.#state = 'closed';
    await this.#commits.ended();
    await this.backend.close();
  }

  /** When a commit is recorded: the clock is looked at once for it and for the ids of its events. */
  #now(): number {
    const now = Math.floor(this.#source.clock.now());
    if (now >= 0 && now < UUID_TIME_END_MS) return now;
    throw new InvalidArgumentError(
      'options.clock',
      `its now() gives ${now}; milliseconds since 1970 are wanted, from 0 to 2^48`,
    );
  }

  #assertOpen(operation: string): void {
    if (this.#state === 'closed') throw new StoreClosedError(operation);
  }
}
