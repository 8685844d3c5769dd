/** Backends that get appends wrong: expectations, conflicts, atomicity, results. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import type { AppendResult, Commit, StreamCommit } from '../../../lib/core/commit.js';
import { WrongExpectedVersionError } from '../../../lib/core/errors/append.errors.js';
import type { ExpectedVersion } from '../../../lib/core/expected-version.js';
import { ArrayBackend } from '../array-backend.js';
import { aTurn, broken, type Broken } from './broken.js';

type Results = readonly AppendResult[];

/** Changes what is expected of each stream. */
class OtherExpectations extends InMemoryBackend {
  constructor(private readonly change: (expected: ExpectedVersion, actual: number) => ExpectedVersion) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    const streams: StreamCommit[] = [];
    for (const stream of commit.streams) {
      const actual = await versionOf(this, stream.streamId);
      streams.push({ ...stream, expectedVersion: this.change(stream.expectedVersion, actual) });
    }
    return super.append({ ...commit, streams });
  }
}

async function versionOf(backend: InMemoryBackend, streamId: string): Promise<number> {
  const toEnd = {
    fromVersion: 1,
    toVersion: Number.MAX_SAFE_INTEGER,
    limit: 1,
    direction: 'backward',
  } as const;
  return (await backend.readStream({ streamId, ...toEnd })).events[0]?.version ?? 0;
}

class ReordersEvents extends InMemoryBackend {
  override append(commit: Commit): Promise<Results> {
    const streams = commit.streams.map((one) => ({ ...one, events: one.events.toReversed() }));
    return super.append({ ...commit, streams });
  }
}

/** Changes the results. */
class OtherResults extends InMemoryBackend {
  constructor(private readonly change: (results: Results, commit: Commit) => Results) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    return this.change(await super.append(commit), commit);
  }
}

/** Changes what a conflict says. */
class OtherConflicts extends InMemoryBackend {
  constructor(private readonly actualOf: (error: WrongExpectedVersionError) => number) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError)) throw error;
      throw new WrongExpectedVersionError(error.streamId, error.expected, this.actualOf(error));
    }
  }
}

class StaleConflicts extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    const [first] = commit.streams;
    const actual = first === undefined ? 0 : await versionOf(this, first.streamId);
    await aTurn();
    try {
      return await super.append(commit);
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError)) throw error;
      throw new WrongExpectedVersionError(error.streamId, error.expected, actual);
    }
  }
}

class ChecksThenActs extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    for (const { streamId, expectedVersion } of commit.streams) {
      if (typeof expectedVersion !== 'number') continue;
      const actual = await versionOf(this, streamId);
      if (actual !== expectedVersion && commit.streams.every(({ idsAreNew }) => idsAreNew)) {
        throw new WrongExpectedVersionError(streamId, expectedVersion, actual);
      }
    }
    await aTurn();
    const relax = (expected: ExpectedVersion): ExpectedVersion =>
      typeof expected === 'number' ? 'any' : expected;
    const streams = commit.streams.map((stream) => ({
      ...stream,
      expectedVersion: relax(stream.expectedVersion),
    }));
    return super.append({ ...commit, streams });
  }
}

class ReadsVersionForAny extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    const streams: StreamCommit[] = [];
    for (const stream of commit.streams) {
      const actual = await versionOf(this, stream.streamId);
      const { expectedVersion, idsAreNew } = stream;
      streams.push({
        ...stream,
        expectedVersion: expectedVersion === 'any' && idsAreNew ? actual : expectedVersion,
      });
    }
    await aTurn();
    return super.append({ ...commit, streams });
  }
}

class WedgesAfterConflict extends InMemoryBackend {
  readonly #wedged = new Map<string, unknown>();

  override async append(commit: Commit): Promise<Results> {
    for (const { streamId } of commit.streams) {
      if (this.#wedged.has(streamId)) throw this.#wedged.get(streamId);
    }
    try {
      return await super.append(commit);
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) this.#wedged.set(error.streamId, error);
      throw error;
    }
  }
}

class UsesUpPositions extends ArrayBackend {
  #wasted = 0;

  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      this.#wasted++;
      throw error;
    }
  }

  protected override nextPosition(): number {
    const wasted = this.#wasted;
    this.#wasted = 0;
    return super.nextPosition() + wasted;
  }
}

class LeavesGaps extends ArrayBackend {
  override async append(commit: Commit): Promise<Results> {
    const streams = commit.streams.map((stream) => {
      const actual = this.streams.get(stream.streamId)?.length ?? 0;
      const beyond = typeof stream.expectedVersion === 'number' && stream.expectedVersion > actual;
      this.#gap = beyond ? Math.min(stream.expectedVersion - actual, 5) : 0;
      return beyond ? { ...stream, expectedVersion: 'any' as const } : stream;
    });
    return super.append({ ...commit, streams });
  }

  #gap = 0;

  protected override index(event: Parameters<ArrayBackend['index']>[0]): void {
    super.index(this.#gap === 0 ? event : Object.assign(event, { version: event.version + this.#gap }));
  }
}

class OneStreamAfterTheOther extends InMemoryBackend {
  constructor(private readonly pausing: boolean) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    if (commit.streams.length < 2 || (this.pausing && !(await this.#fits(commit))))
      return super.append(commit);
    const results: AppendResult[] = [];
    for (const [i, stream] of commit.streams.entries()) {
      const records = i === commit.streams.length - 1 ? commit.records : [];
      results.push(...(await super.append({ ...commit, streams: [stream], records })));
      if (this.pausing) await aTurn();
    }
    return results;
  }

  async #fits({ streams }: Commit): Promise<boolean> {
    const found = await Promise.all(streams.map(({ streamId }) => versionOf(this, streamId)));
    return streams.every(
      ({ expectedVersion, idsAreNew }, i) =>
        idsAreNew && (expectedVersion === 'any' || expectedVersion === found[i]),
    );
  }
}

class RecordsApart extends InMemoryBackend {
  constructor(private readonly first: 'events' | 'records') {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    if (commit.streams.length === 0 || commit.records.length === 0) return super.append(commit);
    const events = { ...commit, records: [] };
    const records = { ...commit, streams: [] };
    if (this.first === 'records') await super.append(records);
    const results = await super.append(events);
    if (this.first === 'events') await super.append(records);
    return results;
  }
}

class ShowsWhatItTakesBack extends ArrayBackend {
  override async append(commit: Commit): Promise<Results> {
    if (commit.streams.length < 2) return super.append(commit);
    const [first, ...others] = commit.streams;
    const length = this.data.log.length;
    // Writes the first stream, looks at the others later, and takes the first back if they do not fit.
    const [result] = await super.append({ ...commit, streams: [first!], records: [] });
    await aTurn();
    try {
      return [result!, ...(await super.append({ ...commit, streams: others }))];
    } catch (error) {
      this.data.log.splice(length, first!.events.length);
      await this.onOpen();
      throw error;
    }
  }
}

const anyPlan = 'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';
const anyRace = 'any appends that race come to the same as if they had come one after the other';
const sameAsMemory = 'one plan has the same outcomes here and on memory';
const wordsOf = (word: ExpectedVersion, other: ExpectedVersion) => (): InMemoryBackend =>
  new OtherExpectations((expected) => (expected === word ? other : expected));

export const brokenAppends: readonly Broken[] = [
  broken("ignores 'noStream'", wordsOf('noStream', 'any'), [
    "'noStream' accepts a new stream only",
    "fault 8: 'noStream' and 'streamExists' are enforced",
    anyPlan,
    sameAsMemory,
  ]),
  broken("ignores 'streamExists'", wordsOf('streamExists', 'any'), [
    "'streamExists' accepts an existing stream only",
    'each stream of a commit has an expected version of its own',
    "fault 8: 'noStream' and 'streamExists' are enforced",
    anyPlan,
  ]),
  broken("does not take 0 for 'noStream'", wordsOf(0, 'any'), ["0 is the same as 'noStream'"]),
  broken(
    'accepts an older number',
    () => new OtherExpectations((expected, actual) => (Number(expected) < actual ? 'any' : expected)),
    ['a number accepts exactly that version: not an older one, not a newer one', anyPlan],
  ),
  broken(
    'accepts a version beyond the end',
    () => new OtherExpectations((expected, actual) => (Number(expected) > actual ? 'any' : expected)),
    [
      'a number accepts exactly that version: not an older one, not a newer one',
      'fault 12b: an expected version beyond the end is a conflict, never a gap',
      anyPlan,
    ],
  ),
  broken('leaves a gap where a version beyond the end is expected', () => new LeavesGaps(), [
    'fault 12b: an expected version beyond the end is a conflict, never a gap',
    anyPlan,
  ]),
  broken('says a wrong actual version in a conflict', () => new OtherConflicts(({ actual }) => actual + 1), [
    'a conflict is WrongExpectedVersionError { streamId, expected, actual }, and actual is true',
    'of many racers with the same number exactly one wins, and actual is true for each loser',
    anyPlan,
  ]),
  broken('says the version from before the race to the losers of a race', () => new StaleConflicts(), [
    'of many racers with the same number exactly one wins, and actual is true for each loser',
    'fault 9: a stale batch is refused, and the conflict carries the true version, also for losers of a race',
    anyRace,
  ]),
  broken('lets several racers win', () => new ChecksThenActs(), [
    'of many racers with the same number exactly one wins, and actual is true for each loser',
    anyRace,
  ]),
  broken("lets 'any' conflict in a race", () => new ReadsVersionForAny(), [
    "'any' never conflicts, however many race",
    "fault 7: of 50 parallel 'any' appends to one stream all 50 are accepted",
    anyRace,
  ]),
  broken('wedges a stream after a conflict', () => new WedgesAfterConflict(), [
    'the stream stays writable after a conflict',
    'fault 12a: an ordinary version conflict leaves the stream writable',
    anyPlan,
  ]),
  broken('uses up a position on a conflict', () => new UsesUpPositions(), [
    'a conflict uses up no position',
    'without documented gaps, positions count the events',
    anyPlan,
  ]),
  broken('is not atomic over streams', () => new OneStreamAfterTheOther(false), [
    'a conflict in any one of its streams leaves nothing of a commit, in no stream and no record',
    anyPlan,
    sameAsMemory,
  ]),
  broken('shows a commit stream by stream', () => new OneStreamAfterTheOther(true), [
    'a reader sees a whole commit or nothing of it',
  ]),
  broken('writes events although a record conflicts', () => new RecordsApart('events'), [
    'a conflict of a record leaves nothing of a commit, no event and no other record',
    anyPlan,
  ]),
  broken('writes records although a stream conflicts', () => new RecordsApart('records'), [
    'a conflict in any one of its streams leaves nothing of a commit, in no stream and no record',
    anyPlan,
  ]),
  broken('delivers before the commit is decided, and takes it back', () => new ShowsWhatItTakesBack(), [
    'what a reader has seen never goes away again',
  ]),
  broken('reorders the events of a commit', () => new ReordersEvents(), [
    'events of one append stand together, in the order given',
    anyPlan,
  ]),
  broken(
    'gives the first position for the last',
    () =>
      new OtherResults((all) =>
        all.map((r) => ({ ...r, position: r.position - (r.version - r.fromVersion) })),
      ),
    [
      'an append resolves to { streamId, fromVersion, version, position, idempotent } of its last event',
      anyPlan,
    ],
  ),
  broken(
    'gives results in another order',
    () => new OtherResults((all) => all.toSorted((a, b) => (a.streamId < b.streamId ? -1 : 1))),
    ['a commit over streams has one result per stream, in the order given', anyPlan],
  ),
];
