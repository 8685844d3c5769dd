import type { AppendResult, Commit } from '../core/commit.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import type { CommitRider, WriteCommit } from '../store/commit-rider.js';
import { ambientRider, riderInCharge } from '../store/event-context.js';
import { AttemptAbandonedError } from './message.errors.js';

/**
 * The rider of one run of a handler. While the handler runs it has a say in its appends; what comes later goes on without
 * it, or is refused where the handler may be run again, since both runs would have appended.
 */
export abstract class RunRider implements CommitRider {
  #outer = ambientRider();
  #state: 'running' | 'over' | 'abandoned' = 'running';
  #inFlight = 0;
  #allEnded: (() => void) | undefined;

  /** @param handler as `Class` or `Class.method` */
  constructor(protected readonly handler: string) {}

  get outer(): CommitRider | undefined {
    return (this.#outer = riderInCharge(this.#outer));
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  ride(home: EventStoreBackend, commit: Commit, write: WriteCommit): Promise<readonly AppendResult[]> {
    if (this.#state === 'over') return this.onward(home, commit, write);
    if (this.#state === 'abandoned')
      return Promise.reject(new AttemptAbandonedError(this.handler, commit.streams[0]?.streamId ?? ''));
    const joined = this.join(home, commit, write);
    this.#inFlight++;
    joined.then(this.#oneEnded, this.#oneEnded);
    return joined;
  }

  /** An append of the run. */
  protected abstract join(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]>;

  protected onward(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    const { outer } = this;
    return outer === undefined ? write(commit) : outer.ride(home, commit, write);
  }

  /**
   * Ends the run after the appends in flight, also those that the handler has not waited for.
   * @param isAbandoned asked then: whether what comes later is refused
   * @returns whether it is
   */
  protected async endWithAppends(isAbandoned: () => boolean): Promise<boolean> {
    while (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#allEnded = resolve));
    return this.#end(isAbandoned() ? 'abandoned' : 'over');
  }

  /** Ends the run: it will not be repeated. One that is abandoned stays so. */
  end(): void {
    if (this.#state === 'running') this.#end('over');
  }

  #end(state: 'over' | 'abandoned'): boolean {
    this.#state = state;
    // Now and not when it is asked for: whoever holds this one must not hold riders that are over.
    this.#outer = riderInCharge(this.#outer);
    return state === 'abandoned';
  }

  readonly #oneEnded = (): void => {
    if (--this.#inFlight === 0) this.#allEnded?.();
  };
}
