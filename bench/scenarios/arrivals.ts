import assert from 'node:assert/strict';
import { type Tail, tailOf } from '../harness/statistics.js';

/** When each delivery of one event after the other came. */
export class Arrivals {
  readonly #samples: Float64Array;
  #count = 0;
  #sentAt = 0;
  #complete = (): void => undefined;

  constructor(
    private readonly subscribers: number,
    sends: number,
  ) {
    this.#samples = new Float64Array(subscribers * sends);
  }

  /** Starts the clock; resolves when every subscriber has the event. */
  expect(): Promise<void> {
    const everywhere = new Promise<void>((resolve) => (this.#complete = resolve));
    this.#sentAt = performance.now();
    return everywhere;
  }

  note(): void {
    this.#samples[this.#count++] = (performance.now() - this.#sentAt) * 1000;
    if (this.#count % this.subscribers === 0) this.#complete();
  }

  /** Deliveries so far. */
  get count(): number {
    return this.#count;
  }

  summary(): Record<Tail, number> {
    assert.equal(this.#count, this.#samples.length);
    return tailOf(this.#samples);
  }
}
