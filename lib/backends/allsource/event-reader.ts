/** Finds events where they are: the newest in memory, others in the log, most in sealed segments. */
import type { StoredEvent } from '../../core/stored-event.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { passesFilter } from '../../core/event-filter.js';
import { Limits } from '../../core/limits.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import { firstIndex } from './first-index.js';
import type { LiveStream, LiveStreams } from './live/live-streams.js';
import type { RecentEvents } from './live/recent-events.js';
import type { LogSegment } from './log/log-segment.js';
import { type StreamFrame, StreamFrames } from './log/stream-frames.js';
import type { SealedEvents } from './sealed/sealed-events.js';

export class EventReader {
  /** The last position that readers may see. */
  head = 0;
  #isClosed = false;
  readonly #frames = new StreamFrames((position) => this.#segmentOf(position));

  constructor(
    private readonly live: LiveStreams,
    private readonly recent: RecentEvents,
    private readonly sealed: SealedEvents,
    private readonly log: { readonly segments: readonly LogSegment[] },
  ) {}

  readStream({ streamId, fromVersion, toVersion, direction, limit }: StreamQuery): EventPage {
    this.assertOpen('readStream');
    const last = Math.min(toVersion, this.live.visibleVersion(streamId));
    const first = Math.max(fromVersion, 1);
    if (direction === 'forward') {
      const through = Math.min(last, first + limit - 1);
      if (through < first) return { events: [], through: first - 1, atEnd: true };
      return { events: this.#versions(streamId, first, through), through, atEnd: through >= last };
    }
    const through = Math.max(first, last - limit + 1);
    if (last < first) return { events: [], through: Math.min(through, last + 1), atEnd: true };
    const events = this.#versions(streamId, through, last).reverse();
    return { events, through, atEnd: through <= first };
  }

  /** A page that is full, at its end, or has been looked for among as many events as one page may look at. */
  async readAll({ after, upTo, direction, limit, filter }: LogQuery): Promise<EventPage> {
    const last = Math.min(upTo, this.head);
    if (direction === 'backward') return this.#readBackward(after, last, limit, filter);
    const events: StoredEvent[] = [];
    let through = after;
    for (let scanned = 0; through < last && events.length < limit && scanned < Limits.pageScanEventsMax;) {
      const wanted = filter === undefined ? limit - events.length : Limits.filteredReadEvents;
      const found = await this.readFrom(through + 1, Math.min(wanted, last - through));
      // Positions may have gaps, so what comes next may lie behind the last wanted one.
      if (found.length === 0) through = last;
      for (const event of found) {
        if (event.position > last) {
          through = last;
          break;
        }
        if (filter === undefined || passesFilter(event, filter)) events.push(event);
        through = event.position;
        scanned++;
        if (events.length === limit || scanned === Limits.pageScanEventsMax) break;
      }
    }
    return { events, through: Math.max(through, after), atEnd: through >= last };
  }

  /** From now on nothing is found: a read that has begun must not take that for the end of the store. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws StoreClosedError */
  assertOpen(operation: string): void {
    if (this.#isClosed) throw new StoreClosedError(operation);
  }

  /**
   * Events from a position on that readers may see, at most `limit`, by position; none where there are none.
   * @throws StoreClosedError
   */
  async readFrom(position: number, limit: number): Promise<readonly StoredEvent[]> {
    this.assertOpen('readAll');
    if (position >= this.recent.firstPosition) return this.recent.readFrom(position, limit);
    if (position <= this.sealed.through) return this.sealed.readFrom(position, limit);
    const segment = this.#segmentOf(position);
    return segment?.readFrom(Math.max(position, segment.start.firstPosition), limit) ?? [];
  }

  async #readBackward(
    after: number,
    last: number,
    limit: number,
    filter: LogQuery['filter'],
  ): Promise<EventPage> {
    const events: StoredEvent[] = [];
    /** Everything from here on has been looked at. */
    let from = last + 1;
    for (let left: number = Limits.pageScanEventsMax; events.length < limit && left > 0;) {
      // A gap in the positions is stepped over at once.
      const newest = this.#lastThrough(from - 1);
      if (newest <= after) {
        from = after + 1;
        break;
      }
      const wanted = filter === undefined ? limit - events.length : Limits.filteredReadEvents;
      const count = Math.min(wanted, left, newest - after);
      from = newest - count + 1;
      const found = await this.#between(from, newest);
      left -= Math.max(1, found.length);
      for (const event of found.reverse()) {
        if (filter === undefined || passesFilter(event, filter)) events.push(event);
        if (events.length === limit) {
          from = event.position;
          break;
        }
      }
    }
    return { events, through: Math.min(from, last + 1), atEnd: from <= after + 1 };
  }

  /** All events from one position through another. */
  async #between(from: number, through: number): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    for (let position = from; position <= through;) {
      const found = await this.readFrom(position, through - position + 1);
      const wanted = found.filter((event) => event.position <= through);
      events.push(...wanted);
      const last = wanted.at(-1);
      if (last === undefined) break;
      position = last.position + 1;
    }
    return events;
  }

  /** The events of a stream from one version through another, all of which readers may see. */
  #versions(streamId: string, from: number, through: number): StoredEvent[] {
    const stream = this.live.find(streamId);
    if (stream === undefined) return [];
    stream.wasRead = true;
    if (stream.events !== undefined) return stream.events.slice(from - 1, through);
    const events = this.#versionsInFiles(streamId, stream, from, through);
    if (from === 1 && through === stream.visible) this.live.keep(stream, [...events]);
    return events;
  }

  /** What is not in the log any more has been sealed. */
  #versionsInFiles(streamId: string, stream: LiveStream, from: number, through: number): StoredEvent[] {
    const frames = this.#frames.of(streamId, stream, from, this.sealed.through);
    const firstInLog = frames.at(-1)?.firstVersion ?? Infinity;
    const events =
      from < firstInLog ? this.sealed.readStream(streamId, from, Math.min(through, firstInLog - 1)) : [];
    // The newest come first.
    const before = firstIndex(frames.length, (i) => (frames[i] as StreamFrame).version < from);
    for (let i = before - 1; i >= 0; i--) {
      const { position, firstVersion } = frames[i] as StreamFrame;
      if (firstVersion > through) break;
      for (const event of this.#segmentOf(position)?.readStreamAt(streamId, position).events ?? []) {
        if (event.version >= from && event.version <= through) events.push(event);
      }
    }
    return events;
  }

  /** The last position that has an event, up to one; 0 where there is none. */
  #lastThrough(position: number): number {
    const inLog = this.log.segments.findLast(
      ({ start, events }) => events > 0 && start.firstPosition <= position,
    );
    if (inLog !== undefined) return Math.min(position, inLog.end.position);
    const sealed = this.sealed.segments.findLast(({ entry }) => entry.from <= position);
    return Math.min(position, sealed?.entry.to ?? 0);
  }

  #segmentOf(position: number): LogSegment | undefined {
    return this.log.segments.find(({ end, events }) => events > 0 && end.position >= position);
  }
}
