import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { Snapshot as SnapshotData } from '../core/snapshot.js';

/** What a class offers so that snapshots can be taken from it; `AggregateRoot` does. @publicApi */
export interface SnapshotSource {
  /** The version of the stream that the state stands at. */
  readonly version: number;
  /** Events that are applied but not yet stored. */
  readonly uncommittedEvents: readonly object[];
  /** The revision of the state's schema. */
  readonly snapshotRevision: number;
  /** The state as something with a JSON form. */
  toSnapshot(): unknown;
  /** Takes over the state and version of a snapshot. */
  restoreSnapshot(snapshot: SnapshotData): void;
}

/** A snapshot that can be turned back into what it was taken from. @publicApi */
export interface RestorableSnapshot extends SnapshotData {
  /** A new instance of `type` with the snapshot's state and version. @throws InvalidArgumentError if its revision is another */
  intoAggregate<A extends SnapshotSource>(type: new () => A): A;
}

/** @publicApi */
export type Snapshot = SnapshotData;

/**
 * Takes snapshots.
 * @example
 * ```ts
 * const account = await accounts.load('a1');
 * await store.saveSnapshot('account-a1', Snapshot.create(account, account.version));
 * const copy = (await store.getLatestSnapshot('account-a1'))?.intoAggregate(Account);
 * ```
 * @publicApi
 */
export const Snapshot = {
  /**
   * The state of an aggregate at `version`, its committed version.
   * @throws InvalidArgumentError if events are not yet stored, or the aggregate stands at another version: such a
   * snapshot would keep a state that the stream never had
   */
  create(aggregate: SnapshotSource, version: number): RestorableSnapshot {
    if (aggregate.uncommittedEvents.length > 0) {
      throw new InvalidArgumentError(
        'aggregate',
        `it has ${aggregate.uncommittedEvents.length} uncommitted event(s); save it first, and take the snapshot afterwards`,
      );
    }
    if (version !== aggregate.version) {
      throw new InvalidArgumentError(
        'version',
        `the aggregate stands at version ${aggregate.version}, not at ${version}`,
      );
    }
    return restorable({ version, revision: aggregate.snapshotRevision, state: aggregate.toSnapshot() });
  },
};

/** Gives a snapshot its way back. */
export function restorable({ version, revision, state }: SnapshotData): RestorableSnapshot {
  return new StoredSnapshot(version, revision, state);
}

class StoredSnapshot implements RestorableSnapshot {
  constructor(
    readonly version: number,
    readonly revision: number,
    readonly state: unknown,
  ) {}

  intoAggregate<A extends SnapshotSource>(type: new () => A): A {
    const aggregate = new type();
    if (aggregate.snapshotRevision !== this.revision) {
      throw new InvalidArgumentError(
        'snapshot.revision',
        `the snapshot is of revision ${this.revision}, and ${type.name} of revision ${aggregate.snapshotRevision}; load it from its events`,
      );
    }
    aggregate.restoreSnapshot(this);
    return aggregate;
  }
}
