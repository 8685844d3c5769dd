/**
 * What every segment writer does whatever its library: check each group before a byte of it is encoded, do calls in order,
 * and refuse to go on after a failure, as nobody knows then what the file holds.
 */
import type { StoredEvent } from '../../../core/stored-event.js';
import { checkEvents } from './event-columns.js';
import type { SegmentWriter } from './parquet-codec.js';

/** The part that a library does. It is called for one thing at a time. */
export interface SegmentEncoder {
  encode(events: readonly StoredEvent[]): void | Promise<void>;
  end(): void | Promise<void>;
}

export class CheckedSegmentWriter implements SegmentWriter {
  #turn: Promise<void> = Promise.resolve();
  #state: 'open' | 'finished' | 'broken' = 'open';
  #next: number | undefined;

  constructor(
    private readonly path: string,
    private readonly encoder: SegmentEncoder,
  ) {}

  write(events: readonly StoredEvent[]): Promise<void> {
    return this.#inTurn(async () => {
      checkEvents(events, this.#next);
      await this.#attempt(() => this.encoder.encode(events));
      this.#next = (events.at(-1)?.position ?? 0) + 1;
    });
  }

  finish(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#attempt(() => this.encoder.end());
      this.#state = 'finished';
    });
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => {
      if (this.#state !== 'open')
        throw new Error(`The segment ${this.path} is ${this.#state}: begin a new one`);
      return act();
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #attempt(act: () => void | Promise<void>): Promise<void> {
    this.#state = 'broken';
    await act();
    this.#state = 'open';
  }
}
