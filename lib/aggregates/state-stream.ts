/** State that is rebuilt from a stream, with snapshots, and appended to with a retry on conflict. */
import type { AppendResult } from '../core/commit.js';
import { WrongExpectedVersionError } from '../core/errors/append.errors.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import {
  checkExpectedVersion,
  type ExpectedVersion,
  matchesExpectedVersion,
} from '../core/expected-version.js';
import { Limits } from '../core/limits.js';
import type { EventMetadata, RecordedEvent } from '../core/recorded-event.js';
import type { Snapshot } from '../core/snapshot.js';
import { categoryOf } from '../core/stream-id.js';
import type { EventInput } from '../store/event-input.js';
import type { EventStore } from '../store/event-store.js';
import { checkWholeNumber } from '../store/read-options.js';
import { checkRetry, retryOnConflict } from './conflict-retry.js';
import { Turns } from './turns.js';

/** How a kind of state comes out of events and snapshots. */
export interface StateModel<State> {
  fresh(): State;
  evolve(state: State, event: RecordedEvent): State;
  /** Snapshots of another revision are ignored. */
  readonly snapshotRevision: number;
  fromSnapshot(snapshot: Snapshot): State;
  toSnapshot(state: State): unknown;
}

/** State, and where in its stream it stands. */
interface StateAt<State> {
  readonly state: State;
  readonly version: number;
}

/** State as it was loaded. */
export interface LoadedState<State> extends StateAt<State> {
  /** The version of the snapshot it was built on, 0 for none. */
  readonly snapshotVersion: number;
}

/** @publicApi */
export interface UpdateOptions {
  /** How often to load, decide and append under conflict, the first time included; default 16. */
  readonly attempts?: number;
  /** What the stream must be at before anything is decided, all of it where there are several; by default whatever it is at. */
  readonly expectedVersion?: ExpectedVersion | readonly ExpectedVersion[];
  /** For every event of the append. */
  readonly metadata?: EventMetadata;
}

/** @publicApi */
export interface SnapshotOptions {
  /** Takes a snapshot after every so many events; `undefined` takes none. */
  readonly every?: number | undefined;
}

export class StateStream<State> {
  readonly #turns: Turns;

  constructor(
    private readonly store: EventStore,
    private readonly model: StateModel<State>,
    /** `false`: snapshots are neither taken nor used. */
    private readonly snapshots: SnapshotOptions | false,
    private readonly random: () => number = Math.random,
  ) {
    const every = snapshots === false ? undefined : snapshots.every;
    if (every !== undefined) checkWholeNumber(every, 'snapshots.every', 1);
    checkWholeNumber(model.snapshotRevision, 'snapshotRevision', 1);
    this.#turns = new Turns(store.clock);
  }

  /** Runs `work`, which updates the stream, when those who came before have ended. */
  inTurn<R>(streamId: string, work: () => Promise<R>): Promise<R> {
    return this.#turns.take(streamId, work);
  }

  /** The state of a stream, fresh for an empty one. */
  async load(streamId: string): Promise<LoadedState<State>> {
    const restored = await this.#restore(streamId);
    if (restored !== undefined) {
      const loaded = await this.#evolve(streamId, restored);
      // Short of its own version: the snapshot is ahead of the stream, and its state is of no use.
      if (loaded.version >= restored.version) return { ...loaded, snapshotVersion: restored.version };
    }
    const loaded = await this.#evolve(streamId, { state: this.model.fresh(), version: 0 });
    return { ...loaded, snapshotVersion: 0 };
  }

  /**
   * Loads, decides and appends, again and again while others append in between.
   * @param decide gets the state, and gives the events to append, none for no change
   * @returns `null` when nothing was decided
   */
  async update(
    streamId: string,
    decide: (loaded: LoadedState<State>) => Promise<readonly EventInput[]>,
    evolved: (loaded: LoadedState<State>, events: readonly EventInput[], version: number) => State,
    options: UpdateOptions = {},
  ): Promise<AppendResult | null> {
    const { attempts = Limits.updateAttemptsMax, expectedVersion = 'any', metadata } = options;
    checkRetry({ attempts }, 'options');
    const expectations = Array.isArray(expectedVersion)
      ? (expectedVersion as readonly ExpectedVersion[])
      : [expectedVersion as ExpectedVersion];
    for (const expected of expectations) checkExpectedVersion(expected);
    let hasDecided = false;
    const once = async (): Promise<AppendResult | null> => {
      hasDecided = false;
      const loaded = await this.load(streamId);
      const { version } = loaded;
      for (const expected of expectations) {
        if (!matchesExpectedVersion(expected, version))
          throw new WrongExpectedVersionError(streamId, expected, version);
      }
      const events = await decide(loaded);
      if (events.length === 0) return null;
      hasDecided = true;
      const result = await this.append(streamId, version, events, metadata);
      await this.snapshotIfDue(streamId, loaded.snapshotVersion, result.version, () =>
        evolved(loaded, events, result.version),
      );
      return result;
    };
    // Who does not try again wants to see the conflict.
    if (attempts === 1) return once();
    // Only the append is tried again: what `decide` throws is its caller's, whatever it is.
    return this.inTurn(streamId, () =>
      retryOnConflict(once, { attempts }, this.store.clock, this.random, () => hasDecided),
    );
  }

  append(
    streamId: string,
    version: number,
    events: readonly EventInput[],
    metadata: EventMetadata | undefined,
  ): Promise<AppendResult> {
    return this.store.append(streamId, events, {
      expectedVersion: version,
      ...(metadata === undefined ? {} : { metadata }),
    });
  }

  /** A snapshot that cannot be taken costs time later but nothing now, so it is reported and the update stands. */
  async snapshotIfDue(
    streamId: string,
    snapshotVersion: number,
    version: number,
    state: () => State,
  ): Promise<void> {
    if (this.snapshots === false || this.snapshots.every === undefined) return;
    if (version - snapshotVersion < this.snapshots.every) return;
    try {
      await this.store.saveSnapshot(streamId, {
        version,
        revision: this.model.snapshotRevision,
        state: this.model.toSnapshot(state()),
      });
    } catch (error) {
      this.store.logger.error(
        `No snapshot could be taken of an aggregate "${categoryOf(streamId)}" at version ${version}; it is loaded from its events`,
        error,
      );
    }
  }

  /** The state of the latest snapshot; `undefined` where there is none that can be used. */
  async #restore(streamId: string): Promise<StateAt<State> | undefined> {
    const snapshot = this.snapshots === false ? null : await this.store.getLatestSnapshot(streamId);
    if (snapshot === null || snapshot.revision !== this.model.snapshotRevision) return undefined;
    try {
      return { state: this.model.fromSnapshot(snapshot), version: snapshot.version };
    } catch (error) {
      this.store.logger.error(
        `The snapshot of an aggregate "${categoryOf(streamId)}" at version ${snapshot.version} cannot be used; it is loaded from its events`,
        error,
      );
      return undefined;
    }
  }

  /** The state after the events that follow `start`, and the version that the stream has, 0 for nothing read. */
  async #evolve(streamId: string, start: StateAt<State>): Promise<StateAt<State>> {
    let { state } = start;
    let version = 0;
    // The event that `start` stands at is read with those after it, since only that shows that the stream has it.
    for await (const event of this.store.readStream(streamId, { fromVersion: Math.max(start.version, 1) })) {
      if (event.version > start.version) state = this.model.evolve(state, event);
      version = event.version;
    }
    return { state, version };
  }
}

/** The stream of an aggregate or decider. @throws InvalidArgumentError for an empty id */
export function streamIdOf(name: string, id: string): string {
  if (typeof id !== 'string' || id === '') {
    throw new InvalidArgumentError('id', `an id of a ${name} is a non-empty string`);
  }
  return `${name}-${id}`;
}
