import { strict as assert } from 'node:assert';
import type { RecordedEvent } from '../../../core/recorded-event.js';
import type { EventStore, EventStoreOptions } from '../../../store/event-store.js';
import { all, plain } from '../sample-events.js';
import type { Trial } from '../trial.js';
import type { PlainEvent } from './store-model.js';

/**
 * A store whose positions are known, so that they can be told as ranks: the first event is 1, the next one 2. That
 * makes a backend that leaves gaps comparable with one that leaves none.
 */
export class FollowedStore {
  /** Every event that was read so far, in order. */
  readonly log: PlainEvent[] = [];
  readonly #positions: number[] = [];

  constructor(
    private readonly trial: Trial,
    private current: EventStore,
    private readonly options: EventStoreOptions,
  ) {}

  static async open(trial: Trial, options: EventStoreOptions = {}): Promise<FollowedStore> {
    return new FollowedStore(trial, await trial.open(options), options);
  }

  get store(): EventStore {
    return this.current;
  }

  async reopen(): Promise<void> {
    this.current = await this.trial.reopen(this.current, this.options);
  }

  /** Reads what has been added to the log. */
  async catchUp(): Promise<void> {
    const last = this.#positions.at(-1) ?? 0;
    const events = await all(this.store.readAll({ after: last }));
    for (const { position } of events) {
      const before = this.#positions.at(-1) ?? 0;
      assert.ok(position > before, `position ${position} stands behind ${before}`);
      if (this.trial.subject.capabilities.positionsHaveGaps !== true) assert.equal(position, before + 1);
      this.#positions.push(position);
    }
    this.log.push(...events.map((event) => this.ranked(event)));
  }

  /** An event as plain data, its position a rank. */
  ranked(event: RecordedEvent): PlainEvent {
    return { ...(plain(event) as PlainEvent), position: this.rankOf(event.position) };
  }

  rankedResults<R extends { readonly position: number }>(results: readonly R[]): readonly R[] {
    return results.map((result) => ({ ...result, position: this.rankOf(result.position) }));
  }

  /** Positions beyond the last one are as far beyond the last rank. */
  rankOf(position: number): number {
    const last = this.#positions.at(-1) ?? 0;
    if (position > last) return this.#positions.length + position - last;
    if (position === 0) return 0;
    const index = this.#positions.indexOf(position);
    assert.ok(index >= 0, `no event stands at position ${position}`);
    return index + 1;
  }

  positionOf(rank: number): number {
    const beyond = rank - this.#positions.length;
    if (beyond > 0) return (this.#positions.at(-1) ?? 0) + beyond;
    return rank === 0 ? 0 : this.#positions[rank - 1]!;
  }
}
