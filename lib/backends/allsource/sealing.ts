/**
 * Turns the log into sealed segments and runs, and small ones into large ones, one job at a time and beside everything
 * else. What a job has made counts from the moment the manifest lists it; what it was made of is removed after that.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { TIMER_MS_MAX } from '../../core/clock.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { Limits } from '../../core/limits.js';
import { DiskFullError } from './allsource.errors.js';
import type { AllSourceSettings } from './allsource-options.js';
import type { JobPlaces, JobRunner, LogSource } from './jobs/job.js';
import type { LogSegment } from './log/log-segment.js';
import type { WriteAheadLog } from './log/write-ahead-log.js';
import type { ListedFiles } from './listed-files.js';
import { mergeable } from './mergeable.js';
import type { OpenedStore } from './opening/open-store.js';
import type { StoreFiles } from './files/store-files.js';
import { readWhole, storageError } from './files/store-directory.js';
import type { RunEntry, SegmentEntry } from './sealed/manifest.js';
import { pathsOf, runName, runPath, segmentPaths } from './sealed/sealed-names.js';
import type { StoreManifest } from './sealed/store-manifest.js';
import { Settling } from './settling.js';

export class Sealing {
  /** Counted since the opening. */
  readonly counts = { seals: 0, merges: 0, failures: 0 };
  /** Why the last round could not seal or merge, if so; the next one tries again. */
  lastError: Error | undefined;
  /** The log cannot be made shorter at the moment, so nobody waits for that. */
  #cannotSeal = false;
  #working: Promise<void> | undefined;
  #isClosed = false;
  #isBehind = false;
  #progress = new Settling();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly files: StoreFiles,
    private readonly settings: AllSourceSettings,
    private readonly opened: OpenedStore,
    private readonly log: WriteAheadLog,
    private readonly manifest: StoreManifest,
    private readonly listed: ListedFiles,
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
    if (!this.#seals || this.#isClosed) return;
    this.#noteProgress();
    if (this.log.failure !== undefined) return;
    if (this.#isDue && !this.#cannotSeal) {
      this.#startUnawaited();
      return;
    }
    const delayMs = Math.min(
      this.settings.sealAfterMs,
      this.#cannotSeal ? Limits.sealRetryDelayMs : Infinity,
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
      for (let inVain = 0; this.manifest.current.sealed.sequence < sequence;) {
        if (this.#isClosed) throw new StoreClosedError('flush');
        const before = this.manifest.current.sealed.sequence;
        await this.#start();
        // The first round may have been running, and past its sealing.
        inVain = this.manifest.current.sealed.sequence > before ? 0 : inVain + 1;
        assert(
          inVain < 2 || this.#isClosed,
          'a round of sealing ended without an error, and has sealed nothing',
        );
      }
    });
  }

  /** Seals what is there, and merges until nothing is left to merge or the log has to be sealed again. */
  async mergeAll(): Promise<void> {
    if (!this.#seals || this.#isClosed) return;
    await keepingAlive(() => this.#start());
    if (this.lastError !== undefined) throw this.lastError;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#noteProgress();
    await this.runner.close();
    await this.#working?.catch(() => undefined);
    await this.listed.settled();
  }

  /** Those who wait for sealing look again whether they have to. */
  #noteProgress(): void {
    const isSealable = !this.#cannotSeal && this.log.failure === undefined;
    this.#isBehind = isSealable && this.log.bytes > this.settings.walBytesMax;
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

  /** @throws what keeps the log from being sealed; a merge that fails harms nothing, and is only noted */
  async #round(): Promise<void> {
    try {
      await this.#cut();
      // Not what comes meanwhile: where appends are faster than sealing, a round would never end, nor a flush.
      const newest = this.log.segments.at(-1) as LogSegment;
      while (!this.#isClosed && (await this.#seal(newest))) {
        // Until nothing but the newest file is left.
      }
      this.#cannotSeal = false;
    } catch (error) {
      this.#cannotSeal = true;
      // The one that waits may be minutes away.
      clearTimeout(this.#timer);
      this.#timer = undefined;
      throw this.#noteFailure(error, 'it cannot be sealed now, and will be tried again');
    }
    try {
      // The log comes first: it is what appends may have to wait for.
      while (!this.#isClosed && !this.#isDue && (await this.#merge())) {
        // Until nothing is left to merge.
      }
      this.lastError = undefined;
    } catch (error) {
      this.#noteFailure(error, 'what is sealed cannot be merged now, and will be tried again');
    }
  }

  #noteFailure(error: unknown, problem: string): Error {
    const failure = storageError(error, this.files.directory.path, problem);
    this.lastError = failure instanceof Error ? failure : new Error(String(failure));
    this.counts.failures++;
    this.#noteProgress();
    return this.lastError;
  }

  /**
   * Ends the file that takes commits, so that all of it can be sealed. Not where older files are there that could not be
   * sealed the last time, or for whose successor there is no space: they come first, and give theirs back.
   */
  async #cut(): Promise<void> {
    const hasOlder = this.log.segments.length > 1;
    if (this.#cannotSeal && hasOlder) return;
    try {
      await this.log.cut();
    } catch (error) {
      if (!(error instanceof DiskFullError && hasOlder)) throw error;
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
    void this.listed.replace(result, {
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
    await this.listed.remove(
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
    const closed = this.listed.replace(result, { runs });
    this.counts.merges++;
    await this.listed.remove(
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
    const closed = this.listed.replace(result, { segments });
    this.counts.merges++;
    await this.listed.remove(
      inputs.flatMap(({ name }) => pathsOf(segmentPaths(this.#places, name))),
      'sealed',
      closed,
    );
    return true;
  }

  #nextRun(): string {
    const last = this.manifest.current.runs.reduce((max, { name }) => Math.max(max, Number(name)), 0);
    return runName(Math.max(last, this.manifest.current.sealed.sequence) + 1);
  }
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
