/**
 * Reads the log for one reader: first what is there, then what comes, with one mechanism for both.
 *
 * A consumer is a position and a wake-up call. It reads the next page after its position, has it handled, and reads
 * again; when a page ends at the head it sleeps until the backend wakes it. There is no queue to overflow and no
 * hand-off from history to live events in which one could be lost or doubled.
 */
import type { Clock } from '../core/clock.js';
import { backOffMs, pause } from '../core/clock.js';
import { PositionBeyondHeadError, StoreClosedError } from '../core/errors/store.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import type { AllFrameLogger } from '../core/logger.js';
import type { EventFilter, EventPage } from '../core/read-page.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import type { StoredEvent } from '../core/stored-event.js';
import { assertMovesOn } from './event-reader.js';
import { handleWhole, isRunningFor, withoutContext } from './event-context.js';

/**
 * Events for one reader, and how far they go.
 * @publicApi
 */
export interface ConsumedPage {
  readonly events: readonly RecordedEvent[];
  /** Every wanted event up to this position has been handed out; those that the filter left out are passed over. */
  readonly through: number;
}

/** Handles one page; it is awaited before the next page is read. If it fails, the consumer ends. */
export type PageHandler = (page: ConsumedPage, consumer: EventConsumer) => void | Promise<void>;

/** What a consumer needs of its store. */
export interface ConsumerSource {
  readonly backend: EventStoreBackend;
  readonly clock: Clock;
  readonly logger: AllFrameLogger;
  record(stored: StoredEvent): RecordedEvent;
}

/**
 * A running reader of a store.
 * @publicApi
 */
export class EventConsumer {
  /** Resolves once the starting position is known: every append called after it is delivered. Rejects if there is none. */
  readonly ready: Promise<void>;
  /** Settles when the consumer has ended and no handler of it runs: rejects with what the handler or the start failed with. */
  readonly ended: Promise<void>;

  /** For `isRunningFor`: the event or page that is being handled. @internal */
  handling: object | undefined;

  readonly #source: ConsumerSource;
  readonly #filter: EventFilter | undefined;
  readonly #handle: PageHandler;
  readonly #stopping = new AbortController();
  #awake = true;
  #wakeUp: (() => void) | undefined;
  #coveredSinceTurn = 0;

  constructor(
    source: ConsumerSource,
    after: number | 'now',
    filter: EventFilter | undefined,
    handle: PageHandler,
  ) {
    this.#source = source;
    this.#filter = filter;
    this.#handle = handle;
    const unwatch = source.backend.watch(() => this.#wake());
    this.signal.addEventListener('abort', () => this.#wake(), { once: true });
    const start = withoutContext(() => this.#start(after));
    this.ready = start.then(() => undefined);
    this.ended = withoutContext(() => start.then((position) => this.#run(position))).finally(() => {
      unwatch();
      this.#stopping.abort();
    });
    // Whoever cares awaits them; nobody else must be killed by a rejection.
    this.ready.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /** Aborted when the consumer is to end: a handler of many events looks between two of them. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Takes no new event from now on; resolves when a running handler has ended, or at once inside of it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (isRunningFor(this)) return;
    await this.ended.catch(() => undefined);
  }

  async #start(after: number | 'now'): Promise<number> {
    const head = await this.#persistently(() => this.#source.backend.head());
    if (after === 'now' || head === undefined) return head ?? 0;
    if (after > head) throw new PositionBeyondHeadError(after, head);
    return after;
  }

  async #run(start: number): Promise<void> {
    let position = start;
    while (!this.signal.aborted) {
      this.#awake = false;
      const page = await this.#persistently(() => this.#read(position));
      if (page === undefined || this.signal.aborted) return;
      const covered = page.through - position;
      if (covered > 0) {
        position = page.through;
        const events = page.events.map((stored) => this.#source.record(stored));
        await handleWhole({ events, through: position }, this, (whole) => this.#handle(whole, this));
        await this.#giveWay(covered);
      }
      if (page.atEnd) await this.#sleep();
    }
  }

  async #read(after: number): Promise<EventPage> {
    const page = await this.#source.backend.readAll({
      after,
      upTo: Number.MAX_SAFE_INTEGER,
      direction: 'forward',
      limit: Limits.pageEventsMax,
      ...(this.#filter === undefined ? {} : { filter: this.#filter }),
    });
    assertMovesOn(page, page.through > after);
    return page;
  }

  /** Tries a read until it succeeds or the consumer is to end (`undefined`): a fault must not end a reader silently. */
  async #persistently<T>(read: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await read();
      } catch (error) {
        if (error instanceof StoreClosedError) this.#stopping.abort();
        if (this.signal.aborted) return undefined;
        const ms = backOffMs(attempt, Limits.readRetryDelayMs, Limits.readRetryDelayMaxMs);
        this.#source.logger.error(
          `A subscription could not read the store; it tries again in ${ms} ms`,
          error,
        );
        await pause(this.#source.clock, ms, this.signal);
      }
    }
  }

  /** Lets timers and sockets have their turn after each page's worth of events, however they came. */
  async #giveWay(covered: number): Promise<void> {
    this.#coveredSinceTurn += covered;
    if (this.#coveredSinceTurn < Limits.pageEventsMax) return;
    this.#coveredSinceTurn = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Until something was committed since the last read began, or the consumer is to end. */
  async #sleep(): Promise<void> {
    if (this.#awake || this.signal.aborted) return;
    await new Promise<void>((resolve) => (this.#wakeUp = resolve));
  }

  #wake(): void {
    this.#awake = true;
    this.#wakeUp?.();
    this.#wakeUp = undefined;
  }
}
