import { Limits } from '../core/limits.js';
import type { EventStore } from '../store/event-store.js';
import { checkMilliseconds, checkWholeNumber } from '../store/read-options.js';
import { LeaseKeeper } from './lease-keeper.js';
import { type ProjectionDefinition, ProjectionRunner, type ProjectionStatus } from './projection-runner.js';
import {
  DuplicateProjectionError,
  ProjectionWithoutHandlersError,
  UnknownProjectionError,
} from './projection.errors.js';

/**
 * The projections of an application: how they are, and when they have seen an event.
 * @publicApi
 */
export class ProjectionRegistry {
  readonly #runners = new Map<string, ProjectionRunner>();
  /** A process renews the leases of a store together. */
  readonly #keepers = new Map<EventStore, LeaseKeeper>();

  /** @throws DuplicateProjectionError, ProjectionWithoutHandlersError */
  register(definition: ProjectionDefinition, store: EventStore): void {
    const { name, className, methods } = definition;
    const other = this.#runners.get(name);
    if (other !== undefined)
      throw new DuplicateProjectionError(name, [other.definition.className, className]);
    if (methods.size === 0) throw new ProjectionWithoutHandlersError(name, className);
    this.#runners.set(name, new ProjectionRunner(definition, store, this.#keeperOf(store)));
  }

  /** Starts those that have not been started. */
  start(): void {
    for (const runner of this.#runners.values()) runner.start();
  }

  /** No projection takes a new event; resolves when running handlers have ended. */
  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }

  /** After the deadline of a shutdown: those whose handlers still run count as stopped, and nobody waits for them. */
  abandon(): void {
    for (const runner of this.#runners.values()) runner.abandon();
  }

  /** How every projection is. */
  list(): readonly ProjectionStatus[] {
    return [...this.#runners.values()].map((runner) => runner.status);
  }

  /** How one projection is. @throws UnknownProjectionError */
  status(name: string): ProjectionStatus {
    return this.#get(name).status;
  }

  /**
   * Resolves once the projection has handled every event up to `position`, so that what was appended there shows in it.
   * @param options `timeoutMs`: how long to wait, default 5,000
   * @throws ProjectionBlockedError, ProjectionStoppedError, ProjectionTimeoutError, UnknownProjectionError, InvalidArgumentError
   * @example
   * ```ts
   * const { position } = await store.append('account-1', [new MoneyDeposited(10)]);
   * await projections.waitFor('balances', position, { timeoutMs: 1000 });
   * ```
   */
  async waitFor(
    name: string,
    position: number,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const { timeoutMs = Limits.waitForTimeoutMs } = options;
    checkWholeNumber(position, 'position', 0);
    checkMilliseconds(timeoutMs, 'options.timeoutMs');
    await this.#get(name).waitFor(position, timeoutMs);
  }

  #keeperOf(store: EventStore): LeaseKeeper | undefined {
    const { leases } = store.backend;
    if (leases === undefined) return undefined;
    let keeper = this.#keepers.get(store);
    if (keeper === undefined) this.#keepers.set(store, (keeper = new LeaseKeeper(leases, store.clock)));
    return keeper;
  }

  #get(name: string): ProjectionRunner {
    const runner = this.#runners.get(name);
    if (runner === undefined) throw new UnknownProjectionError(name, [...this.#runners.keys()]);
    return runner;
  }
}
