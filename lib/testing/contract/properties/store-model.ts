/**
 * What a store has to do, in the fewest words: one list of events and one map of records, searched from end to end.
 *
 * Positions are ranks here: the first event of the store is 1, whatever gaps a backend leaves.
 */
import { compareNames } from '../../../core/text.js';
import type { ExpectedVersion } from '../../../core/expected-version.js';

/** An event as plain data, its position a rank. */
export interface PlainEvent {
  readonly id: string;
  readonly streamId: string;
  readonly version: number;
  readonly position: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: unknown;
  readonly metadata: unknown;
}

export interface AppendCall {
  readonly do: 'append';
  readonly streams: readonly AppendedStream[];
  readonly records: readonly WrittenRecord[];
}

export interface AppendedStream {
  readonly streamId: string;
  readonly expectedVersion: ExpectedVersion;
  readonly events: readonly { readonly id?: string; readonly type: string; readonly data: unknown }[];
}

export interface WrittenRecord {
  readonly collection: string;
  readonly key: string;
  readonly value: unknown;
  readonly expected?: unknown;
}

/** An append's result, its position a rank. */
export interface PlainResult {
  readonly streamId: string;
  readonly fromVersion: number;
  readonly version: number;
  readonly position: number;
  readonly idempotent: boolean;
}

/** An error by its code and fields. */
export type Refusal = Readonly<Record<string, unknown>> & { readonly code: unknown };

/** What an append has to come to. Where several things are wrong at once, any of them may be named. */
export type Verdict =
  | { readonly is: 'refused'; readonly by: readonly Refusal[] }
  | { readonly is: 'repeated'; readonly results: readonly PlainResult[] }
  | { readonly is: 'written'; readonly results: readonly PlainResult[] };

export class StoreModel {
  readonly log: PlainEvent[] = [];
  readonly records = new Map<string, string>();
  /** The ids that each commit brought, by stream. */
  readonly commits: ReadonlyMap<string, readonly string[]>[] = [];

  streamOf(streamId: string): readonly PlainEvent[] {
    return this.log.filter((event) => event.streamId === streamId);
  }

  versionOf(streamId: string): number {
    return this.streamOf(streamId).length;
  }

  /** The value of a record, `undefined` where there is none. */
  record(key: string): unknown {
    const text = this.records.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** The keys of the records with a prefix, in order. */
  keys(prefix: string): string[] {
    return [...this.records.keys()].filter((key) => key.startsWith(prefix)).toSorted(compareNames);
  }

  /** What the append has to come to now. */
  judge({ streams, records }: AppendCall): Verdict {
    const places = streams.map((stream) => this.#placeOf(stream));
    if (streams.length > 0 && places.every((place) => place !== undefined)) {
      return { is: 'repeated', results: places };
    }
    const duplicates = streams.flatMap(({ streamId, events }) => {
      const eventIds = events.flatMap(({ id }) => (id !== undefined && this.#find(id) ? [id] : []));
      return eventIds.length === 0 ? [] : [{ code: 'DuplicateEventError', streamId, eventIds }];
    });
    if (duplicates.length > 0) return { is: 'refused', by: duplicates };
    const conflicts = streams.flatMap(({ streamId, expectedVersion: expected }) => {
      const actual = this.versionOf(streamId);
      const fits =
        expected === 'any' ||
        (expected === 'noStream'
          ? actual === 0
          : expected === 'streamExists'
            ? actual > 0
            : expected === actual);
      return fits ? [] : [{ code: 'WrongExpectedVersionError', streamId, expected, actual }];
    });
    if (conflicts.length > 0) return { is: 'refused', by: conflicts };
    const taken = records.flatMap(({ collection, key, expected }) => {
      const held = this.record(key) ?? null;
      const fits = expected === undefined || JSON.stringify(expected) === JSON.stringify(held);
      return fits ? [] : [{ code: 'RecordConflictError', collection, key }];
    });
    if (taken.length > 0) return { is: 'refused', by: taken };
    let position = this.log.length;
    const results = streams.map(({ streamId, events }) => {
      const before = this.versionOf(streamId);
      position += events.length;
      const version = before + events.length;
      return { streamId, fromVersion: before + 1, version, position, idempotent: false };
    });
    return { is: 'written', results };
  }

  /** Writes an append that was judged to be written, with the events as the store gave them places and ids. */
  write(call: AppendCall, events: readonly PlainEvent[]): void {
    this.log.push(...events);
    if (events.length > 0) {
      const ids = new Map(call.streams.map(({ streamId }) => [streamId, [] as string[]]));
      for (const { streamId, id } of events) ids.get(streamId)?.push(id);
      this.commits.push(ids);
    }
    for (const { key, value } of call.records) {
      if (value === null) this.records.delete(key);
      else this.records.set(key, JSON.stringify(value));
    }
  }

  #find(id: string): PlainEvent | undefined {
    return this.log.find((event) => event.id === id);
  }

  #placeOf({ streamId, expectedVersion, events }: AppendedStream): PlainResult | undefined {
    const found = events.map(({ id }) => (id === undefined ? undefined : this.#find(id)));
    const first = found[0];
    const last = found.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const inPlace = found.every(
      (event, i) => event?.streamId === streamId && event.version === first.version + i,
    );
    const place = expectedVersion === 'noStream' ? 0 : expectedVersion;
    if (!inPlace || (typeof place === 'number' && place !== first.version - 1)) return undefined;
    const { version, position } = last;
    return { streamId, fromVersion: first.version, version, position, idempotent: true };
  }
}
