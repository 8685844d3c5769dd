/**
 * The version of every stream, and the events of those that are read.
 *
 * A stream that nobody has touched since the opening is a number in a map, one that is in use an object. From its first
 * reading on its events are kept, as far as a budget of bytes goes, so that reading it again costs no more than in the
 * memory backend, and writing what nobody reads costs nothing. Who was not read since the last look gives way first
 * (the CLOCK algorithm, Corbató 1968).
 */
import type { StoredEvent } from '../../../core/stored-event.js';

/** A stream that is in use. */
export interface LiveStream {
  /** With the events of commits that are not durable yet. */
  version: number;
  /** Of the last event that readers may see. */
  visible: number;
  /** Of the last event, with those that are not durable yet; 0 if it has been sealed. */
  lastPosition: number;
  /** `lastPosition` of what readers may see. */
  visiblePosition: number;
  /** All visible events, if they are kept. */
  events: StoredEvent[] | undefined;
  bytes: number;
  wasRead: boolean;
}

/** One stream must not push all others out. */
const SHARE_OF_ONE_STREAM = 1 / 4;
/** What an event takes beside its texts. */
const EVENT_OVERHEAD_BYTES = 250;

export function sizeOf({ data, metadata }: StoredEvent): number {
  return EVENT_OVERHEAD_BYTES + data.length + metadata.length;
}

export class LiveStreams {
  readonly #streams = new Map<string, LiveStream | number>();
  readonly #budgetBytes: number;
  /** Streams whose events are kept, the next to give way first. */
  #kept: LiveStream[] = [];
  #hand = 0;
  #keptBytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Streams with at least one event, those of commits that are not durable yet included. */
  get count(): number {
    return this.#streams.size;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Takes note of a stream as it was found on opening. */
  restore(streamId: string, version: number, lastPosition: number): void {
    if (lastPosition === 0) this.#streams.set(streamId, version);
    else this.#streams.set(streamId, streamAt(version, lastPosition));
  }

  /** The stream, `undefined` if it has no event. */
  find(streamId: string): LiveStream | undefined {
    const found = this.#streams.get(streamId);
    return typeof found === 'number' ? this.#waken(streamId, found) : found;
  }

  /** The stream, a new one if it has no event yet. */
  take(streamId: string): LiveStream {
    const found = this.#streams.get(streamId);
    if (typeof found === 'object') return found;
    return this.#waken(streamId, found ?? 0);
  }

  /** The version that readers may see. */
  visibleVersion(streamId: string): number {
    const found = this.#streams.get(streamId);
    return typeof found === 'object' ? found.visible : (found ?? 0);
  }

  /** Adds events that have become visible to a stream that is kept. */
  extend(stream: LiveStream, events: readonly StoredEvent[]): void {
    if (stream.events === undefined) return;
    let bytes = 0;
    for (const event of events) {
      stream.events.push(event);
      bytes += sizeOf(event);
    }
    this.#grow(stream, bytes);
  }

  /** Keeps the events of a stream that were read: all that are visible. */
  keep(stream: LiveStream, events: StoredEvent[]): void {
    const bytes = events.reduce((sum, event) => sum + sizeOf(event), 0);
    if (bytes > this.#budgetBytes * SHARE_OF_ONE_STREAM) return;
    this.#keep(stream, events);
    this.#grow(stream, bytes);
  }

  /** Takes back what was never made durable. */
  rollBack(streamId: string, stream: LiveStream): void {
    stream.version = stream.visible;
    stream.lastPosition = stream.visiblePosition;
    if (stream.version === 0) this.#streams.delete(streamId);
  }

  #waken(streamId: string, version: number): LiveStream {
    const stream = streamAt(version, 0);
    this.#streams.set(streamId, stream);
    return stream;
  }

  #keep(stream: LiveStream, events: StoredEvent[]): void {
    if (stream.events !== undefined) return;
    stream.events = events;
    stream.bytes = 0;
    this.#kept.push(stream);
  }

  #grow(stream: LiveStream, bytes: number): void {
    stream.bytes += bytes;
    this.#keptBytes += bytes;
    if (stream.bytes > this.#budgetBytes * SHARE_OF_ONE_STREAM) stream.wasRead = false;
    if (this.#keptBytes > this.#budgetBytes) this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.#keptBytes > this.#budgetBytes && this.#hand < this.#kept.length) {
      const stream = this.#kept[this.#hand++] as LiveStream;
      if (stream.wasRead) {
        stream.wasRead = false;
        this.#kept.push(stream);
        continue;
      }
      this.#keptBytes -= stream.bytes;
      stream.events = undefined;
      stream.bytes = 0;
    }
    // Moving the hand is cheap; the array behind it is given back when half of it is behind.
    if (this.#hand * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#hand);
      this.#hand = 0;
    }
  }
}

function streamAt(version: number, lastPosition: number): LiveStream {
  return {
    version,
    visible: version,
    lastPosition,
    visiblePosition: lastPosition,
    events: undefined,
    bytes: 0,
    wasRead: false,
  };
}
