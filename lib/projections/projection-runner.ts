import { backOffMs, pause } from '../core/clock.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { StoreClosedError } from '../core/errors/store.errors.js';
import type { StoreTransaction, Transactions } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { callHandler } from '../store/call-handler.js';
import { CheckpointFencedError } from '../store/checkpoint-store.js';
import type { ConsumedPage, EventConsumer } from '../store/event-consumer.js';
import { handleAsCause, isRunningFor } from '../store/event-context.js';
import type { EventStore } from '../store/event-store.js';
import { afresh } from '../store/lazy-recorded-event.js';
import { type Failure, HeldCheckpoint } from './held-checkpoint.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { PositionWaiters } from './position-waiters.js';
import type { ProjectionContext, ProjectionDescription } from './projection.decorator.js';
import {
  ProjectionBlockedError,
  ProjectionStoppedError,
  ProjectionTimeoutError,
} from './projection.errors.js';

/** A projection class, its handlers, and how to get the instance that handles an event. */
export interface ProjectionDefinition extends ProjectionDescription {
  readonly className: string;
  readonly methods: ReadonlyMap<string, readonly (string | symbol)[]>;
  readonly instanceFor: (event: RecordedEvent) => object | Promise<object>;
}

/**
 * How a projection is.
 *
 * `waiting` for its start; `running`; `standby` while another process runs it; `blocked` at an event that its handler keeps failing at; `failed` because its
 * checkpoint or position cannot be used; `stopped` with the application.
 * @publicApi
 */
export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly state: 'waiting' | 'running' | 'standby' | 'blocked' | 'failed' | 'stopped';
  /** The last position whose effect is complete. */
  readonly position: number;
  /** Why it is blocked or failed. */
  readonly error?: unknown;
}

/**
 * Runs one projection: reads from the checkpoint, hands each event to the handlers until it succeeds, and moves the
 * checkpoint behind what is complete.
 */
export class ProjectionRunner {
  readonly #waiters: PositionWaiters;
  readonly #transactions: Transactions | undefined;
  readonly #checkpoint: HeldCheckpoint;
  #state: ProjectionStatus['state'] = 'waiting';
  #error: unknown;
  #position = 0;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #consumer: EventConsumer | undefined;
  #isFollowing = false;

  constructor(
    readonly definition: ProjectionDefinition,
    private readonly store: EventStore,
    /** Where several processes may run it. */
    private readonly leases?: LeaseKeeper,
  ) {
    this.#waiters = new PositionWaiters(store.clock);
    this.#checkpoint = new HeldCheckpoint(store, `projection/${definition.name}/v${definition.version}`);
    if (definition.state === 'transaction') this.#transactions = transactionsOf(definition, store);
  }

  get status(): ProjectionStatus {
    const { name, version } = this.definition;
    const status = { name, version, state: this.#state, position: this.#position };
    return this.#error === undefined ? status : { ...status, error: this.#error };
  }

  /** Starts in the background; how it goes shows in `status`. */
  start(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'running';
    const { leases } = this;
    const isShared = leases !== undefined && this.definition.state !== 'memory';
    const signal = this.#stopping.signal;
    this.#running = (isShared ? this.#runInTurn(leases, signal) : this.#run(signal)).then(
      () => this.#end('stopped', undefined),
      (error: unknown) => {
        if (error instanceof ProjectionBlockedError) this.#end('blocked', error);
        else if (error instanceof StoreClosedError) this.#end('stopped', undefined);
        else this.#end('failed', error);
      },
    );
  }

  /** Takes no new event; resolves when the running handler has ended, or at once when called from inside it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#state === 'waiting') this.#end('stopped', undefined);
    // Its own handler would wait for itself.
    if (this.#consumer !== undefined && isRunningFor(this.#consumer)) return;
    await this.#running;
  }

  /** For a handler that the shutdown no longer waits for: nobody else shall wait for it either. */
  abandon(): void {
    this.#end('stopped', undefined);
  }

  /** Resolves once every event up to `position` has had its effect. */
  async waitFor(position: number, timeoutMs: number): Promise<void> {
    if (position <= this.#position) return;
    if (this.#hasEnded) throw this.#stopError();
    const { name } = this.definition;
    const reached = this.#waiters.wait(
      position,
      timeoutMs,
      () => new ProjectionTimeoutError(name, position, this.#position, timeoutMs),
    );
    // Somebody has to wait before it is followed.
    if (this.#state === 'standby') void this.#followOwner();
    await reached;
  }

  /** Runs it whenever it is this process's turn: one process at a time has the lease. */
  async #runInTurn(leases: LeaseKeeper, stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      this.#state = 'standby';
      if (this.#waiters.any) void this.#followOwner();
      const lease = await leases.take(this.#checkpoint.reader, stopping);
      if (lease === undefined) return;
      this.#state = 'running';
      try {
        await this.#run(AbortSignal.any([stopping, lease.lost]));
      } catch (error) {
        // This process was away for so long that another one has gone on.
        if (!(error instanceof CheckpointFencedError)) throw error;
      } finally {
        await lease.release();
      }
    }
  }

  /** While another process runs it: how far that has come stands in the checkpoint. */
  async #followOwner(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    for (let attempt = 1; this.#state === 'standby' && this.#waiters.any; attempt++) {
      // A read that fails is made up for by the next one, and by the time-out of those who wait.
      const held = await this.#checkpoint.load().catch(() => undefined);
      if (this.#state !== 'standby') break;
      if (held !== undefined) this.#moveTo(Math.max(this.#position, held.position));
      const ms = backOffMs(attempt, Limits.standbyDelayMs, Limits.standbyDelayMaxMs);
      await pause(this.store.clock, ms, this.#stopping.signal);
    }
    this.#isFollowing = false;
  }

  /** Until `ending` is aborted. */
  async #run(ending: AbortSignal): Promise<void> {
    if (this.definition.state !== 'memory') {
      await this.#persistently('take over its checkpoint', () => this.#checkpoint.claim());
    }
    if (ending.aborted) return;
    const consumer = this.store.consume((page, running) => this.#handlePage(page, running), {
      after: this.#checkpoint.position,
      types: [...this.definition.methods.keys()],
    });
    this.#consumer = consumer;
    const stop = (): void => void consumer.stop();
    ending.addEventListener('abort', stop, { once: true });
    if (ending.aborted) stop();
    // Not before it is sure that the store has got that far: those who wait would be told of events that are lost.
    await consumer.ready;
    this.#moveTo(Math.max(this.#position, this.#checkpoint.position));
    await consumer.ended;
  }

  async #handlePage(page: ConsumedPage, consumer: EventConsumer): Promise<void> {
    try {
      const done = await this.#handleTogether(page, consumer);
      for (const event of page.events.slice(done)) {
        // What the filter left out in between is done, whatever becomes of this event.
        this.#moveTo(Math.max(this.#position, event.position - 1));
        if (!(await this.#handleEvent(event, consumer))) return;
        this.#moveTo(event.position);
        if (this.#checkpoint.isOld) await this.#saveCheckpoint();
      }
      this.#moveTo(page.through);
    } finally {
      await this.#saveCheckpoint();
    }
  }

  /**
   * Hands events over many to a transaction: until it has lasted long, or keeps others from appending.
   * @returns how many have had their effect; the others are to be handled one by one
   */
  async #handleTogether({ events, through }: ConsumedPage, consumer: EventConsumer): Promise<number> {
    const { clock } = this.store;
    let done = 0;
    while (this.#transactions !== undefined && events.length - done > 1) {
      let next = done;
      const handleSome = async (transaction: StoreTransaction): Promise<number> => {
        const until = clock.now() + Limits.transactionMs;
        do {
          consumer.signal.throwIfAborted();
          await this.#callHandlers(events[next++] as RecordedEvent, consumer, 1, transaction);
        } while (next < events.length && !transaction.hasAppended && clock.now() < until);
        return next === events.length ? through : (events[next - 1] as RecordedEvent).position;
      };
      try {
        // Everything is rolled back, so nothing happens twice; alone, the event that failed is known.
        if ((await this.#checkpoint.commitWith(this.#transactions, handleSome)) !== undefined) break;
      } catch (error) {
        if (error instanceof CheckpointFencedError || error instanceof StoreClosedError) throw error;
        break;
      }
      done = next;
      this.#moveTo(this.#checkpoint.position);
    }
    return done;
  }

  /**
   * Tries until it succeeds, or until the consumer is to end (`false`).
   * @throws ProjectionBlockedError when the attempts are used up
   */
  async #handleEvent(event: RecordedEvent, consumer: EventConsumer): Promise<boolean> {
    const { signal } = consumer;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        if (this.#transactions === undefined) {
          await this.#callHandlers(attempt === 1 ? event : afresh(event), consumer, attempt);
        } else await this.#handleInTransaction(this.#transactions, event, consumer, attempt);
        // Shut down while the database was away, it has had no effect.
        return this.#transactions === undefined || this.#checkpoint.position >= event.position;
      } catch (error) {
        if (error instanceof CheckpointFencedError) throw error;
        if (signal.aborted) break;
        if (attempt === Limits.handlerAttemptsMax)
          throw new ProjectionBlockedError(this.definition.name, event, attempt, error);
        const ms = backOffMs(attempt, Limits.handlerRetryDelayMs, Limits.handlerRetryDelayMaxMs);
        await pause(this.store.clock, ms, signal);
      }
    }
    return false;
  }

  async #callHandlers(
    event: RecordedEvent,
    consumer: EventConsumer,
    attempt: number,
    transaction?: StoreTransaction,
  ): Promise<void> {
    const { name, methods, instanceFor } = this.definition;
    const { signal } = consumer;
    const context: ProjectionContext = {
      projection: name,
      attempt,
      signal,
      ...(transaction === undefined ? {} : { transaction }),
    };
    await handleAsCause(event, consumer, async (given) => {
      const instance = await instanceFor(given);
      for (const method of methods.get(given.type) ?? []) await callHandler(instance, method, given, context);
    });
  }

  /** A database that is away is no fault of the handler's: it is waited for, and no attempt is counted. */
  async #handleInTransaction(
    transactions: Transactions,
    event: RecordedEvent,
    consumer: EventConsumer,
    attempt: number,
  ): Promise<void> {
    let failed: Failure | undefined;
    await this.#persistently('commit its effect', async () => {
      failed = await this.#checkpoint.commitWith(transactions, async (transaction) => {
        // It may have been handed out before, in a transaction that was rolled back.
        await this.#callHandlers(afresh(event), consumer, attempt, transaction);
        return event.position;
      });
    });
    if (failed !== undefined) throw failed.error;
  }

  async #saveCheckpoint(): Promise<void> {
    const to = this.#position;
    if (this.definition.state === 'memory' || to <= this.#checkpoint.position) return;
    await this.#persistently('save its checkpoint', (attempt) => this.#checkpoint.save(to, attempt > 1));
  }

  /** Tries until it succeeds or the projection is to end; only a new owner and a closed store end it. */
  async #persistently(what: string, work: (attempt: number) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        if (error instanceof CheckpointFencedError || error instanceof StoreClosedError) throw error;
        if (this.#stopping.signal.aborted) return;
        const ms = backOffMs(attempt, Limits.readRetryDelayMs, Limits.readRetryDelayMaxMs);
        this.store.logger.error(
          `Projection "${this.definition.name}" could not ${what}; it tries again in ${ms} ms`,
          error,
        );
        await pause(this.store.clock, ms, this.#stopping.signal);
      }
    }
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#waiters.reached(position);
  }

  #end(state: 'stopped' | 'blocked' | 'failed', error: unknown): void {
    if (this.#hasEnded) return;
    this.#state = state;
    this.#error = error;
    if (error !== undefined) {
      this.store.logger.error(
        error instanceof Error ? error.message : `Projection "${this.definition.name}" failed`,
        error instanceof ProjectionBlockedError ? error.cause : error,
      );
    }
    this.#waiters.reject(this.#stopError());
  }

  get #hasEnded(): boolean {
    return this.#state === 'blocked' || this.#state === 'failed' || this.#state === 'stopped';
  }

  #stopError(): Error {
    if (this.#error instanceof ProjectionBlockedError) return this.#error;
    return new ProjectionStoppedError(
      this.definition.name,
      this.#error === undefined ? undefined : { cause: this.#error },
    );
  }
}

/** @throws InvalidArgumentError if the store's backend has no transactions */
function transactionsOf({ className }: ProjectionDefinition, { backend }: EventStore): Transactions {
  if (backend.transactions !== undefined) return backend.transactions;
  throw new InvalidArgumentError(
    `@Projection of ${className}, state`,
    `'transaction' wants a backend with transactions, such as PostgresBackend, and the store's is "${backend.backendType}"`,
  );
}
