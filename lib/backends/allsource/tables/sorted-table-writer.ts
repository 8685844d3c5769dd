/** Writes a sorted table, entry by entry: it never holds more of it than a block and the index. */
import { strict as assert } from 'node:assert';
import { crc32 } from 'node:zlib';
import type { OpenFile } from '../files/file-system.js';
import { ENTRY_HEAD_BYTES } from './table-block.js';
import { TableFooterBuilder } from './table-footer.js';

/** How long a block grows; only an entry that is longer by itself makes a longer one, and stands in it alone. */
export const BLOCK_BYTES = 8 * 1024;

/** An entry is read in one piece. */
const ENTRY_BYTES_MAX = 1024 * 1024 * 1024;

export interface SortedTableSummary {
  /** The size of the file. */
  readonly bytes: number;
  /** A checksum of everything: the footer's, which holds those of the blocks. */
  readonly checksum: number;
  readonly entries: number;
}

/** Syncing the file is the caller's part, and so is throwing it away if a write fails. */
export class SortedTableWriter {
  readonly #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  readonly #footer = new TableFooterBuilder();
  #blockBytes = 0;
  #blockFirstKey: Buffer | undefined;
  #lastKey: Buffer | undefined;
  #written = 0;
  #entries = 0;
  #usable = true;

  /** @param file a new, empty file */
  constructor(private readonly file: OpenFile) {
    assert(file.size() === 0, `${file.path} is to be a new file`);
  }

  /** @param key greater than the one before it, by the bytes of UTF-8 */
  add(key: string, value: Uint8Array): void {
    assert(this.#usable, 'the table is finished, or a write failed');
    assert(key.isWellFormed(), 'a key is well-formed Unicode');
    const encoded = Buffer.from(key);
    const last = this.#lastKey;
    assert(last === undefined || Buffer.compare(last, encoded) < 0, 'keys come in strictly increasing order');
    const bytes = ENTRY_HEAD_BYTES + encoded.length + value.length;
    assert(bytes <= ENTRY_BYTES_MAX, `an entry of ${bytes} bytes is more than ${ENTRY_BYTES_MAX}`);
    this.#lastKey = encoded;
    this.#entries++;
    if (this.#blockBytes + bytes > BLOCK_BYTES) this.#endBlock();
    if (bytes > BLOCK_BYTES) {
      const head = Buffer.allocUnsafe(ENTRY_HEAD_BYTES + encoded.length);
      writeHead(head, 0, encoded, value);
      this.#write([head, value], encoded);
      return;
    }
    writeHead(this.#block, this.#blockBytes, encoded, value);
    this.#block.set(value, this.#blockBytes + ENTRY_HEAD_BYTES + encoded.length);
    this.#blockFirstKey ??= encoded;
    this.#blockBytes += bytes;
  }

  /** Writes what is left, and the footer; the table can be read from then on. */
  finish(): SortedTableSummary {
    assert(this.#usable, 'the table is finished, or a write failed');
    this.#endBlock();
    this.#usable = false;
    const { bytes, checksum } = this.#footer.finish(this.#lastKey ?? Buffer.alloc(0), this.#entries);
    this.file.write(bytes, 0, bytes.length, this.#written);
    return { bytes: this.#written + bytes.length, checksum, entries: this.#entries };
  }

  #endBlock(): void {
    if (this.#blockFirstKey === undefined) return;
    this.#write([this.#block.subarray(0, this.#blockBytes)], this.#blockFirstKey);
    this.#blockBytes = 0;
    this.#blockFirstKey = undefined;
  }

  #write(pieces: readonly Uint8Array[], firstKey: Buffer): void {
    // Until all of it is written: a table that lacks a block must never get a footer that is right.
    this.#usable = false;
    const start = this.#written;
    let crc = 0;
    for (const piece of pieces) {
      this.file.write(piece, 0, piece.length, this.#written);
      this.#written += piece.length;
      crc = crc32(piece, crc);
    }
    this.#footer.addBlock(this.#written - start, crc, firstKey);
    this.#usable = true;
  }
}

function writeHead(target: Buffer, at: number, key: Buffer, value: Uint8Array): void {
  target.writeUInt32LE(key.length, at);
  target.writeUInt32LE(value.length, at + 4);
  target.set(key, at + ENTRY_HEAD_BYTES);
}
