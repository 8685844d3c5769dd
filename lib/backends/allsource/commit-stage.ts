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
import { expectedPlace, matchesExpectedVersion } from '../../core/expected-version.js';
import type { StoredEvent } from '../../core/stored-event.js';
import type { EventIdWindow, EventPlace } from './live/event-id-window.js';
import type { LiveStreams } from './live/live-streams.js';
import type { WriteAheadLog } from './log/write-ahead-log.js';
import type { RecordIndex } from './records/record-index.js';

/** What the stage asks of those who read. */
export interface StageReaders {
  /** Events of a stream that are visible, from one version through another. */
  versions(streamId: string, from: number, through: number): readonly StoredEvent[];
  newest(count: number): AsyncIterable<readonly StoredEvent[]>;
}

export class CommitStage {
  /** Ids that callers have given and that are not durable yet. */
  readonly #staged = new Set<string>();

  constructor(
    private readonly log: WriteAheadLog,
    private readonly live: LiveStreams,
    private readonly records: RecordIndex,
    private readonly ids: EventIdWindow,
    private readonly readers: StageReaders,
  ) {}

  append(commit: Commit): Promise<readonly AppendResult[]> {
    if (this.log.isFull) return this.log.room().then(() => this.append(commit));
    const ids = givenIds(commit);
    return ids.length === 0 ? this.#decide(commit, ids) : this.#appendOnce(commit, ids);
  }

  /** Ids that somebody has given may stand in the store already. */
  async #appendOnce(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    await this.ids.load((size) => this.readers.newest(size));
    // A commit that is on its way has no visible events to be compared with.
    while (ids.some((id) => this.#staged.has(id))) await this.log.settled();
    if (this.log.failure !== undefined) throw this.log.failure;
    // From this comparison to the staging nothing is awaited, so nobody comes in between.
    return this.#repeated(commit) ?? this.#decide(commit, ids);
  }

  #decide(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    const refusal = this.#refusalOf(commit);
    if (refusal === undefined) return this.#stage(commit, ids);
    // What it was compared with may not be visible yet: whoever reads after the refusal has to see it.
    const seen = this.log.hasStaged ? this.log.settled() : Promise.resolve();
    return seen.then(() => {
      throw refusal;
    });
  }

  #stage(commit: Commit, ids: readonly string[]): Promise<readonly AppendResult[]> {
    const streams = commit.streams.map(({ streamId }) => this.live.take(streamId));
    if (commit.records.length > 0) this.records.stage(commit.records);
    const staged = this.log.stage(commit, streams);
    if (ids.length === 0) return staged;
    for (const id of ids) this.#staged.add(id);
    return staged.finally(() => {
      for (const id of ids) this.#staged.delete(id);
    });
  }

  #refusalOf({ streams, records }: Commit): Error | undefined {
    for (const { streamId, expectedVersion } of streams) {
      if (expectedVersion === 'any') continue;
      const actual = this.live.find(streamId)?.version ?? 0;
      if (!matchesExpectedVersion(expectedVersion, actual)) {
        return new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    for (const { collection, key, expected } of records) {
      if (expected !== undefined && this.records.getStaged(collection, key) !== expected) {
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
