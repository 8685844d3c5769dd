/**
 * What a store may hold after a crash, exactly: the commits up to one of those that were tried, at least all that were
 * acknowledged. Every commit writes its number into a record, so the store itself says up to which one.
 */
import { expect } from 'vitest';
import type { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import { type Commit, type RecordChange, SNAPSHOT_COLLECTION } from '../../lib/core/commit.js';
import type { ExpectedVersion } from '../../lib/core/expected-version.js';
import type { EncodedEvent, StoredEvent } from '../../lib/core/stored-event.js';
import { encoded } from '../../lib/testing/contract/sample-events.js';

const MARK = { collection: 'history', key: 'last' } as const;

/** What a store holds. */
export interface Contents {
  readonly events: readonly StoredEvent[];
  readonly streams: ReadonlyMap<string, readonly StoredEvent[]>;
  readonly records: ReadonlyMap<string, string>;
}

export interface TriedCommit {
  readonly streams: Readonly<Record<string, readonly EncodedEvent[]>>;
  readonly records?: readonly RecordChange[];
  readonly expectedVersion?: ExpectedVersion;
}

export class CommitHistory {
  readonly #commits: Commit[] = [];
  #acknowledged = 0;

  /** How many commits were tried. */
  get tried(): number {
    return this.#commits.length;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Ids are said to be new, so commits are decided on in the order in which they are tried. */
  async append(
    store: AllSourceBackend,
    { streams, records = [], expectedVersion = 'any' }: TriedCommit,
  ): Promise<void> {
    const number = this.#commits.length + 1;
    const commit: Commit = {
      streams: Object.entries(streams).map(([streamId, events]) => ({
        streamId,
        expectedVersion,
        events,
        idsAreNew: true,
      })),
      records: [...records, { ...MARK, value: String(number) }],
      recordedAt: 1_700_000_000_000 + number,
    };
    this.#commits.push(commit);
    await store.append(commit);
    this.#acknowledged = Math.max(this.#acknowledged, number);
  }

  /** The contents after the first `count` commits. */
  after(count: number): Contents {
    const events: StoredEvent[] = [];
    const streams = new Map<string, StoredEvent[]>();
    const records = new Map<string, string>();
    for (const commit of this.#commits.slice(0, count)) {
      for (const { streamId, events: encodedEvents } of commit.streams) {
        const stream = streams.get(streamId) ?? [];
        streams.set(streamId, stream);
        for (const event of encodedEvents) {
          const { recordedAt } = commit;
          const place = { streamId, version: stream.length + 1, position: events.length + 1, recordedAt };
          const stored = { ...event, ...place };
          stream.push(stored);
          events.push(stored);
        }
      }
      for (const { collection, key, value } of commit.records) {
        const place = `${collection}/${key}`;
        if (value === null) records.delete(place);
        else records.set(place, value);
      }
    }
    return { events, streams, records };
  }

  /**
   * Asserts that the store holds the first commits, at least those acknowledged, at most those tried.
   * @returns how many
   */
  async check(store: AllSourceBackend, atLeast = this.#acknowledged, atMost = this.tried): Promise<number> {
    const count = Number(await store.readRecord(MARK.collection, MARK.key));
    expect(count, 'commits in the store, of those acknowledged').toBeGreaterThanOrEqual(atLeast);
    expect(count, 'commits in the store, of those tried').toBeLessThanOrEqual(atMost);
    const wanted = this.after(count);
    expect(await eventsOf(store)).toEqual(wanted.events);
    for (const [streamId, events] of wanted.streams) {
      const query = {
        streamId,
        fromVersion: 1,
        toVersion: Infinity,
        direction: 'forward',
        limit: 1_000,
      } as const;
      expect((await store.readStream(query)).events).toEqual(events);
    }
    expect(await recordsOf(store, this.#collections())).toEqual(wanted.records);
    const { totalEvents, totalAggregates, totalSnapshots } = await store.stats();
    const snapshots = [...wanted.records.keys()].filter((key) => key.startsWith(SNAPSHOT_COLLECTION));
    expect([totalEvents, totalAggregates, totalSnapshots]).toEqual([
      wanted.events.length,
      wanted.streams.size,
      snapshots.length,
    ]);
    return count;
  }

  /** A copy that can go on by itself, from the first `count` commits. */
  branch(count: number): CommitHistory {
    const branch = new CommitHistory();
    branch.#commits.push(...this.#commits.slice(0, count));
    branch.#acknowledged = count;
    return branch;
  }

  #collections(): ReadonlySet<string> {
    return new Set(this.#commits.flatMap(({ records }) => records.map(({ collection }) => collection)));
  }
}

export async function eventsOf(store: AllSourceBackend): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let after = 0; ;) {
    const page = await store.readAll({ after, upTo: Infinity, direction: 'forward', limit: 500 });
    events.push(...page.events);
    if (page.atEnd) return events;
    after = page.through;
  }
}

async function recordsOf(
  store: AllSourceBackend,
  collections: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const records = new Map<string, string>();
  for (const collection of collections) {
    for (const { key, value } of await store.readRecords(collection, {
      prefix: '',
      after: '',
      limit: 1_000,
    })) {
      records.set(`${collection}/${key}`, value);
    }
  }
  return records;
}

/** As many events, each with some text in it. */
export function events(count: number, bytes = 20): EncodedEvent[] {
  return Array.from({ length: count }, (_, n) =>
    encoded(n, { data: JSON.stringify({ n, text: 'x'.repeat(bytes) }), metadata: '{"by":"somebody"}' }),
  );
}
