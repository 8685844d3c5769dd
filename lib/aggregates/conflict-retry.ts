import { backOffMs, type Clock, pause } from '../core/clock.js';
import { WrongExpectedVersionError } from '../core/errors/append.errors.js';
import { Limits } from '../core/limits.js';
import { checkMilliseconds, checkWholeNumber } from '../store/read-options.js';

/**
 * How often, and how soon, something is done again because another writer was faster.
 * @publicApi
 */
export interface RetryOptions {
  /** The first time included. */
  readonly attempts: number;
  /** Longest first delay, in milliseconds; doubled each time. Default 2. */
  readonly delayMs?: number;
  /** Longest delay, in milliseconds. Default 100. */
  readonly delayMaxMs?: number;
}

/** @throws InvalidArgumentError */
export function checkRetry({ attempts, delayMs, delayMaxMs }: RetryOptions, path: string): void {
  checkWholeNumber(attempts, `${path}.attempts`, 1);
  if (delayMs !== undefined) checkMilliseconds(delayMs, `${path}.delayMs`);
  if (delayMaxMs !== undefined) checkMilliseconds(delayMaxMs, `${path}.delayMaxMs`);
}

/**
 * Does `work`, and again while it fails with WrongExpectedVersionError.
 * @param mayRepeat asked after each such failure; `false` lets it out
 * @param random from 0 (inclusive) to 1
 */
export async function retryOnConflict<R>(
  work: () => Promise<R>,
  options: RetryOptions,
  clock: Clock,
  random: () => number,
  mayRepeat: () => boolean | Promise<boolean> = () => true,
): Promise<R> {
  const {
    attempts,
    delayMs = Limits.updateRetryDelayMs,
    delayMaxMs = Limits.updateRetryDelayMaxMs,
  } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isConflict = error instanceof WrongExpectedVersionError;
      if (!isConflict || attempt >= attempts || !(await mayRepeat())) throw error;
    }
    // Full jitter: racers that lost together must not come back together.
    await pause(clock, random() * backOffMs(attempt, delayMs, delayMaxMs));
  }
}
