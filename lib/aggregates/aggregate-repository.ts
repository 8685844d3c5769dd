import type { AppendResult } from '../core/commit.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { assertTypesKnown, eventHandlerMapOf } from '../store/event-handler-map.js';
import type { EventStore } from '../store/event-store.js';
import { AggregateNotFoundError } from './aggregate-not-found.error.js';
import type { AggregateRoot, AggregateType } from './aggregate-root.js';
import { aggregateDescriptionOf } from './aggregate.decorator.js';
import { type SnapshotOptions, StateStream, streamIdOf, type UpdateOptions } from './state-stream.js';

/** @publicApi */
export interface RepositoryOptions {
  /** Overrides `snapshotEvery` of the aggregates; `false` neither takes nor uses snapshots. */
  readonly snapshots?: SnapshotOptions | false;
  /** From 0 (inclusive) to 1; spreads retries. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Loads aggregates from their streams and saves what they decided.
 * @example
 * ```ts
 * const accounts = new AggregateRepository(store, Account);
 * await accounts.update('a1', (account) => account.deposit(10));
 * ```
 * @publicApi
 */
export class AggregateRepository<A extends AggregateRoot> {
  readonly #name: string;
  readonly #stream: StateStream<A>;
  readonly #store: EventStore;
  readonly #snapshotVersions = new WeakMap<A, number>();

  /** @throws UndecoratedAggregateError, UndecoratedEventError, DuplicateEventTypeError, UnknownEventTypeError */
  constructor(store: EventStore, type: AggregateType<A>, options: RepositoryOptions = {}) {
    const { name, snapshotEvery, snapshotRevision } = aggregateDescriptionOf(type);
    const handlers = eventHandlerMapOf(type);
    store.registerEvents(handlers.classes, type.name);
    assertTypesKnown(type, handlers, (eventType) => store.knowsEventType(eventType));
    this.#name = name;
    this.#store = store;
    this.#stream = new StateStream<A>(
      store,
      {
        fresh: () => new type(),
        evolve: (aggregate, event) => {
          aggregate.loadFromHistory([event]);
          return aggregate;
        },
        snapshotRevision,
        fromSnapshot: (snapshot) => {
          const aggregate = new type();
          aggregate.restoreSnapshot(snapshot);
          return aggregate;
        },
        toSnapshot: (aggregate) => aggregate.toSnapshot(),
      },
      options.snapshots === false ? false : { every: snapshotEvery, ...options.snapshots },
      options.random,
    );
  }

  /** The stream of an aggregate. @throws InvalidArgumentError for an empty id */
  streamIdOf(id: string): string {
    return streamIdOf(this.#name, id);
  }

  /** The aggregate as it stands. @throws AggregateNotFoundError if it has no events */
  async load(id: string): Promise<A> {
    const { state, version, snapshotVersion } = await this.#stream.load(this.streamIdOf(id));
    if (version === 0) throw new AggregateNotFoundError(this.#name, id);
    state.assignId(id);
    state.markCommitted(version);
    this.#snapshotVersions.set(state, snapshotVersion);
    return state;
  }

  /** Whether the aggregate has events. */
  async exists(id: string): Promise<boolean> {
    for await (const _ of this.#store.readStream(this.streamIdOf(id), { limit: 1 })) return true;
    return false;
  }

  /**
   * Runs `work` when earlier updates in this process have ended, those by this repository. For who retries conflicts
   * outside of it, as the command bus does.
   * @throws LimitExceededError where too many wait, and what `work` throws
   */
  async inTurn<R>(id: string, work: () => Promise<R>): Promise<R> {
    return this.#stream.inTurn(this.streamIdOf(id), work);
  }

  /**
   * Loads the aggregate (or starts a fresh one), has `decide` apply events to it, and appends them. If another
   * writer appended in between, it loads and decides again, so `decide` may run several times.
   * @returns the result of the append, or `null` when nothing was applied
   * @throws what `decide` throws, nothing being written; WrongExpectedVersionError after the last attempt
   */
  async update(
    id: string,
    decide: (aggregate: A) => unknown,
    options?: UpdateOptions,
  ): Promise<AppendResult | null> {
    return this.#stream.update(
      this.streamIdOf(id),
      async ({ state }) => {
        state.assignId(id);
        await decide(state);
        return state.uncommittedEvents;
      },
      ({ state }, _events, version) => {
        state.markCommitted(version);
        return state;
      },
      options,
    );
  }

  /**
   * Appends what was applied to an aggregate since it was loaded; without a retry, since the decision was made
   * outside. After an error the events stay uncommitted.
   * @param id for an aggregate that was not loaded but made with `new`
   * @returns `null` when nothing was applied
   * @throws WrongExpectedVersionError if another writer appended since it was loaded
   */
  async save(aggregate: A, id: string | undefined = aggregate.aggregateId): Promise<AppendResult | null> {
    if (id === undefined) {
      throw new InvalidArgumentError(
        'id',
        'the aggregate was not loaded from this repository; give its id as the second argument',
      );
    }
    const streamId = this.streamIdOf(id);
    const events = [...aggregate.uncommittedEvents];
    if (events.length === 0) return null;
    const result = await this.#stream.append(streamId, aggregate.version, events, undefined);
    aggregate.assignId(id);
    aggregate.markCommitted(result.version, events.length);
    // What was applied meanwhile is in the state, but not in the stream.
    if (aggregate.uncommittedEvents.length > 0) return result;
    const snapshotVersion = this.#snapshotVersions.get(aggregate) ?? 0;
    await this.#stream.snapshotIfDue(streamId, snapshotVersion, result.version, () => {
      this.#snapshotVersions.set(aggregate, result.version);
      return aggregate;
    });
    return result;
  }
}
