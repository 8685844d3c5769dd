import type { AppendResult } from '../core/commit.js';
import { eventDescriptionOf, type Type } from '../store/domain-event.decorator.js';
import type { EventStore } from '../store/event-store.js';
import { AggregateNotFoundError } from './aggregate-not-found.error.js';
import { checkCategory } from './aggregate.decorator.js';
import { type Decider, decidedEvents } from './decider.js';
import type { RepositoryOptions } from './aggregate-repository.js';
import { StateStream, streamIdOf, type UpdateOptions } from './state-stream.js';

/**
 * A decider and what its streams are called.
 * @publicApi
 */
export interface DeciderDefinition<State, Command, Event extends object> {
  /** Its streams are called `<name>-<id>`. */
  readonly name: string;
  readonly decider: Decider<State, Command, Event>;
  /** The event classes that `evolve` expects, if it expects instances. */
  readonly events?: readonly Type<object>[];
  /** Takes a snapshot after every so many events; none unless given. */
  readonly snapshotEvery?: number;
  /** The revision of the state's schema, from 1; default 1. */
  readonly snapshotRevision?: number;
}

/**
 * Runs commands on a decider: loads the state, decides, appends.
 * @publicApi
 */
export class DeciderRepository<State, Command, Event extends object> {
  readonly #name: string;
  readonly #decider: Decider<State, Command, Event>;
  readonly #stream: StateStream<State>;

  /** @throws InvalidArgumentError for a name that no category can have */
  constructor(
    store: EventStore,
    definition: DeciderDefinition<State, Command, Event>,
    options: RepositoryOptions = {},
  ) {
    const { name, decider, events = [], snapshotEvery, snapshotRevision = 1 } = definition;
    checkCategory(name, 'decider');
    store.registerEvents(events, `decider ${name}`);
    const instances = new Set(events.map((type) => eventDescriptionOf(type)?.type));
    this.#name = name;
    this.#decider = decider;
    this.#stream = new StateStream<State>(
      store,
      {
        fresh: () => decider.initialState(),
        // What was appended as an instance comes back as an instance, what was plain comes back as { type, data }.
        evolve: (state, event) =>
          decider.evolve(state, (instances.has(event.type) ? event.data : event) as Event),
        snapshotRevision,
        fromSnapshot: (snapshot) => snapshot.state as State,
        toSnapshot: (state) => state,
      },
      options.snapshots === false ? false : { every: snapshotEvery, ...options.snapshots },
      options.random,
    );
  }

  /** The stream of a decider. @throws InvalidArgumentError for an empty id */
  streamIdOf(id: string): string {
    return streamIdOf(this.#name, id);
  }

  /** The state as it stands, and its version. @throws AggregateNotFoundError if it has no events */
  async load(id: string): Promise<{ readonly state: State; readonly version: number }> {
    const { state, version } = await this.#stream.load(this.streamIdOf(id));
    if (version === 0) throw new AggregateNotFoundError(this.#name, id);
    return { state, version };
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
   * Decides on a command and appends what was decided, again if another writer appended in between.
   * @returns `null` when nothing was decided
   * @throws what `decide` throws, nothing being written; WrongExpectedVersionError after the last attempt
   */
  async decide(id: string, command: Command, options?: UpdateOptions): Promise<AppendResult | null> {
    return this.#stream.update(
      this.streamIdOf(id),
      async ({ state }) => decidedEvents(this.#decider.decide(command, state)),
      ({ state }, events) =>
        (events as readonly Event[]).reduce((next, event) => this.#decider.evolve(next, event), state),
      options,
    );
  }
}
