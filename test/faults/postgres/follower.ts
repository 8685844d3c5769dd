/** A reader that keeps its own checkpoint, and everything that it has been given. */
import type { EventStore, RecordedEvent, StoreSubscription } from '@allframe/nestjs';
import { eventually } from '../../eventually.js';
import type { Place } from './stored.js';

export class Follower {
  readonly seen: Place[] = [];
  #subscription: StoreSubscription | undefined;

  constructor(public store: EventStore) {}

  /** Where it goes on. */
  get checkpoint(): number {
    return this.seen.at(-1)?.position ?? 0;
  }

  /** Begins behind the last event that it has seen. @param next called with each event that it has just seen */
  start(next?: (event: RecordedEvent) => void): this {
    this.#subscription = this.store.subscribe(
      (event) => {
        const { position, streamId, version, data } = event;
        this.seen.push({ position, streamId, version, tag: (data as { tag: string }).tag });
        next?.(event);
      },
      { after: this.checkpoint },
    );
    return this;
  }

  async stop(): Promise<void> {
    await this.#subscription?.unsubscribe();
  }

  /** Waits until it has come so far. */
  reaches(position: number): Promise<void> {
    return eventually(() => {
      if (this.checkpoint < position) throw new Error(`at ${this.checkpoint}, and ${position} is wanted`);
    });
  }
}
