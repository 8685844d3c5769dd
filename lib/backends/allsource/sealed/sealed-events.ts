/** All sealed segments in the order of positions, and a cache of the groups of rows that were read last. */
import type { StoredEvent } from '../../../core/stored-event.js';
import { firstIndex } from '../first-index.js';
import { sizeOf } from '../live/live-streams.js';
import { ByteCache } from '../tables/byte-cache.js';
import type { SealedSegment } from './sealed-segment.js';

export class SealedEvents {
  #segments: readonly SealedSegment[];
  readonly #groups: ByteCache<readonly StoredEvent[]>;
  readonly #reading = new Map<string, Promise<readonly StoredEvent[]>>();

  constructor(segments: readonly SealedSegment[], cacheBytes: number) {
    this.#segments = segments;
    this.#groups = new ByteCache(cacheBytes);
  }

  get segments(): readonly SealedSegment[] {
    return this.#segments;
  }

  get cachedBytes(): number {
    return this.#groups.bytes;
  }

  get events(): number {
    return this.#segments.reduce((sum, { events }) => sum + events, 0);
  }

  /** The last sealed position, 0 where there is none. */
  get through(): number {
    return this.#segments.at(-1)?.entry.to ?? 0;
  }

  /**
   * Puts a new list in the place of the old one; what is no longer in it is closed when its last reader is done.
   * Resolves then.
   */
  async replace(segments: readonly SealedSegment[]): Promise<void> {
    const retired = this.#segments.filter((segment) => !segments.includes(segment));
    this.#segments = segments;
    for (const segment of retired) this.#groups.deleteOwner(segment);
    await Promise.all(retired.map((segment) => segment.retire()));
  }

  /** The events of a stream from one version through another, as far as they are sealed. */
  readStream(streamId: string, from: number, through: number): StoredEvent[] {
    const events: StoredEvent[] = [];
    for (const segment of this.#segments) {
      events.push(...segment.readStream(streamId, from + events.length, through));
      if (events.length > through - from) break;
    }
    return events;
  }

  /** Events from a position on, at least one, at most `limit`; none if nothing is sealed from there on. */
  async readFrom(position: number, limit: number): Promise<readonly StoredEvent[]> {
    const segment = this.#segmentFrom(position);
    if (segment === undefined) return [];
    const first = Math.max(position, segment.entry.from);
    const { group, firstPosition } = segment.groupOf(first);
    const events = await this.#group(segment, group);
    return events.slice(first - firstPosition, first - firstPosition + limit);
  }

  close(): Promise<void> {
    return this.replace([]);
  }

  /** The first segment that reaches as far as `position`. */
  #segmentFrom(position: number): SealedSegment | undefined {
    const index = firstIndex(
      this.#segments.length,
      (i) => (this.#segments[i] as SealedSegment).entry.to >= position,
    );
    return this.#segments[index];
  }

  /** Readers that come for the same group while it is being read share it. */
  async #group(segment: SealedSegment, group: number): Promise<readonly StoredEvent[]> {
    const known = this.#groups.get(segment, group);
    if (known !== undefined) return known;
    const key = `${segment.entry.name}/${group}`;
    let reading = this.#reading.get(key);
    if (reading === undefined) {
      reading = segment.readGroup(group).finally(() => this.#reading.delete(key));
      this.#reading.set(key, reading);
    }
    const events = await reading;
    if (this.#segments.includes(segment) && this.#groups.get(segment, group) === undefined) {
      this.#groups.put(
        segment,
        group,
        events,
        events.reduce((sum, event) => sum + sizeOf(event), 0),
      );
    }
    return events;
  }
}
