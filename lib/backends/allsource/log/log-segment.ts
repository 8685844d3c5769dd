/**
 * One file of the write-ahead log, and where its frames are.
 *
 * The file is made of zeros and synced before it is used: writing into it then changes no metadata of the file system,
 * which makes a sync a third faster, and a full disk is met when the file is made and not in the middle of a commit.
 * Of each frame its offset is kept, until the segment is sealed.
 */
import type { StoredEvent } from '../../../core/stored-event.js';
import { StoreCorruptedError } from '../allsource.errors.js';
import type { OpenFile } from '../files/file-system.js';
import { firstIndex } from '../first-index.js';
import { eventsOf, eventsOfStream } from './frame-contents.js';
import { FRAME_HEADER_BYTES, frameBytes, type FrameHeader, readFrameHeader } from './frame.js';
import { SEGMENT_HEADER_BYTES, type SegmentStart } from './segment-header.js';
import { crc32 } from 'node:zlib';

/** Bytes read at once for a page of events. */
const READ_BYTES = 256 * 1024;

/** Where the last frame of a stretch of the log ends. */
export interface LogEnd {
  readonly sequence: number;
  readonly position: number;
  /** The checksum of the last frame. */
  readonly crc: number;
}

export class LogSegment {
  /** Behind its last frame. */
  end: LogEnd;
  /** The offset behind its last frame. */
  endOffset = SEGMENT_HEADER_BYTES;
  /** Snapshots in the store after its last frame. */
  snapshots = 0;
  /** Offsets of the frames that hold events. */
  readonly #offsets: number[] = [];
  /** The position of the first event of each of these frames. */
  readonly #positions: number[] = [];
  events = 0;

  constructor(
    readonly name: string,
    readonly file: OpenFile,
    readonly start: SegmentStart,
  ) {
    this.end = {
      sequence: start.firstSequence - 1,
      position: start.firstPosition - 1,
      crc: start.previousCrc,
    };
  }

  get hasFrames(): boolean {
    return this.endOffset > SEGMENT_HEADER_BYTES;
  }

  /** Bytes of frames that it can still take. */
  get room(): number {
    return this.start.capacity - this.endOffset;
  }

  /** Takes note of the next frame, which begins at `endOffset`. */
  addFrame(header: Pick<FrameHeader, 'bodyBytes' | 'events' | 'sequence' | 'firstPosition' | 'crc'>): void {
    if (header.events > 0) {
      this.#offsets.push(this.endOffset);
      this.#positions.push(header.firstPosition);
      this.events += header.events;
    }
    this.endOffset += frameBytes(header);
    this.end = {
      sequence: header.sequence,
      position: header.firstPosition + header.events - 1,
      crc: header.crc,
    };
  }

  /** Events from a position on, at least one and at most `limit`, as far as one read of the file goes. */
  readFrom(position: number, limit: number): StoredEvent[] {
    let frame = this.#frameOf(position);
    const start = this.#offsets[frame] as number;
    const chunk = this.#read(start, this.#sizeOfChunk(frame));
    const events: StoredEvent[] = [];
    for (let at = 0; events.length < limit && frame < this.#offsets.length; frame++) {
      at = (this.#offsets[frame] as number) - start;
      const found = this.#frameIn(chunk, at, start);
      if (found === undefined) break;
      for (const event of eventsOf(found.header, found.body)) {
        if (event.position >= position && events.length < limit) events.push(event);
      }
    }
    return events;
  }

  /** The events of one stream in the frame that holds `position`, and the position of the stream's event before. */
  readStreamAt(
    streamId: string,
    position: number,
  ): { readonly events: StoredEvent[]; readonly previousPosition: number } {
    const frame = this.#frameOf(position);
    const start = this.#offsets[frame] as number;
    const end = this.#offsets[frame + 1] ?? this.endOffset;
    const found = this.#frameIn(this.#read(start, end - start), 0, start);
    const part = found && eventsOfStream(found.header, found.body, streamId);
    if (part === undefined) throw this.#damaged(start, `it does not hold stream "${streamId}"`);
    return part;
  }

  close(): void {
    this.file.close();
  }

  /** The index of the frame that holds a position. */
  #frameOf(position: number): number {
    const behind = firstIndex(this.#positions.length, (i) => (this.#positions[i] as number) > position);
    return Math.max(behind - 1, 0);
  }

  /** A whole frame at least, and otherwise about as much as is read at once. */
  #sizeOfChunk(frame: number): number {
    const start = this.#offsets[frame] as number;
    const frameEnd = this.#offsets[frame + 1] ?? this.endOffset;
    return Math.max(frameEnd - start, Math.min(READ_BYTES, this.endOffset - start));
  }

  #read(offset: number, bytes: number): Buffer {
    const chunk = Buffer.allocUnsafe(bytes);
    const got = this.file.read(chunk, 0, bytes, offset);
    if (got < bytes) throw this.#damaged(offset + got, 'the file ends here');
    return chunk;
  }

  /** `undefined` where the chunk does not hold the whole frame. */
  #frameIn(
    chunk: Buffer,
    at: number,
    chunkOffset: number,
  ): { readonly header: FrameHeader; readonly body: Buffer } | undefined {
    if (at + FRAME_HEADER_BYTES > chunk.length) return undefined;
    const header = readFrameHeader(chunk, at);
    if (header === undefined) throw this.#damaged(chunkOffset + at, 'the header of a frame is damaged');
    const bodyStart = at + FRAME_HEADER_BYTES;
    if (bodyStart + header.bodyBytes > chunk.length) return undefined;
    const body = chunk.subarray(bodyStart, bodyStart + header.bodyBytes);
    if (crc32(body) !== header.bodyCrc)
      throw this.#damaged(chunkOffset + at, 'the body of a frame is damaged');
    return { header, body };
  }

  #damaged(offset: number, what: string): StoreCorruptedError {
    return new StoreCorruptedError(
      this.file.path,
      offset,
      what,
      'the events that were to be read from there',
    );
  }
}
