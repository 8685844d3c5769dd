/**
 * Where the log is synced: on the event loop as long as a sync is short, because handing it to a thread and back costs
 * more than waiting for it; on a thread where the disk is slow, because everything else would wait with it.
 *
 * Only a sync on the loop can be timed: the end of one on a thread is heard of when the loop gets round to it, which a
 * busy loop makes look long. So every few groups one is tried on the loop again.
 */
export class SyncTiming {
  #averageMs = 0;
  #onThread = false;
  #sinceTrial = 0;

  /** @param clock milliseconds */
  constructor(private readonly clock: () => number) {}

  get onThread(): boolean {
    return this.#onThread;
  }

  /** Of syncs on the loop, weighted towards the newest. */
  get averageMs(): number {
    return this.#averageMs;
  }

  /** Whether the next group is to be written on a thread. */
  takeThread(): boolean {
    if (!this.#onThread) return false;
    this.#sinceTrial = (this.#sinceTrial + 1) % TRIAL_EVERY_GROUPS;
    return this.#sinceTrial !== 0;
  }

  start(): number {
    return this.clock();
  }

  /** Takes note of a write and sync on the loop that began at `start`. */
  end(start: number): void {
    const ms = this.clock() - start;
    const weight = this.#onThread ? WEIGHT_OF_TRIAL : WEIGHT;
    this.#averageMs = this.#averageMs === 0 ? ms : this.#averageMs * (1 - weight) + ms * weight;
    this.#onThread = this.#averageMs > (this.#onThread ? BACK_ON_LOOP_MS : ON_THREAD_MS);
  }
}

/** How much the newest sync counts in the average. */
const WEIGHT = 1 / 16;
/** Trials are rare, so each counts more. */
const WEIGHT_OF_TRIAL = 1 / 4;
const TRIAL_EVERY_GROUPS = 32;
/** On average a write and sync may keep the event loop waiting this long. */
const ON_THREAD_MS = 0.75;
/** A thread is given up again only when syncs have become clearly shorter, so that the place does not alternate. */
const BACK_ON_LOOP_MS = 0.5;
