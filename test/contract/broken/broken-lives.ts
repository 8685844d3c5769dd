/** Backends that get opening and closing wrong, or what they tell of themselves. */
import { InMemoryBackend } from '../../../lib/backends/memory/in-memory-backend.js';
import type { BackendStats } from '../../../lib/core/backend-stats.js';
import type { AppendResult, Commit } from '../../../lib/core/commit.js';
import type { EventPage, LogQuery, StreamQuery } from '../../../lib/core/read-page.js';
import { ArrayBackend, ArrayData } from '../array-backend.js';
import { aTurn, broken, type Broken } from './broken.js';

class NeverClosed extends InMemoryBackend {
  protected override assertOpen(): void {
    // It works on, whether it is open or not.
  }
}

class ClosesWithTheFirst extends InMemoryBackend {
  override async close(): Promise<void> {
    while (this.isOpen) await super.close();
  }
}

class ThrowsAtOnce extends InMemoryBackend {
  override append(commit: Commit): Promise<readonly AppendResult[]> {
    this.assertOpen('append');
    return super.append(commit);
  }
}

class DropsCommitsInFlight extends InMemoryBackend {
  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    this.assertOpen('append');
    await aTurn();
    if (this.isOpen) return super.append(commit);
    return commit.streams.map(({ streamId, events }) => ({
      streamId,
      fromVersion: 1,
      version: events.length,
      position: 1,
      idempotent: false,
    }));
  }
}

/** Finds nothing any more once it is closed, and takes that for the end. */
class EndsReadsAtClosing extends InMemoryBackend {
  override async readAll(query: LogQuery): Promise<EventPage> {
    this.assertOpen('readAll');
    await aTurn();
    if (this.isOpen) return super.readAll(query);
    return { events: [], through: Math.max(query.after, query.upTo), atEnd: true };
  }
}

/** Starts anew each time it is opened. */
class ForgetsAtClosing extends ArrayBackend {
  protected override async onOpen(): Promise<void> {
    Object.assign(this.data, new ArrayData());
    await super.onOpen();
  }
}

class OtherStats extends InMemoryBackend {
  reads = 0;
  commits = 0;

  constructor(private readonly change: (stats: BackendStats, backend: OtherStats) => BackendStats) {
    super();
  }

  override readStream(query: StreamQuery): Promise<EventPage> {
    this.reads++;
    return super.readStream(query);
  }

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    this.commits++;
    return super.append(commit);
  }

  override async stats(): Promise<BackendStats> {
    return this.change(await super.stats(), this);
  }
}

const anyPlan = 'any plan of appends, repeats, reads, records and reopenings comes to what the contract says';

export const brokenLives: readonly Broken[] = [
  broken('is not closed after close', () => new NeverClosed(), [
    'a backend refuses every call before it is opened and after it is closed',
    'a method of the backend, too, rejects and never throws synchronously',
  ]),
  broken('closes with the first of its stores', () => new ClosesWithTheFirst(), [
    'two stores on one backend: it closes with the last of them',
  ]),
  broken('throws synchronously', () => new ThrowsAtOnce(), [
    'a method of the backend, too, rejects and never throws synchronously',
  ]),
  broken('acknowledges commits that its closing cut off', () => new DropsCommitsInFlight(), [
    'a backend closes after the commits in flight, and keeps what it acknowledged',
  ]),
  broken('takes its closing for the end of what there is to read', () => new EndsReadsAtClosing(), [
    'a page that is read while the backend closes holds every event it says to have passed, or is StoreClosedError',
  ]),
  broken('starts anew when it is opened again', () => new ForgetsAtClosing(), [
    'what was acknowledged is there when the place is opened again',
    'everything is found again: events, places, ids, times, streams, head',
    'records survive when the place is opened again, and stay deleted',
    'snapshots survive when the place is opened again',
    'appends go on where they left off: versions, positions, expectations',
    'a store closed at any moment: what was acknowledged is there afterwards, and nothing else',
    anyPlan,
  ]),
  broken(
    'counts streams that were only read',
    () =>
      new OtherStats((stats, { reads }) => ({
        ...stats,
        totalAggregates: stats.totalAggregates + Math.min(reads, 1),
      })),
    [
      'reading an unknown stream makes no stream of it',
      'what is refused, repeated or only read changes no figure',
    ],
  ),
  broken(
    'counts commits for events',
    () => new OtherStats((stats, { commits }) => ({ ...stats, totalEvents: commits })),
    [
      'totalEvents, totalAggregates and totalSnapshots count events, streams with events, and snapshots',
      'records have no position, are delivered to nobody, and count in no figure about events',
      anyPlan,
    ],
  ),
  broken(
    'gives numbers where strings are promised',
    () =>
      new OtherStats((stats) => ({
        ...stats,
        backendSpecific: { ...stats.backendSpecific, totalIngested: stats.totalEvents as never },
      })),
    ['backendSpecific holds strings, backendType, totalIngested and uptime among them'],
  ),
  broken(
    'counts what was ingested before it was opened',
    () =>
      new OtherStats((stats) => ({
        ...stats,
        backendSpecific: { ...stats.backendSpecific, totalIngested: String(stats.totalEvents) },
      })),
    ['totals survive when the place is opened again; totalIngested counts from the opening'],
  ),
  sharedByAllPlaces(),
];

function sharedByAllPlaces(): Broken {
  const data = new Map<string, InMemoryBackend>();
  return broken(
    'shares its data between places',
    () => new InMemoryBackend(),
    ['another place is another store: it can neither read nor write what is here'],
    {
      // A line's places begin with the same name, so that only the places of one line are mixed up.
      open(place) {
        const line = place.slice(0, 41);
        const held = data.get(line) ?? new InMemoryBackend();
        data.set(line, held);
        return held;
      },
    },
  );
}
