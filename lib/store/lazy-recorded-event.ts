import { inspect } from 'node:util';
import type { EventMetadata, RecordedEvent } from '../core/recorded-event.js';
import type { StoredEvent } from '../core/stored-event.js';
import type { EventTypes } from './event-types.js';
import { decodeJson } from './json-codec.js';

const UNPARSED = Symbol('unparsed');

/**
 * A stored event as one reader gets it. Text is parsed when it is first looked at, so a reader that only counts
 * parses nothing; every reader has an object of its own, so none can change another's.
 */
export class LazyRecordedEvent implements RecordedEvent {
  /** A member, so that two events are not equal to who compares members, as test frameworks do. */
  readonly id: string;
  readonly #stored: StoredEvent;
  readonly #types: EventTypes;
  #data: unknown = UNPARSED;
  #metadata: EventMetadata | undefined;
  #recordedAt: Date | undefined;

  constructor(stored: StoredEvent, types: EventTypes) {
    this.id = stored.id;
    this.#stored = stored;
    this.#types = types;
  }

  // The others are getters and not copies: a page is read in two thirds of the time where its events are small.

  get streamId(): string {
    return this.#stored.streamId;
  }

  get version(): number {
    return this.#stored.version;
  }

  get position(): number {
    return this.#stored.position;
  }

  get type(): string {
    return this.#stored.type;
  }

  get schemaVersion(): number {
    return this.#stored.schemaVersion;
  }

  get data(): unknown {
    if (this.#data === UNPARSED) this.#data = this.#types.hydrate(this.type, decodeJson(this.#stored.data));
    return this.#data;
  }

  get metadata(): EventMetadata {
    return (this.#metadata ??= decodeJson(this.#stored.metadata) as EventMetadata);
  }

  get recordedAt(): Date {
    return (this.#recordedAt ??= new Date(this.#stored.recordedAt));
  }

  /** The same event as it was before anybody looked at it. */
  afresh(): LazyRecordedEvent {
    return new LazyRecordedEvent(this.#stored, this.#types);
  }

  /** All fields as a plain object, so that `JSON.stringify` and loggers see what is behind the getters. */
  toJSON(): RecordedEvent {
    const { id, streamId, version, position, type, schemaVersion, data, metadata, recordedAt } = this;
    return { id, streamId, version, position, type, schemaVersion, data, metadata, recordedAt };
  }

  [inspect.custom](): RecordedEvent {
    return this.toJSON();
  }
}

/** The same event without what a reader has done to it: a handler that is tried again begins where the first try did. */
export function afresh(event: RecordedEvent): RecordedEvent {
  return event instanceof LazyRecordedEvent ? event.afresh() : event;
}
