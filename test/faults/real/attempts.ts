/** What a child tries to append, in a form that its parent can compare with what is found after a kill. */
import { crc32 } from 'node:zlib';
import type { Commit, RecordChange } from '../../../lib/core/commit.js';
import type { ExpectedVersion } from '../../../lib/core/expected-version.js';

/** One commit, told to the parent before it is appended. */
export interface Attempt {
  /** Different for each attempt of a store. */
  readonly tag: string;
  readonly streams: readonly AttemptedStream[];
  readonly records: readonly RecordChange[];
}

export interface AttemptedStream {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  readonly ids: readonly string[];
}

/** An event as it was found: position, id, stream, version, type and the checksum of its data and metadata. */
export type FoundEvent = readonly [number, string, string, number, string, number];

export type FoundRecord = readonly [collection: string, key: string, value: string];

/** Where an acknowledgement says that events are: stream, first version, last version, position of the last. */
export type Place = readonly [string, number, number, number];

/** What a child says, one line each. */
export type Line =
  | { readonly kind: 'opened'; readonly torn: boolean; readonly strays: number }
  | { readonly kind: 'events'; readonly events: readonly FoundEvent[] }
  | {
      readonly kind: 'found';
      readonly records: readonly FoundRecord[];
      readonly totals: readonly [events: number, streams: number, snapshots: number];
    }
  | { readonly kind: 'verified'; readonly problems: readonly string[]; readonly events: number }
  | { readonly kind: 'attempt'; readonly attempt: Attempt }
  | {
      readonly kind: 'acknowledged';
      readonly tag: string;
      readonly places: readonly Place[];
      readonly idempotent: boolean;
    }
  | { readonly kind: 'flushing' | 'flushed' | 'began' | 'done' | 'closed' }
  | { readonly kind: 'failed'; readonly what: string };

/** What a child is told at its start. */
export interface Life {
  readonly options: {
    readonly persistencePath: string;
    readonly enableWal?: boolean;
    readonly durability?: 'commit' | 'interval';
    readonly walSegmentBytes?: number;
    readonly sealAfterEvents?: number;
    readonly mergeFanIn?: number;
  };
  /** Counts the lives of a store; every one makes its own tags. */
  readonly number: number;
  readonly seed: number;
  readonly writers: number;
  /** What was not acknowledged in earlier lives, to be appended again with the same ids. */
  readonly retries: readonly Attempt[];
  readonly verifies: boolean;
  /** What is done over and over while writers append. */
  readonly step?: 'flush' | 'compact' | 'backup';
  readonly backups: string;
  /** Nothing is appended, and the store is closed. */
  readonly closes: boolean;
}

export const EVENT_TYPE = 'HappenedAtLast';

/** The data of an event follows from its attempt, so that a changed byte is noticed. */
export function dataOf(tag: string, index: number): string {
  const sum = crc32(`${tag}/${index}`);
  return JSON.stringify({ tag, index, text: 'ä€😀 x'.repeat(sum % 40) });
}

export function metadataOf(tag: string): string {
  return JSON.stringify({ tag });
}

export function checksumOf(data: string, metadata: string): number {
  return crc32(metadata, crc32(data));
}

/** @param given whether its ids are to be looked for among those that are known */
export function commitOf({ tag, streams, records }: Attempt, given: boolean): Commit {
  return {
    recordedAt: Date.now(),
    records,
    streams: streams.map(({ stream, expected, ids }) => ({
      streamId: stream,
      expectedVersion: expected,
      idsAreNew: !given,
      events: ids.map((id, index) => ({
        id,
        type: EVENT_TYPE,
        schemaVersion: 1,
        data: dataOf(tag, index),
        metadata: metadataOf(tag),
      })),
    })),
  };
}
