import type { AppendResult, Commit } from '../core/commit.js';
import { AppendOutcomeUnknownError } from '../core/errors/append.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import type { WriteCommit } from '../store/commit-rider.js';
import { RunRider } from './run-rider.js';

/** One run of a handler that may be run again after a conflict, unless it has appended. */
export class Attempt extends RunRider {
  #hasAppended = false;

  /** Whether the handler may be run again: nothing was appended. From then on this run appends nothing any more. */
  abandon(): Promise<boolean> {
    return this.endWithAppends(() => !this.#hasAppended);
  }

  protected async join(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    try {
      const results = await this.onward(home, commit, write);
      this.#hasAppended = true;
      return results;
    } catch (error) {
      if (error instanceof AppendOutcomeUnknownError) this.#hasAppended = true;
      throw error;
    }
  }
}
