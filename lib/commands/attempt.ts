import type { AppendResult, Commit } from '../core/commit.js';
import { AppendOutcomeUnknownError } from '../core/errors/append.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import type { CommitRider, WriteCommit } from '../store/commit-rider.js';
import { ambientRider, riderInCharge } from '../store/event-context.js';
import { AttemptAbandonedError } from './message.errors.js';

/**
 * One run of a handler that may be run again after a conflict. It sees whether the run has appended, and once there is
 * another one, keeps what the first has left behind from appending beside it.
 */
export class Attempt implements CommitRider {
  #outer = ambientRider();
  #inFlight: Promise<unknown> = Promise.resolve();
  #hasAppended = false;
  #isAbandoned = false;
  #isOver = false;

  /** @param handler as `Class` or `Class.method` */
  constructor(private readonly handler: string) {}

  get outer(): CommitRider | undefined {
    return (this.#outer = riderInCharge(this.#outer));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  ride(home: EventStoreBackend, commit: Commit, write: WriteCommit): Promise<readonly AppendResult[]> {
    if (this.#isAbandoned)
      return Promise.reject(new AttemptAbandonedError(this.handler, commit.streams[0]?.streamId ?? ''));
    const appended = this.#append(home, commit, write);
    this.#inFlight = Promise.allSettled([this.#inFlight, appended]);
    return appended;
  }

  /** Whether the handler may be run again: nothing was appended. From then on this run appends nothing any more. */
  async abandon(): Promise<boolean> {
    for (let seen: unknown; seen !== this.#inFlight;) await (seen = this.#inFlight);
    this.#isAbandoned = !this.#hasAppended;
    return this.#isAbandoned;
  }

  /** The handler will not be run again. */
  end(): void {
    this.#isOver = true;
    this.#outer = this.outer;
  }

  async #append(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    try {
      const { outer } = this;
      const results = await (outer === undefined ? write(commit) : outer.ride(home, commit, write));
      this.#hasAppended = true;
      return results;
    } catch (error) {
      if (error instanceof AppendOutcomeUnknownError) this.#hasAppended = true;
      throw error;
    }
  }
}
