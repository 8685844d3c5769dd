import type { BackendStats } from '../../core/backend-stats.js';
import {
  type AppendResult,
  type Commit,
  type KeyedRecord,
  SNAPSHOT_COLLECTION,
  type StreamCommit,
} from '../../core/commit.js';
import {
  DuplicateEventError,
  RecordConflictError,
  WrongExpectedVersionError,
} from '../../core/errors/append.errors.js';
import { passesFilter } from '../../core/event-filter.js';
import { EventStoreBackend } from '../../core/event-store-backend.js';
import { expectedPlace, matchesExpectedVersion } from '../../core/expected-version.js';
import { Limits } from '../../core/limits.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import type { StoredEvent } from '../../core/stored-event.js';
import { EventIdIndex } from './event-id-index.js';
import { RecordTable } from './record-table.js';

/** Arrays are shared: an unknown stream allocates nothing. */
const NO_EVENTS: readonly StoredEvent[] = [];

/**
 * Keeps everything in this process's memory, for tests and first days, and is the reference for every other backend.
 *
 * Positions have no gaps, duplicates are recognised for ever, and nothing survives the object: as long as it is
 * held, closing and opening it again finds everything.
 * @publicApi
 */
export class InMemoryBackend extends EventStoreBackend {
  readonly backendType = 'memory';

  /** Every event, the one at position P at index P - 1. */
  readonly #log: StoredEvent[] = [];
  /** The events of each stream, the one at version V at index V - 1. */
  readonly #streams = new Map<string, StoredEvent[]>();
  readonly #ids = new EventIdIndex(this.#log);
  readonly #records = new RecordTable();
  #openedAt = 0;
  #ingestedBefore = 0;

  append(commit: Commit): Promise<readonly AppendResult[]> {
    try {
      this.assertOpen('append');
      return Promise.resolve(this.#commit(commit));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async readStream({ streamId, fromVersion, toVersion, direction, limit }: StreamQuery): Promise<EventPage> {
    this.assertOpen('readStream');
    const stream = this.#streams.get(streamId) ?? NO_EVENTS;
    return slice(stream, Math.max(fromVersion, 1), Math.min(toVersion, stream.length), direction, limit);
  }

  async readAll({ after, upTo, direction, limit, filter }: LogQuery): Promise<EventPage> {
    this.assertOpen('readAll');
    const last = Math.min(upTo, this.#log.length);
    if (filter === undefined) return slice(this.#log, after + 1, last, direction, limit);

    const forward = direction === 'forward';
    const events: StoredEvent[] = [];
    const end = forward ? last + 1 : after;
    const step = forward ? 1 : -1;
    let position = forward ? after + 1 : last;
    for (let scanned = 0; position !== end && (end - position) * step > 0; position += step) {
      if (events.length === limit || scanned === Limits.pageScanEventsMax) break;
      scanned++;
      const event = this.#log[position - 1] as StoredEvent;
      if (passesFilter(event, filter)) events.push(event);
    }
    return { events, through: position - step, atEnd: (end - position) * step <= 0 };
  }

  async head(): Promise<number> {
    this.assertOpen('head');
    return this.#log.length;
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    this.assertOpen('readRecord');
    return this.#records.get(collection, key);
  }

  async readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    this.assertOpen('readRecords');
    return this.#records.list(collection, query);
  }

  async flush(): Promise<void> {
    this.assertOpen('flush');
  }

  async stats(): Promise<BackendStats> {
    this.assertOpen('stats');
    return {
      totalEvents: this.#log.length,
      totalAggregates: this.#streams.size,
      totalSnapshots: this.#records.count(SNAPSHOT_COLLECTION),
      backendSpecific: {
        backendType: this.backendType,
        totalIngested: String(this.#log.length - this.#ingestedBefore),
        uptime: ((performance.now() - this.#openedAt) / 1000).toFixed(3),
      },
    };
  }

  protected async onOpen(): Promise<void> {
    this.#openedAt = performance.now();
    this.#ingestedBefore = this.#log.length;
  }

  protected async onClose(): Promise<void> {
    // Commits are synchronous, so none is in flight.
  }

  /** Checks everything first and then writes, without a pause in between: that makes it atomic. */
  #commit(commit: Commit): readonly AppendResult[] {
    const repeated = this.#findRepeat(commit.streams);
    if (repeated !== undefined) return repeated;
    for (const { streamId, expectedVersion } of commit.streams) {
      const actual = this.#streams.get(streamId)?.length ?? 0;
      if (!matchesExpectedVersion(expectedVersion, actual)) {
        throw new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    for (const { collection, key, expected } of commit.records) {
      if (expected !== undefined && this.#records.get(collection, key) !== expected) {
        throw new RecordConflictError(collection, key);
      }
    }

    const results = commit.streams.map((stream) => this.#write(stream, commit.recordedAt));
    for (const { collection, key, value } of commit.records) this.#records.set(collection, key, value);
    if (results.length > 0) this.wakeWatchers();
    return results;
  }

  #write({ streamId, events }: StreamCommit, recordedAt: number): AppendResult {
    let stream = this.#streams.get(streamId);
    if (stream === undefined) this.#streams.set(streamId, (stream = []));
    const fromVersion = stream.length + 1;
    for (const { id, type, schemaVersion, data, metadata } of events) {
      const stored: StoredEvent = {
        id,
        streamId,
        version: stream.length + 1,
        position: this.#log.length + 1,
        type,
        schemaVersion,
        data,
        metadata,
        recordedAt,
      };
      stream.push(stored);
      this.#log.push(stored);
    }
    return { streamId, fromVersion, version: stream.length, position: this.#log.length, idempotent: false };
  }

  /**
   * The first results, if every event of the commit is already at its place.
   * @throws DuplicateEventError if only some of the ids are known, or known elsewhere
   */
  #findRepeat(streams: readonly StreamCommit[]): readonly AppendResult[] | undefined {
    if (streams.every((stream) => stream.idsAreNew)) return undefined;
    const given = streams.filter((stream) => !stream.idsAreNew);
    const results: AppendResult[] = [];
    for (const stream of given) {
      const result = this.#placeOf(stream);
      if (result !== undefined) results.push(result);
    }
    if (results.length === streams.length) return results;
    for (const { streamId, events } of given) {
      const known = events.map((event) => event.id).filter((id) => this.#ids.find(id) !== undefined);
      if (known.length > 0) throw new DuplicateEventError(streamId, known);
    }
    return undefined;
  }

  /** Where exactly these ids stand in this stream, one behind the other, if they stand where they are expected. */
  #placeOf({ streamId, expectedVersion, events }: StreamCommit): AppendResult | undefined {
    const stream = this.#streams.get(streamId) ?? NO_EVENTS;
    const first = this.#ids.find((events[0] as { id: string }).id);
    if (first === undefined || first.streamId !== streamId) return undefined;
    const fromVersion = first.version;
    const place = expectedPlace(expectedVersion);
    if (place !== undefined && fromVersion !== place + 1) return undefined;
    if (!events.every((event, i) => stream[fromVersion - 1 + i]?.id === event.id)) return undefined;
    const last = stream[fromVersion + events.length - 2] as StoredEvent;
    return { streamId, fromVersion, version: last.version, position: last.position, idempotent: true };
  }
}

/** A page of an array whose element N stands at index N - 1; both bounds are inclusive. */
function slice(
  events: readonly StoredEvent[],
  first: number,
  last: number,
  direction: 'forward' | 'backward',
  limit: number,
): EventPage {
  if (direction === 'forward') {
    const through = Math.min(last, first + limit - 1);
    return {
      events: events.slice(first - 1, Math.max(through, first - 1)),
      through: Math.max(through, first - 1),
      atEnd: through >= last,
    };
  }
  const through = Math.max(first, last - limit + 1);
  return {
    events: events.slice(Math.min(through - 1, last), last).reverse(),
    through: Math.min(through, last + 1),
    atEnd: through <= first,
  };
}
