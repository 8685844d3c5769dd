import type { Clock } from '../core/clock.js';
import { LimitExceededError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Callers that wait until a reader has reached a position. */
export class PositionWaiters {
  readonly #waiters = new Set<Waiter>();
  /** Below this position nobody waits, so most events cost one comparison. */
  #lowest = Infinity;

  constructor(private readonly clock: Clock) {}

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves at `position`; rejects with `late()` after `timeoutMs`. */
  wait(position: number, timeoutMs: number, late: () => Error): Promise<void> {
    if (this.#waiters.size >= Limits.projectionWaitersMax) {
      const { projectionWaitersMax } = Limits;
      return Promise.reject(
        new LimitExceededError(
          'projectionWaitersMax',
          this.#waiters.size + 1,
          projectionWaitersMax,
          'waitFor',
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiters.delete(waiter);
        cancel();
      };
      const waiter: Waiter = {
        position,
        resolve: () => {
          end();
          resolve();
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const cancel = this.clock.after(timeoutMs, () => waiter.reject(late()));
      this.#waiters.add(waiter);
      this.#lowest = Math.min(this.#lowest, position);
    });
  }

  /** The reader has reached `position`. */
  reached(position: number): void {
    if (position < this.#lowest) return;
    this.#lowest = Infinity;
    for (const waiter of this.#waiters) {
      if (waiter.position <= position) waiter.resolve();
      else this.#lowest = Math.min(this.#lowest, waiter.position);
    }
  }

  /** The reader will reach no further position. */
  reject(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
