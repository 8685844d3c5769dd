/** Backends that get event ids and repeated appends wrong. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import type { AppendResult, Commit, StreamCommit } from '../../../lib/core/commit.js';
import { DuplicateEventError, WrongExpectedVersionError } from '../../../lib/core/errors/append.errors.js';
import { broken, type Broken } from './broken.js';

type Results = readonly AppendResult[];

/** Looks at each stream of a commit before it is appended. */
class OtherStreams extends InMemoryBackend {
  constructor(private readonly change: (stream: StreamCommit) => StreamCommit) {
    super();
  }

  override append(commit: Commit): Promise<Results> {
    return super.append({ ...commit, streams: commit.streams.map((stream) => this.change(stream)) });
  }
}

/** Knows ids only while `remembers` says so. */
class Forgetful extends InMemoryBackend {
  readonly #known = new Map<string, number>();
  #count = 0;

  constructor(
    private readonly window: number,
    private readonly forgetsAtOpening = false,
  ) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    const knows = (id: string): boolean => this.#count - (this.#known.get(id) ?? -Infinity) < this.window;
    const streams = commit.streams.map((stream) => ({
      ...stream,
      idsAreNew: stream.idsAreNew || !stream.events.some(({ id }) => knows(id)),
    }));
    const results = await super.append({ ...commit, streams });
    for (const { events } of commit.streams) {
      for (const { id } of events) this.#known.set(id, ++this.#count);
    }
    return results;
  }

  protected override async onOpen(): Promise<void> {
    await super.onOpen();
    if (this.forgetsAtOpening) this.#known.clear();
  }
}

/** Does something else where ids are known elsewhere. */
class OtherDuplicates extends InMemoryBackend {
  constructor(private readonly instead: (error: DuplicateEventError, commit: Commit) => Promise<Results>) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      if (!(error instanceof DuplicateEventError)) throw error;
      return this.instead(error, commit);
    }
  }
}

class WritesTheNewOnes extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      const [stream] = commit.streams;
      if (!(error instanceof DuplicateEventError) || stream === undefined) throw error;
      const events = stream.events.filter(({ id }) => !error.eventIds.includes(id));
      if (events.length === 0) throw error;
      return super.append({ ...commit, streams: [{ ...stream, events, expectedVersion: 'any' }] });
    }
  }
}

class ConflictsFirst extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    for (const { streamId, expectedVersion } of commit.streams) {
      const bounds = {
        fromVersion: 1,
        toVersion: Number.MAX_SAFE_INTEGER,
        direction: 'backward',
        limit: 1,
      } as const;
      const actual = (await this.readStream({ streamId, ...bounds })).events[0]?.version ?? 0;
      if (typeof expectedVersion === 'number' && expectedVersion !== actual) {
        throw new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    return super.append(commit);
  }
}

class ComparesPayloads extends InMemoryBackend {
  readonly #data = new Map<string, string>();

  override async append(commit: Commit): Promise<Results> {
    for (const { streamId, events } of commit.streams) {
      const changed = events
        .filter(({ id, data }) => (this.#data.get(id) ?? data) !== data)
        .map(({ id }) => id);
      if (changed.length > 0) throw new DuplicateEventError(streamId, changed);
    }
    const results = await super.append(commit);
    for (const { events } of commit.streams) for (const { id, data } of events) this.#data.set(id, data);
    return results;
  }
}

class KnowsWholeCommitsOnly extends InMemoryBackend {
  readonly #commits = new Set<string>();

  override async append(commit: Commit): Promise<Results> {
    const results = await super.append(commit);
    for (const [i, { streamId, events }] of commit.streams.entries()) {
      const ids = events.map(({ id }) => id);
      if (!results[i]!.idempotent) this.#commits.add(ids.join());
      else if (!this.#commits.has(ids.join())) throw new DuplicateEventError(streamId, ids);
    }
    return results;
  }
}

class OtherRepeats extends InMemoryBackend {
  constructor(private readonly change: (result: AppendResult) => AppendResult) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    return (await super.append(commit)).map((result) => (result.idempotent ? this.change(result) : result));
  }
}

class RepeatsRecords extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    const results = await super.append(commit);
    if (results.some(({ idempotent }) => idempotent)) await super.append({ ...commit, streams: [] });
    return results;
  }
}

const anyPlan = 'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';
const repeated =
  'the same ids at the same place again: the first result with idempotent true, and nothing written';
const forget = (stream: StreamCommit): StreamCommit => ({ ...stream, idsAreNew: true });

export const brokenRepeats: readonly Broken[] = [
  broken('forgets ids at once', () => new OtherStreams(forget), [
    repeated,
    "under 'any' and 'streamExists' repeats are recognised too",
    'the same append twice at once is written once',
    'ids used in another stream are DuplicateEventError { streamId, eventIds }, and nothing is written',
    'a repeat is delivered to nobody',
    anyPlan,
  ]),
  broken('forgets ids when it closes', () => new Forgetful(Infinity, true), [
    'repeats and duplicates are recognised after reopening too',
    'ids are known across the newest 100,000 events, and after reopening where the store is durable',
  ]),
  broken('knows the newest 1,000 ids only', () => new Forgetful(1_000), [
    'ids are known across the newest 100,000 events, and after reopening where the store is durable',
    'with a number or noStream the same place is recognised for ever',
  ]),
  broken(
    'documents a window that is too short',
    () => new InMemoryBackend(),
    ['the documented window is at least the newest 100,000 events'],
    { capabilities: { durable: true, transactional: false, duplicateWindow: 99_999 } },
  ),
  broken(
    "knows repeats under a number but not under 'any'",
    () => new OtherStreams((stream) => (stream.expectedVersion === 'any' ? forget(stream) : stream)),
    ["under 'any' and 'streamExists' repeats are recognised too", anyPlan],
  ),
  broken(
    'takes ids that are known elsewhere for success',
    () =>
      new OtherDuplicates(async (_, { streams }) =>
        streams.map(({ streamId }) => ({
          streamId,
          fromVersion: 1,
          version: 1,
          position: 1,
          idempotent: true,
        })),
      ),
    [
      'ids used in another stream are DuplicateEventError { streamId, eventIds }, and nothing is written',
      'ids used at another place of the stream are DuplicateEventError',
      'known ids among new ones, in another order or with holes, are DuplicateEventError',
      anyPlan,
    ],
  ),
  broken('writes the new events among known ones', () => new WritesTheNewOnes(), [
    'known ids among new ones, in another order or with holes, are DuplicateEventError',
  ]),
  broken(
    'names the first known id only',
    () =>
      new OtherDuplicates((error) =>
        Promise.reject(new DuplicateEventError(error.streamId, error.eventIds.slice(0, 1))),
      ),
    ['ids used in another stream are DuplicateEventError { streamId, eventIds }, and nothing is written'],
  ),
  broken('looks at the version before the ids', () => new ConflictsFirst(), [repeated, anyPlan]),
  broken('compares payloads', () => new ComparesPayloads(), ['ids decide; payloads are not compared']),
  broken('knows whole commits only', () => new KnowsWholeCommitsOnly(), [
    'a consecutive part of a commit is recognised, at its own place',
    anyPlan,
  ]),
  broken('does not mark repeats', () => new OtherRepeats((result) => ({ ...result, idempotent: false })), [
    repeated,
    'a repeated commit over streams gives every first result again',
    anyPlan,
  ]),
  broken(
    "gives the stream's newest version for a repeat",
    () => new OtherRepeats((r) => ({ ...r, version: 99 })),
    [repeated],
  ),
  broken('writes the records of a repeat', () => new RepeatsRecords(), ['a repeat writes no records either']),
];
