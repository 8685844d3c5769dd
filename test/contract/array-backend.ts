import {
  type AppendResult,
  type BackendStats,
  type Commit,
  compareNames,
  DuplicateEventError,
  type EventPage,
  EventStoreBackend,
  expectedPlace,
  type KeyedRecord,
  type LogQuery,
  matchesExpectedVersion,
  passesFilter,
  RecordConflictError,
  type ReadDirection,
  type StoredEvent,
  type StreamCommit,
  type StreamQuery,
  WrongExpectedVersionError,
} from '@allframe/nestjs';

/** What an ArrayBackend keeps: as long as somebody holds it, it can be opened again. */
export class ArrayData {
  log: StoredEvent[] = [];
  /** Records by collection and key. */
  records = new Map<string, Map<string, string>>();
}

/** Keeps events in an array and reads them by looking through it: the whole contract in as few lines as will do. */
export class ArrayBackend extends EventStoreBackend {
  readonly backendType: string = 'array';
  /** Found again in the log when the backend opens. */
  protected readonly streams = new Map<string, StoredEvent[]>();
  protected readonly ids = new Map<string, StoredEvent>();
  private openedAt = 0;
  private eventsAtOpening = 0;

  constructor(protected readonly data = new ArrayData()) {
    super();
  }

  async append({ streams, records, recordedAt }: Commit): Promise<readonly AppendResult[]> {
    this.assertOpen('append');
    const repeated = this.findRepeat(streams);
    if (repeated !== undefined) return repeated;
    for (const { streamId, expectedVersion } of streams) {
      const actual = this.streams.get(streamId)?.length ?? 0;
      if (!matchesExpectedVersion(expectedVersion, actual)) {
        throw new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    for (const { collection, key, expected } of records) {
      const held = this.data.records.get(collection)?.get(key) ?? null;
      if (expected !== undefined && expected !== held) throw new RecordConflictError(collection, key);
    }

    // All checks are done and nothing is awaited from here on, so the commit is written whole.
    const results = streams.map((stream) => this.write(stream, recordedAt));
    for (const { collection, key, value } of records) {
      const keyed = this.data.records.get(collection) ?? new Map<string, string>();
      this.data.records.set(collection, keyed);
      if (value === null) keyed.delete(key);
      else keyed.set(key, value);
    }
    this.wakeWatchers();
    return results;
  }

  async readStream(query: StreamQuery): Promise<EventPage> {
    this.assertOpen('readStream');
    const stream = this.streams.get(query.streamId) ?? [];
    const wanted = stream.slice(Math.max(query.fromVersion - 1, 0), query.toVersion);
    return pageOf(wanted, query, (event) => event.version, [query.fromVersion, query.toVersion]);
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    this.assertOpen('readAll');
    const { after, upTo, filter } = query;
    const wanted = this.data.log.filter(
      (event) => event.position > after && event.position <= upTo && passesFilter(event, filter),
    );
    const last = Math.max(after, Math.min(upTo, this.lastPosition()));
    return pageOf(wanted, query, (event) => event.position, [after + 1, last]);
  }

  async head(): Promise<number> {
    this.assertOpen('head');
    return this.lastPosition();
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    this.assertOpen('readRecord');
    return this.data.records.get(collection)?.get(key) ?? null;
  }

  async readRecords(
    collection: string,
    { prefix, after, limit }: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    this.assertOpen('readRecords');
    return [...(this.data.records.get(collection) ?? [])]
      .filter(([key]) => key.startsWith(prefix) && compareNames(key, after) > 0)
      .sort(([a], [b]) => compareNames(a, b))
      .slice(0, limit)
      .map(([key, value]) => ({ key, value }));
  }

  async flush(): Promise<void> {
    this.assertOpen('flush');
  }

  async stats(): Promise<BackendStats> {
    this.assertOpen('stats');
    return {
      totalEvents: this.data.log.length,
      totalAggregates: this.streams.size,
      totalSnapshots: this.data.records.get('snapshots')?.size ?? 0,
      backendSpecific: {
        backendType: this.backendType,
        totalIngested: String(this.data.log.length - this.eventsAtOpening),
        uptime: String((Date.now() - this.openedAt) / 1000),
      },
    };
  }

  protected async onOpen(): Promise<void> {
    this.streams.clear();
    this.ids.clear();
    for (const event of this.data.log) this.index(event);
    this.openedAt = Date.now();
    this.eventsAtOpening = this.data.log.length;
  }

  protected async onClose(): Promise<void> {
    // There is nothing to let go of.
  }

  protected lastPosition(): number {
    return this.data.log.at(-1)?.position ?? 0;
  }

  protected nextPosition(): number {
    return this.lastPosition() + 1;
  }

  protected write({ streamId, events }: StreamCommit, recordedAt: number): AppendResult {
    const fromVersion = (this.streams.get(streamId)?.length ?? 0) + 1;
    for (const [i, event] of events.entries()) {
      const place = { streamId, version: fromVersion + i, position: this.nextPosition() };
      const stored = { ...event, ...place, recordedAt };
      this.data.log.push(stored);
      this.index(stored);
    }
    const version = fromVersion + events.length - 1;
    return { streamId, fromVersion, version, position: this.lastPosition(), idempotent: false };
  }

  protected index(event: StoredEvent): void {
    const stream = this.streams.get(event.streamId) ?? [];
    this.streams.set(event.streamId, stream);
    stream.push(event);
    this.ids.set(event.id, event);
  }

  /** The first results, if every event of the commit stands at its place already. */
  protected findRepeat(streams: readonly StreamCommit[]): readonly AppendResult[] | undefined {
    if (streams.every(({ idsAreNew }) => idsAreNew)) return undefined;
    const places = streams.map((stream) => this.placeOf(stream));
    if (places.every((place) => place !== undefined)) return places;
    for (const { streamId, events } of streams) {
      const known = events.map(({ id }) => id).filter((id) => this.ids.has(id));
      if (known.length > 0) throw new DuplicateEventError(streamId, known);
    }
    return undefined;
  }

  private placeOf({ streamId, events, expectedVersion }: StreamCommit): AppendResult | undefined {
    const found = events.map(({ id }) => this.ids.get(id));
    const [first, last] = [found[0], found.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const place = expectedPlace(expectedVersion);
    if (place !== undefined && place !== first.version - 1) return undefined;
    const inPlace = found.every(
      (event, i) => event?.streamId === streamId && event.version === first.version + i,
    );
    if (!inPlace) return undefined;
    const { version, position } = last;
    return { streamId, fromVersion: first.version, version, position, idempotent: true };
  }
}

/** A page of what a query wants. `bounds` is how far the page looks if it holds all of it. */
function pageOf(
  wanted: readonly StoredEvent[],
  { direction, limit }: { readonly direction: ReadDirection; readonly limit: number },
  placeOf: (event: StoredEvent) => number,
  [first, last]: readonly [number, number],
): EventPage {
  const forward = direction === 'forward';
  const events = (forward ? wanted : wanted.toReversed()).slice(0, limit);
  const atEnd = events.length === wanted.length;
  const lastRead = events.at(-1);
  const through = atEnd || lastRead === undefined ? (forward ? last : first) : placeOf(lastRead);
  return { events, through, atEnd };
}
