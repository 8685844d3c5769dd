import { backOffMs, pause } from '../core/clock.js';
import { AppendOutcomeUnknownError } from '../core/errors/append.errors.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { StoreClosedError } from '../core/errors/store.errors.js';
import type { EventStoreBackend, Transactions } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { callHandler } from '../store/call-handler.js';
import { type Checkpoint, CheckpointFencedError } from '../store/checkpoint-store.js';
import type { ConsumedPage, EventConsumer } from '../store/event-consumer.js';
import { handleAsCause, isRunningFor } from '../store/event-context.js';
import type { EventStore } from '../store/event-store.js';
import { afresh } from '../store/lazy-recorded-event.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { PositionWaiters } from './position-waiters.js';
import type { ProjectionContext, ProjectionDescription } from './projection.decorator.js';
import {
  ProjectionBlockedError,
  ProjectionStoppedError,
  ProjectionTimeoutError,
} from './projection.errors.js';

/** What a handler failed with. */
interface Failure {
  readonly error: unknown;
}

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
  #state: ProjectionStatus['state'] = 'waiting';
  #error: unknown;
  #position = 0;
  #checkpoint: Checkpoint = { position: 0, epoch: 0 };
  #checkpointAt = 0;
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
      const lease = await leases.take(this.#reader, stopping);
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
      const held = await this.store.checkpoints.load(this.#reader).catch(() => undefined);
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
      await this.#persistently('take over its checkpoint', async () => {
        this.#checkpoint = await this.store.checkpoints.claim(this.#reader);
      });
    }
    if (ending.aborted) return;
    this.#checkpointAt = this.store.clock.now();
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
      if (page.events.length > 1 && (await this.#handleTogether(page, consumer))) return;
      for (const event of page.events) {
        // What the filter left out in between is done, whatever becomes of this event.
        this.#moveTo(Math.max(this.#position, event.position - 1));
        if (!(await this.#handleEvent(event, consumer))) return;
        this.#moveTo(event.position);
        if (this.store.clock.now() - this.#checkpointAt >= Limits.checkpointEveryMs)
          await this.#saveCheckpoint();
      }
      this.#moveTo(page.through);
    } finally {
      await this.#saveCheckpoint();
    }
  }

  /** Hands the events of a page over in one transaction. `false`: they are to be handled one by one. */
  async #handleTogether({ events, through }: ConsumedPage, consumer: EventConsumer): Promise<boolean> {
    if (this.#transactions === undefined) return false;
    try {
      const failed = await this.#inTransaction(this.#transactions, through, async (transaction) => {
        for (const event of events) {
          consumer.signal.throwIfAborted();
          await this.#callHandlers(event, consumer, 1, transaction);
        }
      });
      // Everything is rolled back, so nothing happens twice; alone, the event that failed is known.
      if (failed !== undefined) return false;
    } catch (error) {
      if (error instanceof CheckpointFencedError || error instanceof StoreClosedError) throw error;
      return false;
    }
    this.#moveTo(through);
    return true;
  }

  /**
   * Tries until it succeeds, or until the consumer is to end (`false`).
   * @throws ProjectionBlockedError when the attempts are used up
   */
  async #handleEvent(event: RecordedEvent, consumer: EventConsumer): Promise<boolean> {
    const { signal } = consumer;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const given = attempt === 1 ? event : afresh(event);
      try {
        if (this.#transactions === undefined) await this.#callHandlers(given, consumer, attempt);
        else await this.#handleInTransaction(this.#transactions, given, consumer, attempt);
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
    transaction?: EventStoreBackend,
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
      failed = await this.#inTransaction(transactions, event.position, (transaction) =>
        this.#callHandlers(event, consumer, attempt, transaction),
      );
    });
    if (failed !== undefined) throw failed.error;
  }

  /**
   * Commits what `work` writes together with the checkpoint at `to`.
   * @returns what `work` failed with; then everything is rolled back
   * @throws CheckpointFencedError, and whatever keeps the transaction from being made
   */
  async #inTransaction(
    transactions: Transactions,
    to: number,
    work: (transaction: EventStoreBackend) => Promise<void>,
  ): Promise<Failure | undefined> {
    const from = this.#checkpoint;
    let failed: Failure | undefined;
    try {
      this.#checkpoint = await transactions.run(async (transaction) => {
        await work(transaction).catch((error: unknown) => {
          failed = { error };
          throw error;
        });
        return this.store.within(transaction).checkpoints.advance(this.#reader, from, to);
      });
      return undefined;
    } catch (error) {
      if (failed !== undefined) return failed;
      if (!(error instanceof AppendOutcomeUnknownError)) throw error;
      const stands = await this.store.checkpoints.load(this.#reader);
      if (stands.epoch !== from.epoch) throw new CheckpointFencedError(this.#reader, from.epoch);
      if (stands.position !== to) throw error;
      this.#checkpoint = stands;
      return undefined;
    }
  }

  async #saveCheckpoint(): Promise<void> {
    const to = this.#position;
    if (this.definition.state === 'memory' || to <= this.#checkpoint.position) return;
    await this.#persistently('save its checkpoint', async (attempt) => {
      // After a failure the write may have happened all the same.
      const from = attempt === 1 ? this.#checkpoint : await this.store.checkpoints.load(this.#reader);
      if (from.epoch !== this.#checkpoint.epoch)
        throw new CheckpointFencedError(this.#reader, this.#checkpoint.epoch);
      this.#checkpoint =
        from.position === to ? from : await this.store.checkpoints.advance(this.#reader, from, to);
    });
    this.#checkpointAt = this.store.clock.now();
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

  get #reader(): string {
    return `projection/${this.definition.name}/v${this.definition.version}`;
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
