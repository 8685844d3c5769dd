import type { StoredEvent } from '../../../core/stored-event.js';

/** Where an event stands. */
export interface EventPlace {
  readonly streamId: string;
  readonly version: number;
  readonly position: number;
}

/**
 * Where the newest events are, by their ids: at least `size` of them, at most twice as many.
 *
 * Nearly all appends bring ids that the store has just made, so nothing is remembered until an id is looked for the
 * first time; then the newest events are read once.
 */
export class EventIdWindow {
  #older = new Map<string, EventPlace>();
  #newer = new Map<string, EventPlace>();
  #loaded: Promise<void> | undefined;
  #isLoaded = false;

  constructor(private readonly size: number) {}

  /** Has to be awaited before anything is looked for. @param readNewest gives the newest `size` events */
  load(readNewest: (size: number) => AsyncIterable<readonly StoredEvent[]>): Promise<void> {
    return (this.#loaded ??= this.#load(readNewest));
  }

  /** Whether anybody has asked for an id, so that events have to be told to it. */
  get isInUse(): boolean {
    return this.#loaded !== undefined;
  }

  /** Whether ids can be looked for. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  find(id: string): EventPlace | undefined {
    return this.#newer.get(id) ?? this.#older.get(id);
  }

  /** Takes note of an event. */
  add({ id, streamId, version, position }: StoredEvent): void {
    this.#newer.set(id, { streamId, version, position });
    if (this.#newer.size < this.size) return;
    this.#older = this.#newer;
    this.#newer = new Map();
  }

  async #load(readNewest: (size: number) => AsyncIterable<readonly StoredEvent[]>): Promise<void> {
    try {
      const older = new Map<string, EventPlace>();
      for await (const events of readNewest(this.size)) {
        for (const { id, streamId, version, position } of events)
          older.set(id, { streamId, version, position });
      }
      // What was appended meanwhile is newer.
      for (const [id, place] of this.#older) older.set(id, place);
      this.#older = older;
      this.#isLoaded = true;
    } catch (error) {
      this.#loaded = undefined;
      throw error;
    }
  }
}
