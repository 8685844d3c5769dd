import type { AppendResult, Commit } from '../core/commit.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';

/** Writes a commit as it is given. */
export type WriteCommit = (commit: Commit) => Promise<readonly AppendResult[]>;

/**
 * Goes along with the appends of a running call: it may add records to their commits, hold them back or refuse them.
 *
 * That is how a command's record becomes durable with the events of its handler, although the handler knows nothing
 * of it. `carryRider` gives a call its rider.
 */
export interface CommitRider {
  /** The rider of the call that this one is made in, none that is over. */
  readonly outer: CommitRider | undefined;
  /** Nothing is left for it to do: calls that it is still carried by, a timer for instance, go on without it. */
  readonly isOver: boolean;

  /**
   * Called in place of the commit of an append, which it makes by `write`.
   * @param home the backend of the store that is appended to, also inside of a transaction
   */
  ride(home: EventStoreBackend, commit: Commit, write: WriteCommit): Promise<readonly AppendResult[]>;
}
