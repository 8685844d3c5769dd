/** A store that is open: the log that makes commits durable, what readers see of them, and what seals them. */
import type { AppendResult, Commit, KeyedRecord, StreamCommit } from '../../core/commit.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { Limits } from '../../core/limits.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import type { StoredEvent } from '../../core/stored-event.js';
import { StorageUnavailableError, StoreLockedError } from './allsource.errors.js';
import type { AllSourceSettings } from './allsource-options.js';
import { CommitStage } from './commit-stage.js';
import { EventReader } from './event-reader.js';
import type { JobRunner } from './jobs/job.js';
import { EventIdWindow } from './live/event-id-window.js';
import type { LiveStream } from './live/live-streams.js';
import { RecentEvents } from './live/recent-events.js';
import type { StagedCommit } from './log/group.js';
import type { LogSegment } from './log/log-segment.js';
import type { SyncTiming } from './log/sync-timing.js';
import { WriteAheadLog } from './log/write-ahead-log.js';
import type { OpenedStore } from './opening/open-store.js';
import type { StoreFiles } from './files/store-files.js';
import { storageError } from './files/store-directory.js';
import { ListedFiles } from './listed-files.js';
import { GROUP_EVENTS_MAX, RESERVED_POSITIONS, reservesPositions } from './reserved-positions.js';
import { Sealing } from './sealing.js';
import { StoreManifest } from './sealed/store-manifest.js';

/** Whose store it is. */
export interface StoreOwner {
  /** Whether nobody has taken the directory over. */
  isHeld(): boolean;
  /** Commits have become visible. */
  wake(): void;
}

export class AllSourceStore {
  readonly log: WriteAheadLog;
  readonly listed: ListedFiles;
  readonly sealing: Sealing;
  readonly manifest: StoreManifest;
  readonly opened: OpenedStore;
  ingested = 0;
  readonly #reader: EventReader;
  readonly #stage: CommitStage;
  readonly #recent: RecentEvents;
  readonly #ids = new EventIdWindow(Limits.duplicateWindowEvents);
  readonly #settings: AllSourceSettings;
  #streams: number;
  #events: number;
  #isFollowed = false;
  #isClosing = false;

  constructor(
    readonly files: StoreFiles,
    settings: AllSourceSettings,
    opened: OpenedStore,
    runner: JobRunner,
    readonly timing: SyncTiming,
    private readonly owner: StoreOwner,
  ) {
    this.opened = opened;
    this.#settings = settings;
    const { live, records, sealed } = opened;
    this.manifest = new StoreManifest(files, opened.manifest, () => this.loss());
    this.log = new WriteAheadLog(opened.segmentFiles, this, timing, settings, opened.log);
    this.#recent = new RecentEvents(settings.recentCacheBytes);
    this.#reader = new EventReader(live, this.#recent, sealed, this.log);
    this.#reader.head = opened.usedPosition;
    this.#streams = live.count;
    this.#events = sealed.events + opened.report.eventsInLog;
    this.listed = new ListedFiles(files, opened, this.manifest);
    this.sealing = new Sealing(files, settings, opened, this.log, this.manifest, this.listed, runner);
    this.#stage = new CommitStage(
      this.log,
      live,
      records,
      this.#ids,
      {
        versions: (streamId, from, through) =>
          this.#reader.readStream({
            streamId,
            fromVersion: from,
            toVersion: through,
            direction: 'forward',
            limit: through - from + 1,
          }).events,
        newest: (count) => this.#newest(count),
      },
      this.sealing,
    );
  }

  loss(): StoreLockedError | undefined {
    if (this.owner.isHeld()) return undefined;
    return new StoreLockedError(
      this.files.directory.path,
      'a process that opened it after this one, or its LOCK was removed',
    );
  }

  get store(): string {
    return this.manifest.current.store;
  }

  get epoch(): number {
    return this.manifest.current.epoch;
  }

  get head(): number {
    return this.#reader.head;
  }

  get totals(): { readonly events: number; readonly streams: number; readonly snapshots: number } {
    return { events: this.#events, streams: this.#streams, snapshots: this.opened.records.snapshots };
  }

  /**
   * For long work between its steps: closing waits for no more than one of them.
   * @throws StoreClosedError
   */
  assertOpen(operation: string): void {
    if (this.#isClosing) throw new StoreClosedError(operation);
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    if (this.#isClosing) return Promise.reject(new StoreClosedError('append'));
    return this.#stage.append(commit);
  }

  /** Whether somebody reads events as they come, so that the newest are worth keeping. */
  follow(isFollowed: boolean): void {
    this.#isFollowed = isFollowed;
    if (!isFollowed) this.#recent.clear();
  }

  readStream(query: StreamQuery): EventPage {
    return this.#reading(() => this.#reader.readStream(query));
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    try {
      return await this.#reader.readAll(query);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  readRecord(collection: string, key: string): string | null {
    this.#reader.assertOpen('readRecord');
    return this.#reading(() => this.opened.records.get(collection, key));
  }

  readRecords(
    collection: string,
    query: Parameters<OpenedStore['records']['list']>[1],
  ): readonly KeyedRecord[] {
    this.#reader.assertOpen('readRecords');
    return this.#reading(() => this.opened.records.list(collection, query));
  }

  /** Makes everything acknowledged durable, and seals it. */
  async flush(): Promise<void> {
    await this.log.sync();
    await this.sealing.sealAll();
  }

  /** Ends after the commits in flight; whatever cannot be written any more stays as it is. */
  async close(): Promise<void> {
    try {
      await this.#stage.drained();
      // What comes later than this would not be sealed any more.
      this.#isClosing = true;
      // Without a log that outlives the process this is the only copy.
      if (!this.files.logIsListed) await this.#sealLast();
    } finally {
      this.#reader.close();
      await this.sealing.close();
      await this.log.close();
      this.#noteEnd();
      await this.opened.sealed.close();
      this.opened.records.close();
    }
  }

  async #sealLast(): Promise<void> {
    while (this.log.hasStaged && this.log.failure === undefined) await this.log.settled();
    try {
      await this.flush();
    } catch (cause) {
      const { position } = this.manifest.current.sealed;
      throw new StorageUnavailableError(
        this.files.directory.path,
        `what came after position ${position} was in memory only, and is lost: it could not be sealed`,
        { cause },
      );
    }
  }

  publish({ commit, streams, results, firstPosition, moreSnapshots }: StagedCommit): void {
    const { live, records } = this.opened;
    let nextPosition = firstPosition;
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i] as LiveStream;
      const part = commit.streams[i] as StreamCommit;
      const { version, position } = results[i] as AppendResult;
      if (stream.visible === 0) this.#streams++;
      // What nobody follows, keeps or asks for is found in the log when it is read.
      if (this.#isFollowed || stream.events !== undefined || this.#ids.isInUse) {
        const events = storedEvents(part, version, nextPosition, commit.recordedAt);
        live.extend(stream, events);
        for (const event of events) {
          if (this.#isFollowed) this.#recent.add(event);
          if (this.#ids.isInUse) this.#ids.add(event);
        }
      }
      stream.visible = version;
      stream.visiblePosition = position;
      nextPosition = position + 1;
    }
    const count = nextPosition - firstPosition;
    this.#events += count;
    this.ingested += count;
    if (commit.records.length > 0) {
      records.publish(commit.records, this.log.segments.at(-1) as LogSegment, moreSnapshots);
    }
    if (count > 0) this.#reader.head = nextPosition - 1;
  }

  published(): void {
    try {
      this.#reserve();
    } catch (error) {
      // The next group tries again, as long as it cannot use more than is left.
      const left = this.manifest.current.reservedThrough - this.#reader.head;
      if (left < GROUP_EVENTS_MAX) this.log.stop(this.files.directory.manifest, error);
    }
    this.owner.wake();
    this.sealing.consider();
  }

  takeBack({ commit, streams }: StagedCommit): void {
    for (const [i, stream] of streams.entries()) {
      this.opened.live.rollBack(commit.streams[i]?.streamId ?? '', stream);
    }
    this.opened.records.takeBack();
  }

  listLog(segments: readonly LogSegment[]): void {
    if (!this.files.logIsListed) return;
    this.manifest.change({ log: segments.map(({ name }) => name) });
  }

  /** In modes that may lose their tail no position may be used that another life has given already. */
  #reserve(): void {
    if (!reservesPositions(this.#settings)) return;
    const { reservedThrough } = this.manifest.current;
    if (this.#reader.head + RESERVED_POSITIONS / 2 < reservedThrough) return;
    this.manifest.change({ reservedThrough: this.#reader.head + RESERVED_POSITIONS });
  }

  /** So that the next opening notices if anything is missing. Without this word it is careful, as after a crash. */
  #noteEnd(): void {
    if (this.log.failure !== undefined) return;
    const { end } = this.log.segments.at(-1) as LogSegment;
    try {
      this.manifest.change({
        durableThrough: this.files.logIsListed
          ? this.log.durableThrough
          : this.manifest.current.sealed.sequence,
        reservedThrough: Math.max(this.opened.usedPosition, end.position),
      });
    } catch {
      // The disk is full or gone; what was acknowledged is in the log.
    }
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): unknown {
    return storageError(error, this.files.directory.path, 'it cannot be read');
  }

  async *#newest(count: number): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { head } = this.#reader;
    let left = count;
    for (let upTo = head; upTo > 0 && left > 0;) {
      const { events, through, atEnd } = await this.#reader.readAll({
        after: 0,
        upTo,
        direction: 'backward',
        limit: Math.min(left, Limits.pageScanEventsMax),
      });
      yield events;
      left -= events.length;
      if (atEnd) return;
      upTo = through - 1;
    }
  }
}

/** @param version of the last of them @param firstPosition of the first */
function storedEvents(
  { streamId, events }: StreamCommit,
  version: number,
  firstPosition: number,
  recordedAt: number,
): StoredEvent[] {
  const firstVersion = version - events.length + 1;
  return events.map(({ id, type, schemaVersion, data, metadata }, i) => ({
    id,
    streamId,
    version: firstVersion + i,
    position: firstPosition + i,
    type,
    schemaVersion,
    data,
    metadata,
    recordedAt,
  }));
}
