/**
 * An event as backends keep it: everything but its place decided, `data` and `metadata` as JSON text.
 * @publicApi
 */
export interface EncodedEvent {
  /** A UUID in lower case. */
  readonly id: string;
  readonly type: string;
  /** The revision of the event type's schema, from 1. */
  readonly schemaVersion: number;
  /** JSON text, to be kept as written. */
  readonly data: string;
  /** JSON text of an object, to be kept as written. */
  readonly metadata: string;
}

/**
 * An encoded event with its place in the store.
 * @publicApi
 */
export interface StoredEvent extends EncodedEvent {
  readonly streamId: string;
  /** 1-based and gapless within the stream. */
  readonly version: number;
  /** 1-based and strictly increasing over the whole store, in commit order. */
  readonly position: number;
  /** Milliseconds since 1970 by the clock of the store that appended it. */
  readonly recordedAt: number;
}
