/**
 * Makes commits durable, in groups: while one group is being synced, the next one collects, without any timer.
 *
 * A commit is staged first: it gets its place and its frame, and what comes after it is decided on that basis. It is
 * published, and its caller told, once the sync that covers its frame has returned. What fails before anything reached
 * the disk is taken back; after a failed write or sync nobody knows what is on the disk, and nothing is written any more.
 */
import type { AppendResult, Commit } from '../../../core/commit.js';
import { AppendOutcomeUnknownError } from '../../../core/errors/append.errors.js';
import { Limits } from '../../../core/limits.js';
import { DiskFullError, StoreFailedError } from '../allsource.errors.js';
import { isDiskFull } from '../files/store-directory.js';
import type { LiveStream } from '../live/live-streams.js';
import { DelayedSync } from './delayed-sync.js';
import { encodeFrame } from './frame.js';
import { Group, type StagedCommit } from './group.js';
import type { LogEnd, LogSegment } from './log-segment.js';
import { type ChainOwner, SegmentChain } from './segment-chain.js';
import type { SegmentFiles } from './segment-files.js';
import type { SyncTiming } from './sync-timing.js';

/** When a commit is acknowledged. */
export type Durability = 'commit' | 'interval' | 'memory';

export interface LogOptions {
  readonly durability: Durability;
  /** With `interval`: how long what was acknowledged may wait for its sync. */
  readonly syncEveryMs: number;
  /** Size of a file of the log. */
  readonly walSegmentBytes: number;
}

/** Who uses the log. */
export interface LogOwner extends ChainOwner {
  /** Why the store is not this process's any more, if so. */
  loss(): Error | undefined;
  /** A commit may be seen from now on. */
  publish(commit: StagedCommit): void;
  /** All commits of a group have been published. */
  published(): void;
  /** A commit will never be: its streams are as they were. */
  takeBack(commit: StagedCommit): void;
}

export class WriteAheadLog {
  /** Counted since the opening. */
  readonly counts = { groups: 0, syncs: 0, commits: 0 };
  readonly #chain: SegmentChain;
  /** Behind the last staged commit. */
  #staged: LogEnd;
  /** Behind the last published commit. */
  #published: LogEnd;
  /** The last synced commit. */
  #durable: number;
  #collecting = new Group();
  #resting = new Group();
  #flying: Group | undefined;
  #isScheduled = false;
  #failure: StoreFailedError | undefined;
  #stopped: StoreFailedError | undefined;
  readonly #delayedSync: DelayedSync;

  /** @param segments those that are not sealed, in order; the last one takes the commits */
  constructor(
    files: SegmentFiles,
    private readonly owner: LogOwner,
    private readonly timing: SyncTiming,
    private readonly options: LogOptions,
    segments: readonly LogSegment[],
  ) {
    this.#chain = new SegmentChain(files, owner, options.walSegmentBytes, segments);
    this.#staged = this.#published = this.#active.end;
    this.#durable = this.#staged.sequence;
    this.#delayedSync = new DelayedSync(options.syncEveryMs, () => this.#syncActive());
  }

  /** Those that are not sealed, in order. */
  get segments(): readonly LogSegment[] {
    return this.#chain.segments;
  }

  get durableThrough(): number {
    return this.#durable;
  }

  /** What is in the log is not known any more. */
  get failure(): StoreFailedError | undefined {
    return this.#failure;
  }

  /** Why no more commits are taken, if so. */
  get refusal(): StoreFailedError | undefined {
    return this.#failure ?? this.#stopped;
  }

  /** Bytes of frames in the files of the log. */
  get bytes(): number {
    return this.#chain.bytes;
  }

  /** Waits while as much is staged as one group may hold. */
  async room(): Promise<void> {
    while (this.isFull) await this.settled();
  }

  /** Whether `room` has to be waited for. */
  get isFull(): boolean {
    return this.#collecting.buffer.length >= Limits.groupBytesMax && this.#failure === undefined;
  }

  /** Whether commits are staged that readers may not see yet. */
  get hasStaged(): boolean {
    return this.#staged.sequence !== this.#published.sequence;
  }

  /** Resolves when all that is staged now is settled. */
  settled(): Promise<void> {
    if (!this.#collecting.isEmpty) return this.#collecting.settled.promise;
    return this.#flying?.settled.promise ?? Promise.resolve();
  }

  /** Gives a commit its place, behind everything staged before. Its expectations have been checked. */
  stage(
    commit: Commit,
    streams: readonly LiveStream[],
    moreSnapshots: number,
  ): Promise<readonly AppendResult[]> {
    const sequence = this.#staged.sequence + 1;
    const firstPosition = this.#staged.position + 1;
    const { buffer } = this.#collecting;
    const start = buffer.length;
    const crc = encodeFrame(buffer, commit, {
      previousCrc: this.#staged.crc,
      epoch: this.owner.epoch,
      sequence,
      firstPosition,
      durableThrough: this.#durable,
      streams,
    });
    let { position } = this.#staged;
    const results = commit.streams.map(({ streamId, events }, i) => {
      const stream = streams[i] as LiveStream;
      const fromVersion = stream.version + 1;
      position += events.length;
      stream.version += events.length;
      stream.lastPosition = position;
      return { streamId, fromVersion, version: stream.version, position, idempotent: false };
    });
    this.#staged = { sequence, position, crc };
    return new Promise((resolve, reject) => {
      this.#collecting.commits.push({
        commit,
        streams,
        results,
        sequence,
        firstPosition,
        events: position - firstPosition + 1,
        bodyBytes: buffer.view.getUint32(start + 8, true),
        crc,
        moreSnapshots,
        resolve,
        reject,
      });
      this.#schedule();
    });
  }

  /** Begins a new file, if the last one holds anything, so that everything before can be sealed. */
  async cut(): Promise<void> {
    // Between two groups; whoever waits until nothing is staged may wait for ever.
    while (this.#flying !== undefined) await this.#flying.settled.promise;
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#active.hasFrames) return;
    try {
      this.#rotate(0);
    } catch (error) {
      // The commits that wait need no new file.
      if (isDiskFull(error)) throw new DiskFullError(this.#chain.directory, { cause: error });
      throw this.#takeBackAll(error);
    }
  }

  /** Lets go of files that have been sealed. Resolves when they are closed. */
  async release(sealed: readonly LogSegment[]): Promise<void> {
    this.#chain.remove(sealed);
    await this.#delayedSync.idle();
    for (const segment of sealed) segment.close();
  }

  /** Syncs what was acknowledged before it was synced. */
  async sync(): Promise<void> {
    const { sequence } = this.#published;
    while (this.#durable < sequence && this.#failure === undefined) {
      await this.#delayedSync.now();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Takes no more commits, since a file beside the log could not be written; what it has taken stays sound. */
  stop(path: string, cause: unknown): void {
    this.#stopped ??= new StoreFailedError(path, { cause });
  }

  /** Ends after the commits in flight. */
  async close(): Promise<void> {
    while (this.hasStaged && this.#failure === undefined) await this.settled();
    this.#delayedSync.cancel();
    await this.sync().catch(() => undefined);
    await this.#delayedSync.idle();
    await this.#chain.close();
  }

  get #active(): LogSegment {
    return this.#chain.active;
  }

  /**
   * The group is written when the event loop comes round: by then all who append in this turn have done so, and
   * between two groups sockets and timers have had their turn.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#flying !== undefined) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#write();
    });
  }

  #write(): void {
    if (this.#flying !== undefined || this.#collecting.isEmpty || this.#failure !== undefined) return;
    const group = this.#collecting;
    this.#collecting = this.#resting;
    this.#flying = group;
    const { bytes, length } = group.buffer;
    try {
      if (this.#active.room < length) this.#rotate(length);
    } catch (error) {
      this.#takeBackAll(error);
      return;
    }
    const active = this.#active;
    const { file, endOffset } = active;
    if (this.options.durability === 'commit' && this.timing.takeThread()) {
      void file.writeOnThread(bytes, 0, length, endOffset).then(
        () =>
          file.syncOnThread().then(
            () => this.#wasWritten(group, true),
            (error: unknown) => this.#fail(file.path, error),
          ),
        (error: unknown) => this.#couldNotWrite(error),
      );
      return;
    }
    let isSyncing = false;
    try {
      const start = this.timing.start();
      file.write(bytes, 0, length, endOffset);
      if (this.options.durability === 'commit') {
        isSyncing = true;
        file.sync();
        this.timing.end(start);
      }
    } catch (error) {
      if (isSyncing) this.#fail(file.path, error);
      else this.#couldNotWrite(error);
      return;
    }
    this.#wasWritten(group, this.options.durability === 'commit');
  }

  #wasWritten(group: Group, synced: boolean): void {
    const active = this.#active;
    const loss = this.owner.loss();
    if (loss !== undefined) {
      this.#fail(active.file.path, loss);
      return;
    }
    if (synced) this.counts.syncs++;
    this.counts.groups++;
    try {
      for (const staged of group.commits) {
        active.addFrame(staged);
        this.owner.publish(staged);
        staged.resolve(staged.results);
      }
    } catch (error) {
      // It is durable, and cannot be shown: the next opening can.
      this.#fail(active.file.path, error);
      return;
    }
    this.counts.commits += group.commits.length;
    this.#published = active.end;
    if (synced || this.options.durability === 'memory') this.#durable = active.end.sequence;
    else this.#delayedSync.later();
    this.#flying = undefined;
    this.#resting = group;
    group.settled.done();
    group.clear();
    this.owner.published();
    if (!this.#collecting.isEmpty) this.#schedule();
    this.#chain.lookAhead();
  }

  /**
   * A full disk is met before anything counts; then what part of the group may have been written is wiped out. Not so
   * when a sync met it: no file is synced again after that.
   */
  #couldNotWrite(error: unknown): void {
    const active = this.#active;
    if (isDiskFull(error)) {
      try {
        const zeros = Buffer.alloc(this.#flying?.buffer.length ?? 0);
        const bytes = Math.min(zeros.length, Math.max(0, active.file.size() - active.endOffset));
        active.file.write(zeros, 0, bytes, active.endOffset);
        active.file.sync();
        this.#takeBackAll(error);
        return;
      } catch {
        // Then it is not known what is on the disk.
      }
    }
    this.#fail(active.file.path, error);
  }

  #fail(path: string, error: unknown): void {
    this.#failure ??= new StoreFailedError(path, { cause: error });
    const written = this.#flying;
    this.#reject(this.#collecting, () => this.#failure as StoreFailedError);
    this.#reject(written, (ids) => new AppendOutcomeUnknownError(ids, { cause: error }));
    this.#staged = this.#published;
  }

  /** Nothing of what is staged was written. */
  #takeBackAll(error: unknown): Error {
    const { directory } = this.#chain;
    const reason = isDiskFull(error)
      ? new DiskFullError(directory, { cause: error })
      : (this.#failure = new StoreFailedError(directory, { cause: error }));
    const written = this.#flying;
    this.#staged = this.#published;
    this.#reject(this.#collecting, () => reason);
    this.#reject(written, () => reason);
    return reason;
  }

  /** Those staged last are taken back first. */
  #reject(group: Group | undefined, reason: (eventIds: readonly string[]) => Error): void {
    if (group === undefined) return;
    if (group === this.#flying) {
      this.#flying = undefined;
      this.#resting = group;
    }
    const { commits, settled } = group;
    group.clear();
    for (const staged of commits.toReversed()) this.owner.takeBack(staged);
    for (const { commit, reject } of commits) {
      reject(reason(commit.streams.flatMap(({ events }) => events.map(({ id }) => id))));
    }
    settled.done();
  }

  /** @param bytes what the new file has to hold */
  #rotate(bytes: number): void {
    const previous = this.#active;
    if (this.#durable < previous.end.sequence && this.options.durability !== 'memory') {
      try {
        previous.file.sync();
      } catch (error) {
        // Never a full disk that changes nothing: what was acknowledged may be lost.
        throw new StoreFailedError(previous.file.path, { cause: error });
      }
      this.counts.syncs++;
      this.#durable = previous.end.sequence;
    }
    this.#chain.begin(bytes, this.#durable);
  }

  async #syncActive(): Promise<void> {
    if (this.#failure !== undefined) return;
    const active = this.#active;
    const { sequence } = active.end;
    try {
      await active.file.syncOnThread();
      this.counts.syncs++;
      this.#durable = Math.max(this.#durable, sequence);
    } catch (error) {
      this.#fail(active.file.path, error);
    }
    if (this.#durable < this.#published.sequence && this.#failure === undefined) {
      // What came while it ran waits for the next one.
      setImmediate(() => this.#delayedSync.later());
    }
  }
}
