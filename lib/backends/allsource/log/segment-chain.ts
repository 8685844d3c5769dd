/** The files of the log that are not sealed yet, in order; commits go into the last one. */
import { isDiskFull } from '../files/store-directory.js';
import type { LogSegment } from './log-segment.js';
import type { SegmentFiles } from './segment-files.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';

/** Whose log it is. */
export interface ChainOwner {
  readonly store: string;
  readonly epoch: number;
  /** A file was added to the log; it may be used once this has returned. */
  listLog(segments: readonly LogSegment[]): void;
}

/** Who writes much gets larger files, and who writes little does not wait for the zeros of a large one. */
const GROWTH = 2;
/** A file that is made while commits wait is small, so that they do not wait long. */
const INLINE_SEGMENT_BYTES = 4 * 1024 * 1024;

export class SegmentChain {
  #segments: readonly LogSegment[];

  /** @param segmentBytes the size of a file that is made beforehand, at most */
  constructor(
    private readonly files: SegmentFiles,
    private readonly owner: ChainOwner,
    private readonly segmentBytes: number,
    segments: readonly LogSegment[],
  ) {
    this.#segments = segments;
  }

  get segments(): readonly LogSegment[] {
    return this.#segments;
  }

  get active(): LogSegment {
    return this.#segments[this.#segments.length - 1] as LogSegment;
  }

  get directory(): string {
    return this.files.directory;
  }

  /** Bytes of frames. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.endOffset - SEGMENT_HEADER_BYTES, 0);
  }

  /**
   * Begins a new file behind the last one.
   * @param bytes what it has to hold
   * @param durableThrough the last commit that is known to be durable
   */
  begin(bytes: number, durableThrough: number): void {
    const previous = this.active;
    const needed = SEGMENT_HEADER_BYTES + bytes;
    const spare = this.files.takeSpare(needed);
    const inline = Math.max(Math.min(INLINE_SEGMENT_BYTES, this.segmentBytes), needed);
    const start = {
      store: this.owner.store,
      epoch: this.owner.epoch,
      firstSequence: previous.end.sequence + 1,
      firstPosition: previous.end.position + 1,
      previousCrc: previous.end.crc,
      durableThrough,
      capacity: spare?.capacity ?? inline,
    };
    const made = this.files.make(start, Buffer.alloc(0), spare);
    made.snapshots = previous.snapshots;
    const segments = [...this.#segments, made];
    try {
      this.owner.listLog(segments);
    } catch (error) {
      // Whether the list was written is known only if there was no space for it.
      if (isDiskFull(error)) this.files.discard(made.file);
      throw error;
    }
    this.#segments = segments;
  }

  /** Has the next file made in time. */
  lookAhead(): void {
    const { room, start } = this.active;
    if (room < start.capacity / 2) this.files.prepare(Math.min(this.segmentBytes, start.capacity * GROWTH));
  }

  /** Takes files out that have been sealed; they are still to be closed. */
  remove(sealed: readonly LogSegment[]): void {
    this.#segments = this.#segments.filter((segment) => !sealed.includes(segment));
  }

  async close(): Promise<void> {
    await this.files.close();
    for (const segment of this.#segments) segment.close();
  }
}
