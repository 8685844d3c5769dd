import type { AppendResult, Commit } from '../core/commit.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import { assertCommitSize } from './commit-size.js';
import { ambientRider } from './event-context.js';

/** The commits of one store: within the limits, with what goes along with them, and counted until they have ended. */
export class Commits {
  #inFlight = 0;
  #allEnded: (() => void) | undefined;

  constructor(
    private readonly backend: EventStoreBackend,
    /** The backend of the store, also where this is a transaction of it. */
    private readonly home: EventStoreBackend,
  ) {}

  write(commit: Commit): Promise<readonly AppendResult[]> {
    const rider = commit.streams.length === 0 ? undefined : ambientRider();
    return rider === undefined ? this.#write(commit) : rider.ride(this.home, commit, this.#write);
  }

  /** Resolves when none is in flight. */
  async ended(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#allEnded = resolve));
  }

  readonly #write = (commit: Commit): Promise<readonly AppendResult[]> => {
    assertCommitSize(commit.streams, commit.records);
    const answered = this.backend.append(commit);
    this.#inFlight++;
    // Beside the answer and not before it: every append would pay for one more turn.
    answered.then(this.#oneEnded, this.#oneEnded);
    return answered;
  };

  readonly #oneEnded = (): void => {
    if (--this.#inFlight === 0) this.#allEnded?.();
  };
}
