/** Backends that get records wrong, and what stands on them. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import type { BackendStats } from '../../../lib/core/backend-stats.js';
import {
  type AppendResult,
  type Commit,
  type KeyedRecord,
  type RecordChange,
  SNAPSHOT_COLLECTION,
} from '../../../lib/core/commit.js';
import { ArrayBackend } from '../array-backend.js';
import { broken, type Broken } from './broken.js';

type RecordQuery = Parameters<InMemoryBackend['readRecords']>[1];

/** Changes what is written. */
class OtherChanges extends InMemoryBackend {
  constructor(private readonly change: (changes: readonly RecordChange[]) => readonly RecordChange[]) {
    super();
  }

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    return super.append({ ...commit, records: this.change(commit.records) });
  }
}

/** Lists records in its own way. */
class OtherLists extends InMemoryBackend {
  constructor(
    private readonly list: (records: readonly KeyedRecord[], query: RecordQuery) => readonly KeyedRecord[],
  ) {
    super();
  }

  override async readRecords(collection: string, query: RecordQuery): Promise<readonly KeyedRecord[]> {
    const records = await super.readRecords(collection, { prefix: '', after: '', limit: 1_000_000 });
    return this.list(records, query);
  }
}

/** Keeps records under another name. */
class OtherPlaces extends InMemoryBackend {
  constructor(private readonly place: (collection: string, key: string) => readonly [string, string]) {
    super();
  }

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    const records = commit.records.map((change) => {
      const [collection, key] = this.place(change.collection, change.key);
      return { ...change, collection, key };
    });
    return super.append({ ...commit, records });
  }

  override readRecord(collection: string, key: string): Promise<string | null> {
    return super.readRecord(...this.place(collection, key));
  }

  override readRecords(collection: string, query: RecordQuery): Promise<readonly KeyedRecord[]> {
    return super.readRecords(this.place(collection, 'k')[0], query);
  }
}

/** Loses collections when it is opened again. */
class LosesAtOpening extends ArrayBackend {
  constructor(private readonly loses: (collection: string) => boolean) {
    super();
  }

  protected override async onOpen(): Promise<void> {
    for (const collection of this.data.records.keys()) {
      if (this.loses(collection)) this.data.records.delete(collection);
    }
    await super.onOpen();
  }
}

class CountsSaves extends InMemoryBackend {
  #saved = 0;

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    this.#saved += commit.records.filter(({ collection }) => collection === SNAPSHOT_COLLECTION).length;
    return super.append(commit);
  }

  override async stats(): Promise<BackendStats> {
    return { ...(await super.stats()), totalSnapshots: this.#saved };
  }
}

class RecordsAreEvents extends ArrayBackend {
  protected override nextPosition(): number {
    return super.nextPosition() + this.#written;
  }

  #written = 0;

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    this.#written = commit.streams.length === 0 ? this.#written + 1 : this.#written;
    return super.append(commit);
  }

  override async head(): Promise<number> {
    return (await super.head()) + this.#written;
  }
}

const anyPlan = 'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';
const listed = (
  { key }: KeyedRecord,
  { prefix, after }: RecordQuery,
  startsWith = key.startsWith(prefix),
): boolean => startsWith && key > after;

export const brokenRecords: readonly Broken[] = [
  broken(
    'ignores what a record is expected to be',
    () => new OtherChanges((all) => all.map(({ expected: _, ...change }) => change)),
    [
      'a record with an expected value is written only if it holds exactly that',
      'expected null means that there must be none',
      'of many racers that expect the same value exactly one wins',
      'of several records one conflict undoes all',
      'a checkpoint moves by compare-and-set: from where it is not, it does not move',
      'a stalled old owner cannot write: the new one keeps the position and raises the epoch',
      'exactly once: a stalled old owner gets neither its checkpoint nor its effect',
      anyPlan,
    ],
  ),
  broken(
    'ignores that there must be no record',
    () =>
      new OtherChanges((all) =>
        all.map(({ expected, ...change }) =>
          expected === undefined || expected === null ? change : { ...change, expected },
        ),
      ),
    ['expected null means that there must be none', anyPlan],
  ),
  broken(
    'does not delete records',
    () => new OtherChanges((all) => all.filter(({ value }) => value !== null)),
    ['a record is put, read, changed and deleted by its key, without any events', anyPlan],
  ),
  broken(
    "lists records in JavaScript's own order",
    () =>
      new OtherLists((records, query) =>
        records
          .filter((one) => listed(one, query))
          .toSorted((a, b) => (a.key < b.key ? -1 : 1))
          .slice(0, query.limit),
      ),
    ["records are listed in the order of their keys' UTF-8 bytes", anyPlan],
  ),
  broken(
    'takes % and _ in a prefix for wildcards',
    () =>
      new OtherLists((records, query) => {
        const pattern = query.prefix
          .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
          .replaceAll('%', '.*')
          .replaceAll('_', '.');
        const like = new RegExp(`^${pattern}`, 'su');
        return records
          .filter((one) => listed(one, { ...query, after: '' }, like.test(one.key)))
          .slice(0, query.limit);
      }),
    ['a key prefix is taken letter by letter, wildcards of other languages included'],
  ),
  broken('ignores the prefix', () => new OtherLists((records, { limit }) => records.slice(0, limit)), [
    'a key prefix is taken letter by letter, wildcards of other languages included',
    anyPlan,
  ]),
  broken(
    'lists the record again that a page goes on behind',
    () =>
      new OtherLists((records, { prefix, after, limit }) =>
        records.filter(({ key }) => key.startsWith(prefix) && (key >= after || after === '')).slice(0, limit),
      ),
    ['a page of records goes on behind a key, keeps to its limit, and is the last if it is not full'],
  ),
  broken(
    'lists the first page only',
    () =>
      new OtherLists((records, query) =>
        query.after === '' ? records.filter((one) => listed(one, query)).slice(0, query.limit) : [],
      ),
    ['more records than a page holds are listed whole'],
  ),
  broken('has one space of keys for all collections', () => new OtherPlaces((_, key) => ['all', key]), [
    'collections are separate, and so is every key',
  ]),
  broken(
    'takes keys that differ in case for one',
    () => new OtherPlaces((name, key) => [name, key.toLowerCase()]),
    ['collections are separate, and so is every key'],
  ),
  broken(
    'writes JSON of records its own way',
    () =>
      new OtherChanges((all) =>
        all.map((change) =>
          change.value === null ? change : { ...change, value: JSON.stringify(JSON.parse(change.value)) },
        ),
      ),
    ["a record's text comes back as it was written, letter by letter"],
  ),
  broken(
    'loses records when it is opened again',
    () => new LosesAtOpening((name) => name !== SNAPSHOT_COLLECTION),
    [
      'records survive when the place is opened again, and stay deleted',
      'checkpoints survive when the place is opened again, with their epoch',
    ],
  ),
  broken(
    'loses snapshots when it is opened again',
    () => new LosesAtOpening((name) => name === SNAPSHOT_COLLECTION),
    [
      'snapshots survive when the place is opened again',
      'totals survive when the place is opened again; totalIngested counts from the opening',
    ],
  ),
  broken('gives positions to records', () => new RecordsAreEvents(), [
    'records have no position, are delivered to nobody, and count in no figure about events',
    'a snapshot is no event: nothing is delivered, no version or position moves',
    anyPlan,
  ]),
  broken('counts snapshots that were replaced', () => new CountsSaves(), [
    'totalEvents, totalAggregates and totalSnapshots count events, streams with events, and snapshots',
  ]),
];
