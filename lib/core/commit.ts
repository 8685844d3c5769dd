import type { ExpectedVersion } from './expected-version.js';
import type { EncodedEvent } from './stored-event.js';

/**
 * The unit of writing: events for one or many streams and changes of records, all of them or nothing.
 *
 * The store has checked it: at least one event or record, no stream twice, no event id twice, no record twice, every
 * name and size within the limits.
 * @publicApi
 */
export interface Commit {
  readonly streams: readonly StreamCommit[];
  readonly records: readonly RecordChange[];
  /** Milliseconds since 1970, by the store's clock. */
  readonly recordedAt: number;
}

/**
 * The events of a commit that go to one stream.
 * @publicApi
 */
export interface StreamCommit {
  readonly streamId: string;
  readonly expectedVersion: ExpectedVersion;
  /** At least one. */
  readonly events: readonly EncodedEvent[];
  /** The store has just made every id of `events`, so none of them can be a repeat and none need be looked for. */
  readonly idsAreNew: boolean;
}

/**
 * Puts one keyed record, or deletes it.
 * @publicApi
 */
export interface RecordChange {
  readonly collection: string;
  readonly key: string;
  /** JSON text to put; `null` deletes. */
  readonly value: string | null;
  /** If present, the record must hold exactly this text (`null`: must not exist), or the whole commit is a conflict. */
  readonly expected?: string | null;
}

/**
 * Where the events of one stream went.
 * @publicApi
 */
export interface AppendResult {
  readonly streamId: string;
  /** The version of the first event. */
  readonly fromVersion: number;
  /** The version of the last event. */
  readonly version: number;
  /** The position of the last event. */
  readonly position: number;
  /** The same ids were already at this place: nothing was written, and this is the first result again. */
  readonly idempotent: boolean;
}

/**
 * A keyed record as it is read.
 * @publicApi
 */
export interface KeyedRecord {
  readonly key: string;
  /** JSON text, as it was put. */
  readonly value: string;
}

/** The collection that snapshots are kept in, by stream id; `stats().totalSnapshots` counts it. */
export const SNAPSHOT_COLLECTION = 'snapshots';
