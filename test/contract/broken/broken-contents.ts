/** Backends that do not keep what they are given: names, texts, sizes; and those that cannot take much of it. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import { type AppendResult, type Commit, SNAPSHOT_COLLECTION } from '../../../lib/core/commit.js';
import type { EncodedEvent } from '../../../lib/core/stored-event.js';
import { aTurn, broken, type Broken } from './broken.js';

type Results = readonly AppendResult[];

/** Changes the events of each stream. */
class OtherEvents extends InMemoryBackend {
  constructor(private readonly change: (events: readonly EncodedEvent[]) => readonly EncodedEvent[]) {
    super();
  }

  override append(commit: Commit): Promise<Results> {
    return super.append({
      ...commit,
      streams: commit.streams.map((stream) => ({ ...stream, events: this.change(stream.events) })),
    });
  }
}

/** Changes the streams' names. */
class OtherNames extends InMemoryBackend {
  constructor(private readonly change: (streamId: string) => string) {
    super();
  }

  override async append(commit: Commit): Promise<Results> {
    const streams = commit.streams.map((stream) => ({ ...stream, streamId: this.change(stream.streamId) }));
    const results = await super.append({ ...commit, streams });
    return results.map((result, i) => ({ ...result, streamId: commit.streams[i]!.streamId }));
  }

  override readStream(
    query: Parameters<InMemoryBackend['readStream']>[0],
  ): ReturnType<InMemoryBackend['readStream']> {
    return super.readStream({ ...query, streamId: this.change(query.streamId) });
  }
}

class CopiesItsIndex extends InMemoryBackend {
  #versions: Record<string, number> = {};

  override append(commit: Commit): Promise<Results> {
    const added = commit.streams.map(({ streamId, events }) => [streamId, events.length] as const);
    this.#versions = { ...this.#versions, ...Object.fromEntries(added) };
    return super.append(commit);
  }
}

class TakesSmallCommits extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    if (commit.streams.some(({ events }) => events.length > 1_000)) throw new Error('too many parameters');
    return super.append(commit);
  }
}

class TakesOneCommitAtATime extends InMemoryBackend {
  #busy = false;

  override async append(commit: Commit): Promise<Results> {
    if (this.#busy) throw new Error('database is locked');
    this.#busy = true;
    await aTurn();
    this.#busy = false;
    return super.append(commit);
  }
}

class CutsRecords extends InMemoryBackend {
  override append(commit: Commit): Promise<Results> {
    const records = commit.records.map((one) => ({ ...one, value: one.value?.slice(0, 65_535) ?? null }));
    return super.append({ ...commit, records });
  }
}

class KeepsTheFirstSnapshot extends InMemoryBackend {
  override async append(commit: Commit): Promise<Results> {
    const [first] = commit.records;
    const known =
      first?.collection === SNAPSHOT_COLLECTION && (await this.readRecord(first.collection, first.key));
    return typeof known === 'string' ? [] : super.append(commit);
  }
}

const anyRace = 'any appends that race come to the same as if they had come one after the other';

export const brokenContents: readonly Broken[] = [
  broken(
    'loses the schema version',
    () => new OtherEvents((all) => all.map((e) => ({ ...e, schemaVersion: 1 }))),
    ['what was appended is read back as it was: id, type, schema version, data, metadata, place, time'],
  ),
  broken(
    'writes JSON its own way',
    () => new OtherEvents((all) => all.map((e) => ({ ...e, data: JSON.stringify(JSON.parse(e.data)) }))),
    ['the texts of data and metadata come back as they were written, letter by letter'],
  ),
  broken(
    'drops \\u0000 from texts',
    () => new OtherEvents((all) => all.map((e) => ({ ...e, data: e.data.replaceAll('\\u0000', '') }))),
    [
      'any JSON text comes back equal: \\u0000, lone surrogates and __proto__ keys included',
      'any JSON value comes back equal, as data and as metadata',
    ],
  ),
  broken('takes streams that differ in case for one', () => new OtherNames((id) => id.toLowerCase()), [
    'a stream id is any well-formed Unicode without NUL, and every difference counts',
  ]),
  broken('normalises Unicode in stream ids', () => new OtherNames((id) => id.normalize()), [
    'a stream id is any well-formed Unicode without NUL, and every difference counts',
  ]),
  broken('keeps 500 letters of a stream id', () => new OtherNames((id) => id.slice(0, 500)), [
    'a stream id has up to 512 bytes of UTF-8, and all of them count',
  ]),
  broken('copies its index of streams with every append', () => new CopiesItsIndex(), [
    'fault 11: the time of an append does not grow with the number of streams',
  ]),
  broken('takes 1,000 events in a commit and no more', () => new TakesSmallCommits(), [
    'a commit of 10,000 events is accepted, one event more is LimitExceededError',
  ]),
  broken('takes one commit at a time and refuses others', () => new TakesOneCommitAtATime(), [
    'racers on different streams do not disturb each other',
    "'any' never conflicts, however many race",
    'a write without an expected value never conflicts',
    anyRace,
  ]),
  broken('cuts records off at 64 KiB', () => new CutsRecords(), ['a record of 1 MiB comes back whole']),
  broken('keeps the first snapshot of a stream', () => new KeepsTheFirstSnapshot(), [
    'the latest snapshot of a stream comes back with its version and revision; null when there is none',
  ]),
];
