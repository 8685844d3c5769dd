/** Backends that get reading or delivery wrong. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import type { AppendResult, Commit } from '../../../lib/core/commit.js';
import type { EventPage, LogQuery, StreamQuery } from '../../../lib/core/read-page.js';
import type { StoredEvent } from '../../../lib/core/stored-event.js';
import { aTurn, broken, type Broken } from './broken.js';

/** Changes the pages of the log, or what is asked of it. */
class OtherLog extends InMemoryBackend {
  constructor(
    private readonly page: (page: EventPage, query: LogQuery) => EventPage,
    private readonly query: (query: LogQuery) => LogQuery = (query) => query,
  ) {
    super();
  }

  override async readAll(query: LogQuery): Promise<EventPage> {
    return this.page(await super.readAll(this.query(query)), query);
  }
}

/** Changes what is asked of a stream. */
class OtherStreamReads extends InMemoryBackend {
  constructor(private readonly query: (query: StreamQuery) => StreamQuery) {
    super();
  }

  override readStream(query: StreamQuery): Promise<EventPage> {
    return super.readStream(this.query(query));
  }
}

class OtherHead extends InMemoryBackend {
  override async head(): Promise<number> {
    return (await super.head()) + 1;
  }
}

/** Says how far it looked by a head that it reads after the page. */
class DropsInTheHandOff extends InMemoryBackend {
  override async readAll(query: LogQuery): Promise<EventPage> {
    const page = await super.readAll(query);
    if (query.direction === 'backward' || !page.atEnd) return page;
    await aTurn();
    return { ...page, through: Math.max(page.through, Math.min(query.upTo, await this.head())) };
  }
}

/** Reads the last event again when catch-up passes into live. */
class DoublesInTheHandOff extends InMemoryBackend {
  override async readAll(query: LogQuery): Promise<EventPage> {
    const page = await super.readAll(query);
    const lags = query.direction === 'forward' && page.atEnd && page.events.length > 1;
    return lags ? { ...page, through: page.through - 1 } : page;
  }
}

class WakesOnce extends InMemoryBackend {
  override watch(wake: () => void): () => void {
    let woken = false;
    return super.watch(() => {
      if (!woken) wake();
      woken = true;
    });
  }
}

class WakesTheFirstOnly extends InMemoryBackend {
  #watched = false;

  override watch(wake: () => void): () => void {
    if (this.#watched) return () => undefined;
    this.#watched = true;
    const unwatch = super.watch(wake);
    return () => {
      this.#watched = false;
      unwatch();
    };
  }
}

/** Delivers an event a moment before the writer can read its stream. */
class StreamLagsBehind extends InMemoryBackend {
  #fresh = false;

  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    const results = await super.append(commit);
    this.#fresh = true;
    setImmediate(() => (this.#fresh = false));
    return results;
  }

  override async readStream(query: StreamQuery): Promise<EventPage> {
    const page = await super.readStream(query);
    return this.#fresh ? { ...page, events: page.events.slice(0, -1) } : page;
  }
}

class FailsForUnknownStreams extends InMemoryBackend {
  override async readStream(query: StreamQuery): Promise<EventPage> {
    const page = await super.readStream(query);
    if (page.events.length === 0 && query.fromVersion <= 1) throw new Error(`no stream ${query.streamId}`);
    return page;
  }
}

/** A reader that is not at the end holds a lock, from its first page to its last. */
class LocksWhileReading extends InMemoryBackend {
  #reading = 0;

  override async readAll(query: LogQuery): Promise<EventPage> {
    const page = await super.readAll(query);
    const first = query.direction === 'forward' ? query.after === 0 : query.upTo === Number.MAX_SAFE_INTEGER;
    if (first && !page.atEnd) this.#reading++;
    if (!first && page.atEnd) this.#reading--;
    return page;
  }

  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    const start = performance.now();
    while (this.#reading > 0 && performance.now() - start < 2_000) await aTurn();
    return super.append(commit);
  }
}

const cut = (name: string): string => name.slice(0, name.lastIndexOf('-'));
const bySecond = (events: readonly StoredEvent[]): StoredEvent[] =>
  events.toSorted((a, b) =>
    a.streamId < b.streamId ? -1 : a.streamId > b.streamId ? 1 : a.position - b.position,
  );

const anyPlan = 'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';
const anySubscription =
  'any subscription woven into appends is given exactly what it asked for, in order, once';
const handOff = 'catch-up passes into live events without gap or double, wherever the border falls';
const wholeLog = 'a log of several pages is read whole, in both directions, with and without a filter';
const bounds = '`after` is exclusive and `upTo` inclusive, in both directions';
const streamBounds = 'both bounds of a stream are inclusive, and may lie beyond its ends';
const filters = 'types and categories are filters that must all hold, and a limit counts what passes';

export const brokenReads: readonly Broken[] = [
  broken(
    'reads the log stream by stream',
    () => new OtherLog((page) => ({ ...page, events: bySecond(page.events) })),
    [
      'the log is read in the order of positions, or backward from the head',
      'a subscription is given events in the order of their positions',
      'fault 13: 16 concurrent writers, then catch-up: exactly the stored set, in order',
      anyPlan,
    ],
  ),
  broken('drops an event in the hand-off from catch-up to live', () => new DropsInTheHandOff(), [
    handOff,
    'fault 13: 16 concurrent writers, then catch-up: exactly the stored set, in order',
    anySubscription,
  ]),
  broken('doubles an event in the hand-off from catch-up to live', () => new DoublesInTheHandOff(), [
    handOff,
    'fault 13: 16 concurrent writers, then catch-up: exactly the stored set, in order',
    'a page says how far it looked: not beyond what was visible, and not short of what it holds',
    anySubscription,
  ]),
  broken('loses wake-ups', () => new WakesOnce(), [
    'every append called after `ready` is delivered, and woken for at once',
    'a subscriber may append from inside `next`, and is given that event in its turn',
    anySubscription,
  ]),
  broken('wakes one subscriber of many', () => new WakesTheFirstOnly(), [
    'many subscriptions at once are each given everything',
    'a slow subscriber delays itself only',
    anySubscription,
  ]),
  broken('lets writers wait for what they wrote', () => new StreamLagsBehind(), [
    'from the moment of its acknowledgement an append can be read by its writer, in every way',
  ]),
  broken('says a head beyond what is visible', () => new OtherHead(), [
    'reading after a position beyond the head is PositionBeyondHeadError, never silence',
    'subscribing after a position beyond the head is PositionBeyondHeadError, never silence',
    'an append that begins after another was acknowledged stands behind it',
    anyPlan,
  ]),
  broken(
    'ends a filtered read at the first page of events that the filter leaves out',
    () => new OtherLog((page) => (page.events.length === 0 ? { ...page, atEnd: true } : page)),
    ['a filtered reader gets past any number of events that its filter leaves out'],
  ),
  broken(
    'keeps a filtered reader where it was',
    () => new OtherLog((page, { after }) => (page.events.length === 0 ? { ...page, through: after } : page)),
    [
      'a filtered reader moves past the events that its filter leaves out',
      'a page says how far it looked: not beyond what was visible, and not short of what it holds',
    ],
  ),
  broken('looks no further than the first page', () => new OtherLog((page) => ({ ...page, atEnd: true })), [
    wholeLog,
    'no page is longer than its limit, and each goes on where the last one ended',
  ]),
  broken(
    'reads the log backward from one before its end',
    () =>
      new OtherLog(
        (page) => page,
        (query) =>
          query.direction === 'backward' ? { ...query, upTo: Math.min(query.upTo, 1e9) - 1 } : query,
      ),
    [bounds, anyPlan],
  ),
  broken(
    'takes `upTo` for exclusive',
    () =>
      new OtherLog(
        (page) => page,
        (query) => ({ ...query, upTo: query.upTo - 1 }),
      ),
    [bounds, anyPlan],
  ),
  broken(
    'takes `after` for inclusive',
    () =>
      new OtherLog(
        (page) => page,
        (query) => ({ ...query, after: Math.max(0, query.after - 1) }),
      ),
    [bounds, handOff, anyPlan],
  ),
  broken(
    'reads a stream backward off by one',
    () =>
      new OtherStreamReads((query) =>
        query.direction === 'backward' ? { ...query, toVersion: query.toVersion - 1 } : query,
      ),
    [streamBounds, anyPlan],
  ),
  broken(
    'leaves out the first version asked for',
    () => new OtherStreamReads((query) => ({ ...query, fromVersion: query.fromVersion + 1 })),
    ['getEventsAfter(s, v) gives the events of s with a version greater than v; 0 is all', streamBounds],
  ),
  broken(
    'ignores limits on streams',
    () => new OtherStreamReads((query) => ({ ...query, limit: 1_000_000 })),
    [
      'a limit on a stream counts from the side the reading begins at',
      'pages of a stream keep to their bounds and limits in both directions',
      anyPlan,
    ],
  ),
  broken(
    'ignores limits on the log',
    () =>
      new OtherLog(
        (page) => page,
        (query) => ({ ...query, limit: 1_000_000 }),
      ),
    ['no page is longer than its limit, and each goes on where the last one ended', filters, anyPlan],
  ),
  broken(
    'ignores the direction of a stream',
    () => new OtherStreamReads((query) => ({ ...query, direction: 'forward' })),
    ['a stream is read in the order of its versions, or backward from its end', anyPlan],
  ),
  broken(
    'lets one of several filters be enough',
    () =>
      new OtherLog(
        (page) => page,
        ({ filter, ...query }) =>
          filter?.types === undefined
            ? { ...query, ...(filter === undefined ? {} : { filter }) }
            : { ...query, filter: { types: filter.types } },
      ),
    [filters, 'types, categories and a stream are filters that must all hold, in catch-up and live', anyPlan],
  ),
  broken(
    'cuts a category at the last dash',
    () =>
      new OtherLog((page, { filter }) =>
        filter?.categories === undefined
          ? page
          : {
              ...page,
              events: page.events.filter(
                ({ streamId }) => !streamId.includes('-') || filter.categories!.has(cut(streamId)),
              ),
            },
      ),
    ["a stream's category is what stands before its first dash, or all of it"],
  ),
  broken('fails for unknown streams', () => new FailsForUnknownStreams(), [
    'an unknown stream has version 0 and reads as [], never as an error',
    anyPlan,
  ]),
  broken('lets writers wait for a reader that has not come to its end', () => new LocksWhileReading(), [
    'fault 15: a reader that iterates slowly blocks nobody else',
  ]),
];
