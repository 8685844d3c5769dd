import type { Clock } from '../core/clock.js';

/**
 * A clock that stands still until a test moves it.
 * @example
 * ```ts
 * const clock = new FakeClock();
 * const store = await EventStore.open(new InMemoryBackend(), { clock });
 * await clock.advance(1_000);
 * ```
 * @publicApi
 */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  /** @param now milliseconds since 1970 */
  constructor(now = Date.UTC(2024, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on by `ms`, calls back what falls due, in order, and lets what it started run until it waits again. */
  async advance(ms: number): Promise<void> {
    // What has been started before sets its timers first, and from the time that it is now.
    await settled();
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** One turn of the event loop: every promise that can go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
