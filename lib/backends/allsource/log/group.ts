/** The commits that are made durable together, by one write and one sync. */
import type { AppendResult, Commit } from '../../../core/commit.js';
import type { LiveStream } from '../live/live-streams.js';
import { Settling } from '../settling.js';
import { GrowingBuffer } from './growing-buffer.js';

/** A commit that has its place in the log, and is not durable yet. */
export interface StagedCommit {
  readonly commit: Commit;
  /** The stream of each of its parts. */
  readonly streams: readonly LiveStream[];
  readonly results: readonly AppendResult[];
  readonly sequence: number;
  readonly firstPosition: number;
  readonly events: number;
  readonly bodyBytes: number;
  readonly crc: number;
  /** By how many snapshots there will be more. */
  readonly moreSnapshots: number;
  readonly resolve: (results: readonly AppendResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** More than this is not held on to between groups. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
const FIRST_BYTES = 256 * 1024;

export class Group {
  readonly buffer = new GrowingBuffer(FIRST_BYTES);
  commits: StagedCommit[] = [];
  /** Settles once all its commits are settled. */
  settled = new Settling();

  get isEmpty(): boolean {
    return this.commits.length === 0;
  }

  clear(): void {
    this.buffer.clear(KEPT_BYTES_MAX);
    this.commits = [];
    this.settled = new Settling();
  }
}
