import type { StoredEvent } from '../../core/stored-event.js';

/**
 * Finds events by their ids.
 *
 * It catches up with the log only when asked, so that appends whose ids the store has just made, which is nearly
 * all of them, pay nothing for it: setting a million ids into a map costs more than everything else in an append.
 */
export class EventIdIndex {
  readonly #log: readonly StoredEvent[];
  readonly #events = new Map<string, StoredEvent>();

  constructor(log: readonly StoredEvent[]) {
    this.#log = log;
  }

  find(id: string): StoredEvent | undefined {
    for (let i = this.#events.size; i < this.#log.length; i++) {
      const event = this.#log[i] as StoredEvent;
      this.#events.set(event.id, event);
    }
    return this.#events.get(id);
  }
}
