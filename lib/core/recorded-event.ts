/**
 * What is written beside an event's data. Ids of correlation and causation are filled in from the running handler.
 * @publicApi
 */
export interface EventMetadata {
  /** The same for everything that one request or command set off. */
  correlationId?: string;
  /** The id of the event or command that directly caused this event. */
  causationId?: string;
  [key: string]: unknown;
}

/**
 * An event as readers get it. `data` is parsed when it is first looked at, and belongs to this reader alone. All fields
 * but `id` are getters, so a spread (`{ ...event }`), `Object.keys` and comparisons of members see only `id`: name what
 * you copy, and compare what `JSON.stringify` gives.
 * @publicApi
 */
export interface RecordedEvent<T = unknown> {
  /** A UUID in lower case. */
  readonly id: string;
  readonly streamId: string;
  /** 1-based and gapless within the stream. */
  readonly version: number;
  /** 1-based and strictly increasing over the whole store, in commit order. */
  readonly position: number;
  readonly type: string;
  /** The revision of the type's schema that the event was written with, from 1. */
  readonly schemaVersion: number;
  /** The event's content; where the type's class is known to the store, with that class's prototype. */
  readonly data: T;
  readonly metadata: EventMetadata;
  readonly recordedAt: Date;
}
