import type { RecordedEvent } from '../../core/recorded-event.js';
import type { EventStore } from '../../store/event-store.js';
import type { SubscribeOptions } from '../../store/read-options.js';
import type { StoreSubscription } from '../../store/subscription.js';
import { within } from './patience.js';

/** A subscription that keeps what it is given and can be waited for. */
export class Follower {
  readonly seen: RecordedEvent[] = [];
  readonly subscription: StoreSubscription;
  readonly #waiting = new Set<() => void>();

  constructor(
    store: EventStore,
    private readonly patienceMs: number,
    options: SubscribeOptions,
    next?: (event: RecordedEvent) => void | Promise<void>,
  ) {
    this.subscription = store.subscribe((event) => {
      this.seen.push(event);
      for (const look of this.#waiting) look();
      return next?.(event);
    }, options);
  }

  get positions(): number[] {
    return this.seen.map((event) => event.position);
  }

  ready(): Promise<void> {
    return within(this.subscription.ready, 'the subscription to be ready', this.patienceMs);
  }

  /** Until `count` events have been delivered. */
  until(count: number): Promise<void> {
    return this.#until(() => this.seen.length >= count, `${count} delivered events`);
  }

  /** Until the event at `position`, or a later one, has been delivered. */
  untilPosition(position: number): Promise<void> {
    const reached = (): boolean => (this.seen.at(-1)?.position ?? 0) >= position;
    return this.#until(reached, `the delivery of position ${position}`);
  }

  unsubscribe(): Promise<void> {
    return within(this.subscription.unsubscribe(), 'unsubscribe() to resolve', this.patienceMs);
  }

  async #until(reached: () => boolean, what: string): Promise<void> {
    if (reached()) return;
    let look: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      look = () => reached() && resolve();
      this.#waiting.add(look);
    });
    try {
      await within(
        done,
        () => `${what}; delivered so far: ${this.seen.length}, at positions ${this.positions.join(', ')}`,
        this.patienceMs,
      );
    } finally {
      this.#waiting.delete(look);
    }
  }
}
