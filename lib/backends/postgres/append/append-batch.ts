import type { AppendResult, Commit, RecordChange, StreamCommit } from '../../../core/commit.js';
import { RecordConflictError, WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { Limits } from '../../../core/limits.js';
import type { EncodedEvent } from '../../../core/stored-event.js';
import {
  bigintArray,
  type BinaryArray,
  booleanArray,
  intArray,
  jsonArray,
  textArray,
  timeArray,
  uuidArray,
} from '../binary-array.js';
import type { KnownVersions } from './known-versions.js';
import { expectedNumber, Outcome } from './codes.js';

/** What became of one commit of a batch. */
export type CommitAnswer =
  | { readonly results: readonly AppendResult[] }
  | { readonly error: Error }
  /** Ids of it are known: nothing was written, and where they stand decides what that means. */
  | { readonly idsKnown: true };

/**
 * Commits that are sent with one call. Whether an id or a record exists is looked up once for all of them, so no two
 * of a batch may be about the same one.
 */
export class AppendBatch {
  readonly commits: Commit[] = [];
  readonly #ids = new Set<string>();
  readonly #records = new Set<string>();
  #events = 0;
  #units = 0;

  /** Takes a commit in, unless it has to wait for the next batch. The first one is always taken. */
  add(commit: Commit): boolean {
    const { events, units } = sizeOf(commit);
    const isFirst = this.commits.length === 0;
    if (!isFirst && this.#events + events > Limits.appendBatchEventsMax) return false;
    if (!isFirst && this.#units + units > Limits.appendBatchUnitsMax) return false;
    const given = commit.streams.flatMap((stream) =>
      stream.idsAreNew ? [] : stream.events.map((event) => event.id),
    );
    const records = commit.records.map(placeOf);
    if (given.some((id) => this.#ids.has(id)) || records.some((place) => this.#records.has(place)))
      return false;
    for (const id of given) this.#ids.add(id);
    for (const place of records) this.#records.add(place);
    this.#events += events;
    this.#units += units;
    this.commits.push(commit);
    return true;
  }
}

/** The arrays of the function's call, in the order of its parameters. */
class CallArrays {
  readonly commitStreams = intArray();
  readonly distinctStreams = textArray();
  readonly distinctKnown = bigintArray();
  readonly streamDistinctN = intArray();
  readonly streamExpected = bigintArray();
  readonly streamEvents = intArray();
  readonly streamBefore = intArray();
  readonly streamOffset = intArray();
  readonly eventStreamN = intArray();
  readonly eventOffset = intArray();
  readonly eventStream = textArray();
  readonly eventId = uuidArray();
  readonly eventType = textArray();
  readonly eventSchemaVersion = intArray();
  readonly eventData = jsonArray();
  readonly eventMetadata = jsonArray();
  readonly eventRecordedAt = timeArray();
  readonly givenCommitN = intArray();
  readonly givenId = uuidArray();
  readonly recordCommitN = intArray();
  readonly recordCollection = textArray();
  readonly recordKey = textArray();
  readonly recordValue = jsonArray();
  readonly recordChecked = booleanArray();
  readonly recordExpected = textArray();
}

/** How many values `callValues` gives. */
export const CALL_VALUES = Object.keys(new CallArrays()).length + 1;

/**
 * The values of the function's call.
 * @param looksForIds also for those that the store has just made, where the same commits may have been written already
 */
export function callValues(
  commits: readonly Commit[],
  known: KnownVersions,
  looksForIds: boolean,
): readonly unknown[] {
  const arrays = new CallArrays();
  /** By stream: its number, and its events so far. */
  const distinct = new Map<string, { readonly n: number; events: number }>();
  let streamN = 0;
  let offset = 0;
  commits.forEach(({ streams, records, recordedAt }, c) => {
    arrays.commitStreams.push(streams.length);
    for (const { streamId, expectedVersion, events, idsAreNew } of streams) {
      streamN++;
      let stream = distinct.get(streamId);
      if (stream === undefined) {
        distinct.set(streamId, (stream = { n: distinct.size + 1, events: 0 }));
        arrays.distinctStreams.push(streamId);
        arrays.distinctKnown.push(known.of(streamId));
      }
      arrays.streamDistinctN.push(stream.n);
      arrays.streamExpected.push(expectedNumber(expectedVersion));
      arrays.streamEvents.push(events.length);
      arrays.streamBefore.push(stream.events);
      arrays.streamOffset.push(offset);
      stream.events += events.length;
      offset += events.length;
      const mayBeKnown = looksForIds || !idsAreNew;
      for (let i = 0; i < events.length; i++) {
        const { id, type, schemaVersion, data, metadata } = events[i] as EncodedEvent;
        arrays.eventStreamN.push(streamN);
        arrays.eventOffset.push(i);
        arrays.eventStream.push(streamId);
        arrays.eventId.push(id);
        arrays.eventType.push(type);
        arrays.eventSchemaVersion.push(schemaVersion);
        arrays.eventData.push(data);
        arrays.eventMetadata.push(metadata);
        arrays.eventRecordedAt.push(recordedAt);
        if (mayBeKnown) {
          arrays.givenCommitN.push(c + 1);
          arrays.givenId.push(id);
        }
      }
    }
    for (const { collection, key, value, expected } of records) {
      arrays.recordCommitN.push(c + 1);
      arrays.recordCollection.push(collection);
      arrays.recordKey.push(key);
      arrays.recordValue.push(value);
      arrays.recordChecked.push(expected !== undefined);
      arrays.recordExpected.push(expected ?? null);
    }
  });
  const columns = Object.values(arrays) as BinaryArray<never>[];
  return [known.position, ...columns.map((column) => column.end())];
}

/** What the function's row says of each commit. */
export function answersOf(
  commits: readonly Commit[],
  row: readonly (string | null)[],
): readonly CommitAnswer[] {
  const [first, ...arrays] = row;
  const [outcomes, refusedBy, versions] = arrays.map(numbersOf) as [number[], number[], number[]];
  const streams = commits.flatMap((commit) => commit.streams);
  const records = commits.flatMap((commit) => commit.records);
  let next = Number(first);
  let streamsBefore = 0;
  return commits.map((commit, c): CommitAnswer => {
    const begin = streamsBefore;
    streamsBefore += commit.streams.length;
    const refusing = (refusedBy[c] ?? 0) - 1;
    // Without outcomes all are written.
    switch (outcomes[c] ?? Outcome.written) {
      case Outcome.written:
        return {
          results: commit.streams.map(({ streamId, events }, s) => {
            const before = versions[begin + s] as number;
            next += events.length;
            return {
              streamId,
              fromVersion: before + 1,
              version: before + events.length,
              position: next - 1,
              idempotent: false,
            };
          }),
        };
      case Outcome.idKnown:
        return { idsKnown: true };
      case Outcome.wrongVersion: {
        const { streamId, expectedVersion } = streams[refusing] as StreamCommit;
        return {
          error: new WrongExpectedVersionError(streamId, expectedVersion, versions[refusing] as number),
        };
      }
      default: {
        const { collection, key } = records[refusing] as RecordChange;
        return { error: new RecordConflictError(collection, key) };
      }
    }
  });
}

function sizeOf({ streams, records }: Commit): { events: number; units: number } {
  let events = 0;
  let units = 0;
  for (const stream of streams) {
    events += stream.events.length;
    for (const { data, metadata } of stream.events) units += data.length + metadata.length;
  }
  for (const { value } of records) units += value?.length ?? 0;
  return { events, units };
}

function placeOf({ collection, key }: RecordChange): string {
  return `${collection}\0${key}`;
}

/** An array of numbers as the server writes it: `{1,2,3}`. */
function numbersOf(text: string | null | undefined): number[] {
  return text ? (JSON.parse(`[${text.slice(1, -1)}]`) as number[]) : [];
}
