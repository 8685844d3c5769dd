/**
 * Time as the library sees it, passed in so that a test can drive it.
 * @publicApi
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after `ms`; the returned function takes it back, and whoever asked calls it when the wait is over. */
  after(ms: number, callback: () => void): () => void;
}

/** Node waits 1 ms where it is told to wait longer than this, and `Infinity` means "for ever". */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * The machine's clock. Its timers wait 24.8 days at the most.
 * @publicApi
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, TIMER_MS_MAX));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or at once when `signal` is or becomes aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    const stop = (): void => {
      cancel();
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * The delay before attempt `attempt + 1`, doubled with every attempt and bounded (exponential back-off).
 * @param attempt how many attempts have failed, from 1
 */
export function backOffMs(attempt: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** (attempt - 1));
}
