/**
 * Turns the log into sealed segments and runs, and small ones into large ones, one job at a time and beside everything
 * else. What a job has made counts from the moment the manifest lists it; what it was made of is removed after that.
 */
import { join } from 'node:path';
import { TIMER_MS_MAX } from '../../core/clock.js';
import { Limits } from '../../core/limits.js';
import type { AllSourceSettings } from './allsource-options.js';
import type { JobPlaces, JobResult, JobRunner, LogSource } from './jobs/job.js';
import type { LogSegment } from './log/log-segment.js';
import type { WriteAheadLog } from './log/write-ahead-log.js';
import { mergeable } from './mergeable.js';
import type { OpenedStore } from './opening/open-store.js';
import type { StoreFiles } from './files/store-files.js';
import { readWhole, storageError } from './files/store-directory.js';
import type { Manifest, RunEntry, SegmentEntry } from './sealed/manifest.js';
import { pathsOf, runName, runPath, segmentPaths } from './sealed/sealed-names.js';
import { SealedSegment } from './sealed/sealed-segment.js';
import type { StoreManifest } from './sealed/store-manifest.js';
import { Settling } from './settling.js';
import { openSortedTable, type SortedTable } from './tables/sorted-table.js';

export class Sealing {
  /** Counted since the opening. */
  readonly counts = { seals: 0, merges: 0, failures: 0 };
  /** Why the last job failed, if it did; the next one tries again. */
  lastError: unknown;
  #working: Promise<void> | undefined;
  #isClosed = false;
  #isBehind = false;
  #progress = new Settling();
  #timer: NodeJS.Timeout | undefined;
  readonly #holds = new Set<Promise<void>>();
  readonly #removals = new Set<Promise<void>>();

  constructor(
    private readonly files: StoreFiles,
    private readonly settings: AllSourceSettings,
    private readonly opened: OpenedStore,
    private readonly log: WriteAheadLog,
    private readonly manifest: StoreManifest,
    private readonly runner: JobRunner,
  ) {}

  /** The log is as long as it may get, and sealing can still help: appends have to wait. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Resolves when the log has become shorter, or cannot be made so. */
  async caughtUp(): Promise<void> {
    // Why it cannot is no concern of who appends.
    await keepingAlive(async () => {
      while (this.#isBehind && !this.#isClosed) {
        const { promise } = this.#progress;
        this.#startUnawaited();
        await promise;
      }
    });
  }

  /** Seals if there is enough to seal. To be called after commits. */
  consider(): void {
    if (!this.#seals || this.#isClosed || this.log.failure !== undefined) return;
    this.#noteProgress();
    if (this.#isDue && this.lastError === undefined) {
      this.#startUnawaited();
      return;
    }
    const delayMs = Math.min(
      this.settings.sealAfterMs,
      this.lastError === undefined ? Infinity : Limits.sealRetryDelayMs,
    );
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#startUnawaited();
    }, delayMs).unref();
  }

  /** Its error is kept in `lastError`. */
  #startUnawaited(): void {
    if (this.#working === undefined) void this.#start().catch(() => undefined);
  }

  /** Seals everything that is in the log now. @throws what keeps it from being sealed */
  async sealAll(): Promise<void> {
    if (!this.#seals) return;
    const { sequence } = (this.log.segments.at(-1) as LogSegment).end;
    await keepingAlive(async () => {
      while (this.manifest.current.sealed.sequence < sequence && !this.#isClosed) await this.#start();
    });
  }

  /** Seals what is there, and merges until nothing is left to merge or the log has to be sealed again. */
  async mergeAll(): Promise<void> {
    if (this.#seals && !this.#isClosed) await keepingAlive(() => this.#start());
  }

  /** Keeps the files of the moment on disk until `work` is done. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    const done = work();
    const hold = done.then(
      () => undefined,
      () => undefined,
    );
    this.#holds.add(hold);
    try {
      return await done;
    } finally {
      this.#holds.delete(hold);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#noteProgress();
    await this.runner.close();
    await this.#working?.catch(() => undefined);
    await Promise.all(this.#holds);
    await Promise.all(this.#removals);
  }

  /** Those who wait for sealing look again whether they have to. */
  #noteProgress(): void {
    this.#isBehind = this.log.bytes > this.settings.walBytesMax && this.lastError === undefined;
    this.#progress.done();
    this.#progress = new Settling();
  }

  /** The log holds as much as is to be sealed at once. */
  get #isDue(): boolean {
    const { bytes, segments } = this.log;
    return (
      bytes >= this.settings.sealAfterBytes ||
      segments.length > Limits.logFilesMax ||
      segments.reduce((sum, segment) => sum + segment.events, 0) >= this.settings.sealAfterEvents
    );
  }

  get #seals(): boolean {
    return this.settings.path !== undefined;
  }

  get #places(): JobPlaces {
    const { segments, index, records } = this.files.directory;
    return { segments, index, records };
  }

  /** One round: seals what is there, then merges what has become too much. Callers in the meantime share it. */
  #start(): Promise<void> {
    return (this.#working ??= this.#round().finally(() => {
      this.#working = undefined;
      if (!this.#isClosed) this.consider();
    }));
  }

  async #round(): Promise<void> {
    try {
      await this.log.cut();
      // Not what comes meanwhile: where appends are faster than sealing, a round would never end, nor a flush.
      const newest = this.log.segments.at(-1) as LogSegment;
      while (!this.#isClosed && (await this.#seal(newest))) {
        // Until nothing but the newest file is left.
      }
      // The log comes first: it is what appends may have to wait for.
      while (!this.#isClosed && !this.#isDue && (await this.#merge())) {
        // Until nothing is left to merge.
      }
      this.lastError = undefined;
    } catch (error) {
      const { path } = this.files.directory;
      this.lastError = storageError(error, path, 'it cannot be sealed now, and will be tried again');
      this.counts.failures++;
      this.#noteProgress();
      throw this.lastError;
    }
  }

  /** Seals the oldest files of the log before one, as many as one segment may hold. Gives whether there were any. */
  async #seal(before: LogSegment): Promise<boolean> {
    const sealed = this.#oldest(before);
    const last = sealed.at(-1);
    if (last === undefined) return false;
    const result = await this.runner.run({
      kind: 'seal',
      places: this.#places,
      codec: this.settings.parquetCodec,
      sources: sealed.map((segment) => this.#sourceOf(segment)),
      run: this.#nextRun(),
    });
    const { segments, runs, log } = this.manifest.current;
    const names = new Set(sealed.map(({ name }) => name));
    // Nothing sealed gives way to it, so there is nothing to wait for.
    void this.#replace(result, {
      sealed: { ...last.end, snapshots: last.snapshots },
      durableThrough: Math.max(this.manifest.current.durableThrough, last.end.sequence),
      log: log.filter((name) => !names.has(name)),
      segments: result.segment === undefined ? segments : [...segments, result.segment],
      runs: result.run === undefined ? runs : [...runs, result.run],
    });
    const closed = this.log.release(sealed);
    this.opened.records.sealed(sealed);
    this.counts.seals++;
    this.#noteProgress();
    await this.#remove(
      sealed.map(({ name }) => join(this.files.directory.log, name)),
      'log',
      closed,
    );
    return true;
  }

  /** Files of the log that take no more commits, without a gap between their positions. */
  #oldest(before: LogSegment): readonly LogSegment[] {
    const found: LogSegment[] = [];
    let events = 0;
    let bytes = 0;
    for (const segment of this.log.segments) {
      if (segment === before) break;
      const previous = found.at(-1);
      const follows = previous === undefined || previous.end.position + 1 === segment.start.firstPosition;
      events += segment.events;
      bytes += segment.endOffset;
      const isTooMuch = events > Limits.segmentEventsMax || bytes > Limits.sealBytesMax;
      if (!follows || (isTooMuch && previous !== undefined)) break;
      found.push(segment);
    }
    return found;
  }

  #sourceOf(segment: LogSegment): LogSource {
    const { path } = segment.file;
    const through = segment.end.sequence;
    if (this.files.logIsListed) return { path, through };
    return { path, through, content: readWhole(this.files.log, path) };
  }

  /** Merges segments or runs, if some are to be merged. Gives whether there were any. */
  async #merge(): Promise<boolean> {
    const { segments, runs } = this.manifest.current;
    const fanIn = this.settings.mergeFanIn;
    const oldRuns = mergeable(
      runs,
      ({ file }) => file.bytes,
      fanIn,
      Infinity,
      () => true,
    );
    if (oldRuns.length > 0) return this.#mergeRuns(oldRuns);
    const follows = (a: SegmentEntry, b: SegmentEntry): boolean => a.to + 1 === b.from;
    const old = mergeable(segments, mergeWeight, fanIn, Limits.segmentEventsMax, follows);
    return old.length > 0 && this.#mergeSegments(old);
  }

  async #mergeRuns(inputs: readonly RunEntry[]): Promise<boolean> {
    const result = await this.runner.run({
      kind: 'merge-runs',
      places: this.#places,
      inputs,
      run: this.#nextRun(),
      isOldest: this.manifest.current.runs[0] === inputs[0],
    });
    if (result.run === undefined) return false;
    const runs = replaced(this.manifest.current.runs, inputs, result.run);
    const closed = this.#replace(result, { runs });
    this.counts.merges++;
    await this.#remove(
      inputs.map(({ name }) => runPath(this.#places, name)),
      'sealed',
      closed,
    );
    return true;
  }

  async #mergeSegments(inputs: readonly SegmentEntry[]): Promise<boolean> {
    const result = await this.runner.run({
      kind: 'merge-segments',
      places: this.#places,
      codec: this.settings.parquetCodec,
      inputs,
    });
    if (result.segment === undefined) return false;
    const segments = replaced(this.manifest.current.segments, inputs, result.segment);
    const closed = this.#replace(result, { segments });
    this.counts.merges++;
    await this.#remove(
      inputs.flatMap(({ name }) => pathsOf(segmentPaths(this.#places, name))),
      'sealed',
      closed,
    );
    return true;
  }

  /**
   * Readers find from now on what the manifest lists after `changes`, which is what a job has made in the place of what
   * it was made of. It is opened before it is listed: what could not be read must not count, or it would be made and
   * listed a second time. Resolves when what is no longer listed is closed.
   */
  #replace({ segment, run }: JobResult, changes: Partial<Manifest>): Promise<void> {
    const { sealed: files } = this.files;
    const { sealed, records, blocks } = this.opened;
    let made: SealedSegment | undefined;
    let table: SortedTable | undefined;
    try {
      if (segment !== undefined) {
        made = new SealedSegment(files, segmentPaths(this.#places, segment.name), segment, blocks);
      }
      if (run !== undefined) table = openSortedTable(files, runPath(this.#places, run.name), blocks);
      this.manifest.change(changes);
    } catch (error) {
      void made?.retire();
      table?.close();
      throw error;
    }
    const { segments, runs } = this.manifest.current;
    if (table !== undefined) {
      const paths = runs.map(({ name }) => runPath(this.#places, name));
      records.replaceRuns(inOrder(paths, [...records.runs, table], ({ path }) => path));
    }
    if (made === undefined) return Promise.resolve();
    const names = segments.map(({ name }) => name);
    return sealed.replace(inOrder(names, [...sealed.segments, made], ({ entry }) => entry.name));
  }

  /** Removes files that nobody needs, once they are closed: the space of an open one is given back by this thread. */
  async #remove(paths: readonly string[], which: 'log' | 'sealed', closed: Promise<void>): Promise<void> {
    const holds = [...this.#holds];
    const removed = Promise.allSettled([closed, ...holds]).then(async () => {
      // It is not listed any more, so nobody reads it; what is left of it, the next opening sets aside.
      for (const path of paths) await this.files[which].removeOnThread(path).catch(() => undefined);
      this.#removals.delete(removed);
    });
    this.#removals.add(removed);
    // Who holds the files may take its time, and may wait for this round itself.
    if (holds.length === 0) await removed;
  }

  #nextRun(): string {
    const last = this.manifest.current.runs.reduce((max, { name }) => Math.max(max, Number(name)), 0);
    return runName(Math.max(last, this.manifest.current.sealed.sequence) + 1);
  }
}

/** Those that are named, in the order of their names. */
function inOrder<T>(names: readonly string[], all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const named = new Map(all.map((one) => [nameOf(one), one]));
  return names.map((name) => named.get(name)).filter((one) => one !== undefined);
}

/** In events; where the limit of bytes comes first, in as many of them. */
function mergeWeight({ from, to, events }: SegmentEntry): number {
  return Math.max(to - from + 1, (events.bytes / Limits.segmentBytesMax) * Limits.segmentEventsMax);
}

function replaced<T>(entries: readonly T[], old: readonly T[], made: T): readonly T[] {
  const at = entries.indexOf(old[0] as T);
  return entries.toSpliced(at, old.length, made);
}

/** A worker thread lets the process end while it works; not so where somebody waits for what it does. */
async function keepingAlive(work: () => Promise<void>): Promise<void> {
  const hold = setInterval(() => undefined, TIMER_MS_MAX);
  try {
    await work();
  } finally {
    clearInterval(hold);
  }
}
