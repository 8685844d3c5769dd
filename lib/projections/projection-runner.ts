import { backOffMs, pause } from '../core/clock.js';
import { StoreClosedError } from '../core/errors/store.errors.js';
import { Limits } from '../core/limits.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { callHandler } from '../store/call-handler.js';
import { type Checkpoint, CheckpointFencedError } from '../store/checkpoint-store.js';
import type { ConsumedPage, EventConsumer } from '../store/event-consumer.js';
import { handleAsCause, isRunningFor } from '../store/event-context.js';
import type { EventStore } from '../store/event-store.js';
import { afresh } from '../store/lazy-recorded-event.js';
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
 * `waiting` for its start; `running`; `blocked` at an event that its handler keeps failing at; `failed` because its
 * checkpoint or position cannot be used; `stopped` with the application.
 * @publicApi
 */
export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly state: 'waiting' | 'running' | 'blocked' | 'failed' | 'stopped';
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
  #state: ProjectionStatus['state'] = 'waiting';
  #error: unknown;
  #position = 0;
  #checkpoint: Checkpoint = { position: 0, epoch: 0 };
  #checkpointAt = 0;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #consumer: EventConsumer | undefined;

  constructor(
    readonly definition: ProjectionDefinition,
    private readonly store: EventStore,
  ) {
    this.#waiters = new PositionWaiters(store.clock);
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
    this.#running = this.#run().then(
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
    if (this.#state !== 'waiting' && this.#state !== 'running') throw this.#stopError();
    const { name } = this.definition;
    await this.#waiters.wait(
      position,
      timeoutMs,
      () => new ProjectionTimeoutError(name, position, this.#position, timeoutMs),
    );
  }

  async #run(): Promise<void> {
    if (this.definition.state === 'stored') {
      await this.#persistently('take over its checkpoint', async () => {
        this.#checkpoint = await this.store.checkpoints.claim(this.#reader);
      });
    }
    if (this.#stopping.signal.aborted) return;
    this.#checkpointAt = this.store.clock.now();
    const consumer = this.store.consume((page, running) => this.#handlePage(page, running), {
      after: this.#checkpoint.position,
      types: [...this.definition.methods.keys()],
    });
    this.#consumer = consumer;
    const stop = (): void => void consumer.stop();
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    // Not before it is sure that the store has got that far: those who wait would be told of events that are lost.
    await consumer.ready;
    this.#moveTo(Math.max(this.#position, this.#checkpoint.position));
    await consumer.ended;
  }

  async #handlePage(page: ConsumedPage, consumer: EventConsumer): Promise<void> {
    try {
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

  /**
   * Tries until it succeeds, or until the consumer is to end (`false`).
   * @throws ProjectionBlockedError when the attempts are used up
   */
  async #handleEvent(event: RecordedEvent, consumer: EventConsumer): Promise<boolean> {
    const { name, methods, instanceFor } = this.definition;
    const { signal } = consumer;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const context: ProjectionContext = { projection: name, attempt, signal };
      try {
        await handleAsCause(attempt === 1 ? event : afresh(event), consumer, async (given) => {
          const instance = await instanceFor(given);
          for (const method of methods.get(given.type) ?? [])
            await callHandler(instance, method, given, context);
        });
        return true;
      } catch (error) {
        if (signal.aborted) break;
        if (attempt === Limits.handlerAttemptsMax)
          throw new ProjectionBlockedError(name, event, attempt, error);
        const ms = backOffMs(attempt, Limits.handlerRetryDelayMs, Limits.handlerRetryDelayMaxMs);
        await pause(this.store.clock, ms, signal);
      }
    }
    return false;
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
    if (this.#state !== 'waiting' && this.#state !== 'running') return;
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
