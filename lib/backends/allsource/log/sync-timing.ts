/**
 * Where the log is synced: on the event loop as long as a sync is short, because handing it to a thread and back costs
 * more than waiting for it; on a thread where the disk is slow, because everything else would wait with it.
 */
export class SyncTiming {
  #averageMs = 0;
  #onThread = false;

  /** @param clock milliseconds */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  get onThread(): boolean {
    return this.#onThread;
  }

  get averageMs(): number {
    return this.#averageMs;
  }

  start(): number {
    return this.clock();
  }

  /** Takes note of a write and sync that began at `start`. */
  end(start: number): void {
    const ms = this.clock() - start;
    this.#averageMs = this.#averageMs === 0 ? ms : this.#averageMs * (1 - WEIGHT) + ms * WEIGHT;
    this.#onThread = this.#averageMs > (this.#onThread ? BACK_ON_LOOP_MS : ON_THREAD_MS);
  }
}

/** How much the newest sync counts in the average. */
const WEIGHT = 1 / 16;
/** On average a sync may keep the event loop waiting this long. */
const ON_THREAD_MS = 0.5;
/** A thread is given up again only when syncs have become clearly shorter, so that the place does not alternate. */
const BACK_ON_LOOP_MS = 0.25;
