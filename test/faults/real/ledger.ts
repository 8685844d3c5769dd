/**
 * The oracle of the kills: what was attempted and acknowledged, against what is found afterwards. Acknowledged is part of
 * recovered, recovered is part of attempted, nothing is there twice or in part, and what was found once stays.
 */
import {
  type Attempt,
  checksumOf,
  dataOf,
  EVENT_TYPE,
  type FoundEvent,
  type FoundRecord,
  metadataOf,
  type Place,
} from './attempts.js';

export interface Findings {
  readonly events: readonly FoundEvent[];
  readonly records: readonly FoundRecord[];
  readonly totals: readonly [events: number, streams: number, snapshots: number];
}

/** What an id stands for. */
interface Attempted {
  readonly attempt: Attempt;
  readonly stream: string;
  readonly index: number;
}

export class Ledger {
  readonly #attempts = new Map<string, Attempt>();
  readonly #ids = new Map<string, Attempted>();
  readonly #acknowledged = new Map<string, readonly Place[]>();
  /** Acknowledged, and promised to be there after a kill. */
  readonly #promised = new Set<string>();
  readonly #beingFlushed = new Set<string>();
  /** Attempts that were found. */
  readonly #found = new Set<string>();
  /** Attempts that were looked for and not found, and not tried again: they must never appear. */
  readonly #gone = new Set<string>();
  #before: readonly FoundEvent[] = [];
  readonly counts = { attempted: 0, acknowledged: 0, retried: 0, idempotent: 0, lost: 0, recovered: 0 };
  readonly problems: string[] = [];

  /** @param promise when an acknowledgement is a promise: at once, or after the next flush */
  constructor(
    private readonly promise: 'at once' | 'by flush',
    private readonly gaps: 'never' | 'after kills',
  ) {}

  /** What has to be appended again: neither acknowledged nor known to be lost for good. */
  get unacknowledged(): readonly Attempt[] {
    return [...this.#attempts.values()].filter(({ tag, streams }) => {
      return streams.length > 0 && !this.#acknowledged.has(tag);
    });
  }

  attempted(attempt: Attempt): void {
    this.#gone.delete(attempt.tag);
    if (this.#attempts.has(attempt.tag)) {
      this.counts.retried++;
      return;
    }
    this.counts.attempted++;
    this.#attempts.set(attempt.tag, attempt);
    for (const { stream, ids } of attempt.streams) {
      for (const [index, id] of ids.entries()) this.#ids.set(id, { attempt, stream, index });
    }
  }

  acknowledged(tag: string, places: readonly Place[], idempotent: boolean): void {
    this.counts.acknowledged++;
    if (idempotent) this.counts.idempotent++;
    if (idempotent !== this.#found.has(tag)) {
      this.#wrong(`the retry of ${tag} says idempotent: ${idempotent}, found before: ${!idempotent}`);
    }
    this.#acknowledged.set(tag, places);
    if (this.promise === 'at once') this.#promised.add(tag);
  }

  flushing(): void {
    for (const tag of this.#acknowledged.keys()) if (!this.#gone.has(tag)) this.#beingFlushed.add(tag);
  }

  flushed(): void {
    for (const tag of this.#beingFlushed) this.#promised.add(tag);
    this.#beingFlushed.clear();
  }

  /** Compares what a new process finds with everything that is known. */
  check(findings: Findings): void {
    const { events } = findings;
    this.counts.recovered = events.length;
    // A flush that was killed has promised nothing.
    this.#beingFlushed.clear();
    this.#checkPlaces(events);
    const byAttempt = this.#checkContents(events);
    this.#checkWhole(byAttempt);
    for (const [i, event] of this.#before.entries()) {
      if (String(events[i]) !== String(event)) {
        this.#wrong(`event ${i + 1} was ${String(event)} and is ${String(events[i])}`);
        break;
      }
    }
    this.#before = events;
    for (const tag of this.#promised) {
      if (this.#attempts.get(tag)!.streams.length > 0 && !byAttempt.has(tag)) {
        this.#wrong(`${tag} was acknowledged, and is lost`);
      }
    }
    for (const [tag, { streams }] of this.#attempts) {
      if (streams.length === 0) {
        // Nothing shows whether it is there; a later flush promises nothing of it.
        if (!this.#promised.has(tag)) this.#gone.add(tag);
        continue;
      }
      if (byAttempt.has(tag)) {
        if (this.#gone.has(tag)) this.#wrong(`${tag} was not there before, and has come back`);
        this.#found.add(tag);
      } else if (!this.#gone.has(tag)) {
        this.#gone.add(tag);
        this.counts.lost++;
      }
    }
    this.#checkRecords(findings, byAttempt);
  }

  #wrong(what: string): void {
    // The first few say it.
    if (this.problems.length < 20) this.problems.push(what);
  }

  #checkPlaces(events: readonly FoundEvent[]): void {
    const versions = new Map<string, number>();
    const ids = new Set<string>();
    let last = 0;
    for (const [position, id, stream, version] of events) {
      const isNext = this.gaps === 'never' ? position === last + 1 : position > last;
      if (!isNext) this.#wrong(`position ${position} follows ${last}`);
      last = position;
      const before = versions.get(stream) ?? 0;
      if (version !== before + 1) this.#wrong(`version ${version} of ${stream} follows ${before}`);
      versions.set(stream, version);
      if (ids.has(id)) this.#wrong(`event ${id} is there twice`);
      ids.add(id);
    }
  }

  #checkContents(events: readonly FoundEvent[]): Map<string, FoundEvent[]> {
    const byAttempt = new Map<string, FoundEvent[]>();
    for (const event of events) {
      const [position, id, stream, , type, checksum] = event;
      const known = this.#ids.get(id);
      if (known === undefined) {
        this.#wrong(`event ${id} at position ${position} was never attempted`);
        continue;
      }
      const { tag } = known.attempt;
      const wanted = checksumOf(dataOf(tag, known.index), metadataOf(tag));
      if (stream !== known.stream || type !== EVENT_TYPE || checksum !== wanted) {
        this.#wrong(`event ${id} of ${tag} is not what was attempted`);
      }
      const found = byAttempt.get(tag);
      if (found === undefined) byAttempt.set(tag, [event]);
      else found.push(event);
    }
    return byAttempt;
  }

  /** A commit is there as a whole, in its order, without anything in between, and where its acknowledgement says. */
  #checkWhole(byAttempt: ReadonlyMap<string, readonly FoundEvent[]>): void {
    for (const [tag, found] of byAttempt) {
      const { streams } = this.#attempts.get(tag)!;
      const wanted = streams.flatMap(({ ids }) => ids);
      const first = found[0]![0];
      const isWhole =
        wanted.length === found.length &&
        found.every(([position, id], i) => position === first + i && id === wanted[i]);
      if (!isWhole) this.#wrong(`${tag} is there in part: ${found.length} of ${wanted.length} events`);
      for (const [stream, fromVersion, version, position] of this.#acknowledged.get(tag) ?? []) {
        const own = found.filter((event) => event[2] === stream);
        const [lastPosition, , , lastVersion] = own.at(-1) ?? [0, '', '', 0];
        if (own[0]?.[3] !== fromVersion || lastVersion !== version || lastPosition !== position) {
          this.#wrong(`${tag} was acknowledged at ${position} of the log and is at ${lastPosition}`);
        }
      }
    }
  }

  /** A record is what the last commit that is there made of it. */
  #checkRecords({ events, records, totals }: Findings, byAttempt: ReadonlyMap<string, unknown>): void {
    const wanted = new Map<string, string>();
    const seen = new Set<string>();
    for (const [, id] of events) {
      const attempt = this.#ids.get(id)?.attempt;
      if (attempt === undefined || seen.has(attempt.tag) || !byAttempt.has(attempt.tag)) continue;
      seen.add(attempt.tag);
      for (const { collection, key, value } of attempt.records) {
        if (value === null) wanted.delete(`${collection} ${key}`);
        else wanted.set(`${collection} ${key}`, value);
      }
    }
    const counts = new Map<string, number>();
    for (const [collection, key, value] of records) {
      const name = `${collection} ${key}`;
      if (collection === 'count') counts.set(key, Number(value));
      else if (wanted.get(name) === value) wanted.delete(name);
      else this.#wrong(`record ${name} is ${value}, and should be ${wanted.get(name)}`);
    }
    for (const [name, value] of wanted) this.#wrong(`record ${name} should be ${value}, and is not there`);
    this.#checkCounts(counts);
    const found = [
      events.length,
      new Set(events.map((event) => event[2])).size,
      records.filter(([collection]) => collection === 'snapshots').length,
    ];
    if (String(found) !== String(totals)) {
      this.#wrong(
        `the totals of events, streams and snapshots are ${String(totals)}, counted ${String(found)}`,
      );
    }
  }

  /** Commits of a record alone leave no event behind: the number is at least the last that was promised. */
  #checkCounts(counts: ReadonlyMap<string, number>): void {
    const least = new Map<string, number>();
    const attempted = new Set<string>();
    for (const [tag, { streams, records }] of this.#attempts) {
      const [record] = records;
      if (streams.length > 0 || record === undefined) continue;
      attempted.add(`${record.key} ${record.value}`);
      if (this.#promised.has(tag)) {
        least.set(record.key, Math.max(least.get(record.key) ?? 0, Number(record.value)));
      }
    }
    for (const [key, count] of counts) {
      if (!attempted.has(`${key} ${count}`)) this.#wrong(`count ${key} is ${count}, which was never put`);
    }
    for (const [key, count] of least) {
      if (!((counts.get(key) ?? 0) >= count)) {
        this.#wrong(`count ${key} is ${counts.get(key)}, and ${count} was acknowledged`);
      }
    }
  }
}
