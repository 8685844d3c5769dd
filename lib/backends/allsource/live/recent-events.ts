import type { StoredEvent } from '../../../core/stored-event.js';
import { sizeOf } from './live-streams.js';

/**
 * The newest events by position, as many as a budget of bytes holds: readers that keep up with the writers are served
 * from here, and while there are none it stays empty. Two halves take turns, so forgetting costs nothing per event.
 */
export class RecentEvents {
  readonly #halfBudgetBytes: number;
  #older: StoredEvent[] = [];
  #newer: StoredEvent[] = [];
  #newerBytes = 0;

  constructor(budgetBytes: number) {
    this.#halfBudgetBytes = budgetBytes / 2;
  }

  /** The position of the oldest one, Infinity where there is none. Those behind it follow without a gap. */
  get firstPosition(): number {
    return (this.#older[0] ?? this.#newer[0])?.position ?? Infinity;
  }

  clear(): void {
    this.#older = [];
    this.#newer = [];
    this.#newerBytes = 0;
  }

  add(event: StoredEvent): void {
    this.#newer.push(event);
    this.#newerBytes += sizeOf(event);
    if (this.#newerBytes <= this.#halfBudgetBytes) return;
    this.#older = this.#newer;
    this.#newer = [];
    this.#newerBytes = 0;
  }

  /** Up to `limit` events from `position` on, which is not before `firstPosition`; none before it. */
  readFrom(position: number, limit: number): StoredEvent[] {
    const skip = position - this.firstPosition;
    const { length } = this.#older;
    if (skip >= length) return this.#newer.slice(skip - length, skip - length + limit);
    const events = this.#older.slice(skip, skip + limit);
    if (events.length < limit) events.push(...this.#newer.slice(0, limit - events.length));
    return events;
  }
}
