import type { AppendResult, Commit } from '../core/commit.js';
import { AppendOutcomeUnknownError } from '../core/errors/append.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import type { CommitRider, WriteCommit } from '../store/commit-rider.js';
import { ambientRider } from '../store/event-context.js';
import type { CommandProgress } from './idempotency/command-rider.js';

/** Sees whether a handler has appended, for a command without an id: then it is not run again after a conflict. */
export class AppendWitness implements CommitRider, CommandProgress {
  readonly #outer = ambientRider();
  isHalfDone = false;

  decided(): void {
    // Without an id no answer is recorded.
  }

  async ride(home: EventStoreBackend, commit: Commit, write: WriteCommit): Promise<readonly AppendResult[]> {
    try {
      const results = await (this.#outer === undefined
        ? write(commit)
        : this.#outer.ride(home, commit, write));
      this.isHalfDone = true;
      return results;
    } catch (error) {
      if (error instanceof AppendOutcomeUnknownError) this.isHalfDone = true;
      throw error;
    }
  }
}
