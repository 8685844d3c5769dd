/**
 * Decides on commits in the order in which they come: ids, versions and records are compared with everything that is
 * staged before, so a decision holds once the commits before it are durable.
 */
import type { AppendResult, Commit, StreamCommit } from '../../core/commit.js';
import {
  DuplicateEventError,
  RecordConflictError,
  WrongExpectedVersionError,
} from '../../core/errors/append.errors.js';
import { LimitExceededError } from '../../core/errors/input.errors.js';
import { expectedPlace, matchesExpectedVersion } from '../../core/expected-version.js';
import { Limits } from '../../core/limits.js';
import type { StoredEvent } from '../../core/stored-event.js';
import type { EventIdWindow, EventPlace } from './live/event-id-window.js';
import type { LiveStreams } from './live/live-streams.js';
import type { WriteAheadLog } from './log/write-ahead-log.js';
import type { RecordIndex } from './records/record-index.js';
import type { Sealing } from './sealing.js';

/** What the stage asks of those who read. */
export interface StageReaders {
  /** Events of a stream that are visible, from one version through another. */
  versions(streamId: string, from: number, through: number): readonly StoredEvent[];
  newest(count: number): AsyncIterable<readonly StoredEvent[]>;
}

/** What a commit's expectations are compared with. */
interface View {
  version(streamId: string): number;
  record(collection: string, key: string): string | null;
}

export class CommitStage {
  /** Ids that callers have given and that are not durable yet. */
  readonly #staged = new Set<string>();
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #afterAllStaged: View = {
    version: (streamId) => this.live.find(streamId)?.version ?? 0,
    record: (collection, key) => this.records.getStaged(collection, key),
  };
  readonly #asReadersSee: View = {
    version: (streamId) => this.live.visibleVersion(streamId),
    record: (collection, key) => this.records.get(collection, key),
  };

  constructor(
    private readonly log: WriteAheadLog,
    private readonly live: LiveStreams,
    private readonly records: RecordIndex,
    private readonly ids: EventIdWindow,
    private readonly readers: StageReaders,
    private readonly sealing: Pick<Sealing, 'isBehind' | 'caughtUp'>,
  ) {}

  /** Commits are decided on in the order of these calls, whatever some of them have to wait for. */
  append(commit: Commit): Promise<readonly AppendResult[]> {
    const ids = givenIds(commit);
    if (this.#waiting === 0 && !this.#hasToWait(ids)) return this.#attempt(commit, ids);
    if (this.#waiting >= Limits.appendsWaitingMax) {
      return Promise.reject(
        new LimitExceededError(
          'appendsWaitingMax',
          this.#waiting + 1,
          Limits.appendsWaitingMax,
          'appends that wait for the disk',
        ),
      );
    }
    this.#waiting++;
    // The promise of the result is wrapped, since the next one in the queue waits for the staging only.
    const decided = this.#queue.then(async () => {
      while (this.#hasToWait(ids)) await this.#wait(ids);
      return { result: this.#attempt(commit, ids) };
    });
    this.#queue = decided.then(ignore, ignore).finally(() => this.#waiting--);
    return decided.then(({ result }) => result);
  }

  /** Resolves when nobody waits for a place any more. */
  async drained(): Promise<void> {
    while (this.#waiting > 0) await this.#queue;
  }

  #hasToWait(ids: readonly string[]): boolean {
    return (
      this.sealing.isBehind ||
      this.log.isFull ||
      // What is on its way has no visible events that the ids could be compared with.
      (ids.length > 0 && (!this.ids.isLoaded || ids.some((id) => this.#staged.has(id))))
    );
  }

  async #wait(ids: readonly string[]): Promise<void> {
    if (this.sealing.isBehind) await this.sealing.caughtUp();
    else if (this.log.isFull) await this.log.room();
    else if (!this.ids.isLoaded) await this.ids.load((size) => this.readers.newest(size));
    else if (ids.some((id) => this.#staged.has(id))) await this.log.settled();
  }

  #attempt(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    try {
      if (this.log.refusal !== undefined) throw this.log.refusal;
      const repeated = ids.length === 0 ? undefined : this.#repeated(commit);
      return repeated === undefined ? this.#decide(commit, ids) : Promise.resolve(repeated);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #decide(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    const refusal = this.#refusalOf(commit, this.#afterAllStaged);
    if (refusal === undefined) return this.#stage(commit, ids);
    if (!this.log.hasStaged) throw refusal;
    // What it was compared with may never become durable; and who reads after the refusal has to see why.
    return this.log.settled().then(() => {
      const seen = this.#refusalOf(commit, this.#asReadersSee);
      if (seen !== undefined) throw seen;
      return this.append(commit);
    });
  }

  #stage(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    const moreSnapshots = commit.records.length === 0 ? 0 : this.records.stage(commit.records);
    const streams = commit.streams.map(({ streamId }) => this.live.take(streamId));
    const staged = this.log.stage(commit, streams, moreSnapshots);
    if (ids.length === 0) return staged;
    for (const id of ids) this.#staged.add(id);
    return staged.finally(() => {
      for (const id of ids) this.#staged.delete(id);
    });
  }

  #refusalOf({ streams, records }: Commit, view: View): Error | undefined {
    for (const { streamId, expectedVersion } of streams) {
      if (expectedVersion === 'any') continue;
      const actual = view.version(streamId);
      if (!matchesExpectedVersion(expectedVersion, actual)) {
        return new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    for (const { collection, key, expected } of records) {
      if (expected !== undefined && view.record(collection, key) !== expected) {
        return new RecordConflictError(collection, key);
      }
    }
    return undefined;
  }

  /**
   * The first results, if every event of the commit is already at its place.
   * @throws DuplicateEventError if only some of the ids are known, or known elsewhere
   */
  #repeated(commit: Commit): readonly AppendResult[] | undefined {
    const given = commit.streams.filter((stream) => !stream.idsAreNew);
    const results: AppendResult[] = [];
    for (const stream of given) {
      const result = this.#placeOf(stream);
      if (result !== undefined) results.push(result);
    }
    if (results.length === commit.streams.length) return results;
    for (const { streamId, events } of given) {
      const known = events.map(({ id }) => id).filter((id) => this.ids.find(id) !== undefined);
      if (known.length > 0) throw new DuplicateEventError(streamId, known);
    }
    return undefined;
  }

  /** Where exactly these ids stand in this stream, one behind the other, if they stand where they are expected. */
  #placeOf({ streamId, expectedVersion, events }: StreamCommit): AppendResult | undefined {
    const place = expectedPlace(expectedVersion);
    const first: Pick<EventPlace, 'streamId' | 'version'> | undefined =
      this.ids.find(events[0]?.id ?? '') ??
      // An append with a number says where it stands, so a repeat is recognised for ever.
      (place === undefined ? undefined : { streamId, version: place + 1 });
    if (first === undefined || first.streamId !== streamId) return undefined;
    if (place !== undefined && first.version !== place + 1) return undefined;
    const through = first.version + events.length - 1;
    if (through > this.live.visibleVersion(streamId)) return undefined;
    const stored = this.readers.versions(streamId, first.version, through);
    if (!events.every(({ id }, i) => stored[i]?.id === id)) return undefined;
    const last = stored.at(-1);
    if (last === undefined) return undefined;
    return {
      streamId,
      fromVersion: first.version,
      version: last.version,
      position: last.position,
      idempotent: true,
    };
  }
}

function givenIds({ streams }: Commit): readonly string[] {
  if (streams.every(({ idsAreNew }) => idsAreNew)) return NO_IDS;
  return streams.flatMap(({ idsAreNew, events }) => (idsAreNew ? [] : events.map(({ id }) => id)));
}

const NO_IDS: readonly string[] = [];

function ignore(): void {
  // Told to the caller already.
}
