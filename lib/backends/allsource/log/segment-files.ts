/** Makes the files of the write-ahead log: of zeros, with a header, synced, and named by where they begin. */
import { join } from 'node:path';
import type { FileSystem, OpenFile } from '../files/file-system.js';
import { UNFINISHED } from '../files/store-directory.js';
import { LogSegment } from './log-segment.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentStart } from './segment-header.js';

/** Zeros are written in pieces of this size. */
const ZEROS_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(ZEROS_BYTES);
const DIGITS = 16;

/** A file of zeros without a name of its own yet. */
export interface Spare {
  readonly file: OpenFile;
  readonly capacity: number;
}

export class SegmentFiles {
  #unnamedFiles = 0;
  #spare: Spare | undefined;
  #spareMade: Promise<void> | undefined;
  #couldNotMakeSpare = false;

  constructor(
    private readonly files: FileSystem,
    readonly directory: string,
  ) {}

  /**
   * A segment of at least `capacity` bytes, durable under its name, with frames copied into it.
   * @throws what the file system throws; nothing of it is left then
   */
  make(start: SegmentStart, frames: Buffer, spare?: Spare): LogSegment {
    const { file } = spare ?? this.#zeros(start.capacity);
    try {
      const header = encodeSegmentHeader(start);
      file.write(header, 0, header.length, 0);
      if (frames.length > 0) file.write(frames, 0, frames.length, SEGMENT_HEADER_BYTES);
      file.sync();
      const name = this.#freeName(start);
      const path = join(this.directory, name);
      this.files.rename(file.path, path);
      this.files.syncDirectory(this.directory);
      file.close();
      return new LogSegment(name, this.files.open(path, 'write'), start);
    } catch (error) {
      this.discard(file);
      throw error;
    }
  }

  /** Begins to make a file of zeros on a thread, so that nobody has to wait for the next one. */
  prepare(capacity: number): void {
    // Without it a commit has to wait, and meets the fault itself where there is one.
    if (this.#couldNotMakeSpare) return;
    this.#spareMade ??= this.#makeSpare(capacity).then((isMade) => {
      if (!isMade) this.#spareMade = undefined;
      this.#couldNotMakeSpare = !isMade;
    });
  }

  /** The prepared file, if there is one and it is large enough. To be called once for each file of the log. */
  takeSpare(bytes: number): Spare | undefined {
    // On a disk that is nearly full each attempt takes the rest of it, so there is only one until the next file.
    this.#couldNotMakeSpare = false;
    const spare = this.#spare;
    if (spare === undefined || spare.capacity < bytes) return undefined;
    this.#spare = undefined;
    this.#spareMade = undefined;
    return spare;
  }

  discard(file: OpenFile): void {
    try {
      file.close();
      this.files.remove(file.path);
    } catch {
      // The next opening removes what is left of it, or sets it aside.
    }
  }

  async close(): Promise<void> {
    await this.#spareMade;
    if (this.#spare !== undefined) this.discard(this.#spare.file);
    this.#spare = undefined;
  }

  async #makeSpare(capacity: number): Promise<boolean> {
    let file: OpenFile | undefined;
    try {
      file = this.#unnamed();
      for (let at = 0; at < capacity; at += ZEROS_BYTES) {
        await file.writeOnThread(ZEROS, 0, Math.min(ZEROS_BYTES, capacity - at), at);
        // Piece by piece: the log's own sync must not wait for all of it.
        await file.syncOnThread();
      }
      this.#spare = { file, capacity };
      return true;
    } catch {
      if (file !== undefined) this.discard(file);
      return false;
    }
  }

  #zeros(capacity: number): Spare {
    const file = this.#unnamed();
    try {
      for (let at = 0; at < capacity; at += ZEROS_BYTES) {
        file.write(ZEROS, 0, Math.min(ZEROS_BYTES, capacity - at), at);
      }
    } catch (error) {
      this.discard(file);
      throw error;
    }
    return { file, capacity };
  }

  /** A file that never got a frame leaves its name taken: the next one begins at the same place. */
  #freeName(start: SegmentStart): string {
    const name = nameOf(start);
    for (let i = 0; ; i++) {
      const free = `${name}${i === 0 ? '' : `-${i}`}.wal`;
      if (this.files.stat(join(this.directory, free)) === undefined) return free;
    }
  }

  #unnamed(): OpenFile {
    return this.files.open(join(this.directory, `spare-${++this.#unnamedFiles}${UNFINISHED}`), 'create');
  }
}

/** By its first position; commits without events do not move that on, and a recovery may begin anew where it stood. */
function nameOf({ firstPosition, firstSequence, epoch }: SegmentStart): string {
  const digits = (n: number): string => String(n).padStart(DIGITS, '0');
  return `${digits(firstPosition)}-${digits(firstSequence)}-${epoch}`;
}
