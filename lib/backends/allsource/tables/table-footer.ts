/**
 * The footer of a sorted table: where its blocks are, which key each begins with, and what their bytes must add up to.
 *
 * The blocks lie one behind the other from the first byte of the file. Behind them comes the index, an entry for each
 * block (32 bits each: its length, its CRC, the length of its first key; then that key), then the last key of the
 * table, then the tail, which has a fixed length and is read first. All numbers are little-endian.
 */
import { crc32 } from 'node:zlib';
import { DamagedTableError } from './damaged-table.error.js';
import { compareKey } from './key-order.js';

const MAGIC = Buffer.from('\x89AFTBL\r\n', 'latin1');
const FORMAT_VERSION = 1;

/** Length of the index, number of blocks, length of the last key, entries (64 bits), 32 zero bits, version, checksum, magic. */
export const TAIL_BYTES = 40;
const INDEX_LENGTH_AT = 0;
const BLOCKS_AT = 4;
const LAST_KEY_LENGTH_AT = 8;
const ENTRIES_AT = 12;
const RESERVED_AT = 20;
const VERSION_AT = 24;
const CHECKSUM_AT = 28;
const MAGIC_AT = 32;

/** Before each first key in the index. */
const INDEX_HEAD_BYTES = 12;

/** Gathers what `TableFooter` reads, in one buffer: a key for each block by itself would take several times as much. */
export class TableFooterBuilder {
  #index = Buffer.alloc(1024);
  #indexBytes = 0;
  #blocks = 0;

  addBlock(length: number, crc: number, firstKey: Buffer): void {
    const at = this.#indexBytes;
    this.#append(INDEX_HEAD_BYTES, firstKey);
    this.#index.writeUInt32LE(length, at);
    this.#index.writeUInt32LE(crc, at + 4);
    this.#index.writeUInt32LE(firstKey.length, at + 8);
    this.#blocks++;
  }

  finish(lastKey: Buffer, entries: number): { bytes: Buffer; checksum: number } {
    this.#append(0, lastKey);
    const index = this.#index.subarray(0, this.#indexBytes);
    const tail = Buffer.alloc(TAIL_BYTES);
    tail.writeUInt32LE(index.length, INDEX_LENGTH_AT);
    tail.writeUInt32LE(this.#blocks, BLOCKS_AT);
    tail.writeUInt32LE(lastKey.length, LAST_KEY_LENGTH_AT);
    tail.writeBigUInt64LE(BigInt(entries), ENTRIES_AT);
    tail.writeUInt32LE(FORMAT_VERSION, VERSION_AT);
    const checksum = checksumOf(index, tail);
    tail.writeUInt32LE(checksum, CHECKSUM_AT);
    MAGIC.copy(tail, MAGIC_AT);
    return { bytes: Buffer.concat([index, tail]), checksum };
  }

  #append(headBytes: number, key: Buffer): void {
    const from = this.#indexBytes + headBytes;
    this.#indexBytes = from + key.length;
    if (this.#indexBytes > this.#index.length) {
      this.#index = Buffer.concat([this.#index], Math.max(this.#indexBytes, 2 * this.#index.length));
    }
    key.copy(this.#index, from);
  }
}

function checksumOf(index: Buffer, tail: Buffer): number {
  return crc32(tail.subarray(0, CHECKSUM_AT), crc32(index));
}

/** What the tail says, checked as far as it can be without the index: how much to read. */
export function indexLength(tail: Buffer, path: string, fileBytes: number): number {
  const fail = (at: number, problem: string): DamagedTableError =>
    new DamagedTableError(path, fileBytes - TAIL_BYTES + at, problem);
  if (!tail.subarray(MAGIC_AT).equals(MAGIC)) {
    throw fail(
      MAGIC_AT,
      'it does not end as a sorted table does; it was cut off, or is another kind of file',
    );
  }
  const version = tail.readUInt32LE(VERSION_AT);
  if (version !== FORMAT_VERSION) {
    const problem = `it has format version ${version}, and this release reads version ${FORMAT_VERSION}`;
    throw fail(VERSION_AT, version > FORMAT_VERSION ? `${problem}; use the newer release` : problem);
  }
  const length = tail.readUInt32LE(INDEX_LENGTH_AT);
  if (length > fileBytes - TAIL_BYTES) throw fail(INDEX_LENGTH_AT, 'its index is longer than the file');
  return length;
}

/** The index in memory: the keys stay in one buffer, for there may be hundreds of thousands of them. */
export class TableFooter {
  readonly checksum: number;
  readonly entryCount: number;
  readonly blockCount: number;
  readonly #index: Buffer;
  readonly #view: DataView;
  readonly #lastKeyAt: number;
  /** Where the entry of each block begins in the index. */
  readonly #heads: Uint32Array;
  /** Where each block begins in the file, and where the last one ends. */
  readonly #offsets: Float64Array;

  /** @throws DamagedTableError if it is not as it was written, or does not fit a file of `fileBytes` */
  constructor(index: Buffer, tail: Buffer, path: string, fileBytes: number) {
    const indexAt = fileBytes - TAIL_BYTES - index.length;
    const fail = (problem: string): DamagedTableError => new DamagedTableError(path, indexAt, problem);
    this.checksum = tail.readUInt32LE(CHECKSUM_AT);
    if (this.checksum !== checksumOf(index, tail)) throw fail('the checksum of its footer is wrong');
    const reserved = tail.readUInt32LE(RESERVED_AT);
    this.entryCount = Number(tail.readBigUInt64LE(ENTRIES_AT));
    this.blockCount = tail.readUInt32LE(BLOCKS_AT);
    this.#index = index;
    this.#view = new DataView(index.buffer, index.byteOffset, index.length);
    this.#lastKeyAt = index.length - tail.readUInt32LE(LAST_KEY_LENGTH_AT);
    const fits = this.blockCount * INDEX_HEAD_BYTES <= this.#lastKeyAt;
    if (!fits || reserved !== 0) throw fail('its footer contradicts itself');
    this.#heads = new Uint32Array(this.blockCount);
    this.#offsets = new Float64Array(this.blockCount + 1);
    let at = 0;
    for (let block = 0; block < this.blockCount; block++) {
      if (at + INDEX_HEAD_BYTES > this.#lastKeyAt) throw fail('its index ends too early');
      this.#heads[block] = at;
      this.#offsets[block + 1] = this.offset(block) + this.#view.getUint32(at, true);
      at += INDEX_HEAD_BYTES + this.#view.getUint32(at + 8, true);
    }
    if (at !== this.#lastKeyAt || this.offset(this.blockCount) !== indexAt) {
      throw fail('its index does not name every byte of the file once');
    }
  }

  /** Where a block begins in the file; of `blockCount`, where the last block ends. */
  offset(block: number): number {
    return this.#offsets[block] as number;
  }

  crc(block: number): number {
    return this.#view.getUint32(this.#head(block) + 4, true);
  }

  /** The only block that may hold `key` (the last that begins with it or before), -1 if none may. */
  find(key: Buffer): number {
    if (compareKey(this.#index, this.#lastKeyAt, this.#index.length, key) < 0) return -1;
    return this.findFrom(key);
  }

  /** The block in which what is at `key` or behind it begins, or the one before: -1 if `key` is before them all. */
  findFrom(key: Buffer): number {
    let low = 0;
    let high = this.blockCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareFirst(middle, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #compareFirst(block: number, key: Buffer): number {
    const head = this.#head(block);
    const from = head + INDEX_HEAD_BYTES;
    return compareKey(this.#index, from, from + this.#view.getUint32(head + 8, true), key);
  }

  #head(block: number): number {
    return this.#heads[block] as number;
  }
}
