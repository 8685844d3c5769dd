/**
 * An immutable file of keys and values in the order of the keys' UTF-8 bytes, which is the order of `compareNames`.
 * In memory is an index of its blocks; a block is read when it is asked for and checked before it is believed.
 */
import { strict as assert } from 'node:assert';
import { crc32 } from 'node:zlib';
import type { FileSystem, OpenFile } from '../files/file-system.js';
import type { ByteCache } from './byte-cache.js';
import { DamagedTableError } from './damaged-table.error.js';
import type { TableEntry } from './merged-entries.js';
import { TableBlock } from './table-block.js';
import { indexLength, TableFooter, TAIL_BYTES } from './table-footer.js';

/** Reading in order reads ever more at a time, from one block up to this, as a short look is likelier than a long. */
const READ_AHEAD_BYTES_MAX = 256 * 1024;

/**
 * Opens a table and checks its footer.
 * @param cache keeps blocks that `get` has read; several tables may share it
 * @throws DamagedTableError if the footer is not as it was written
 */
export function openSortedTable(fs: FileSystem, path: string, cache: ByteCache<TableBlock>): SortedTable {
  const file = fs.open(path, 'read');
  try {
    const bytes = file.size();
    if (bytes < TAIL_BYTES) throw new DamagedTableError(path, bytes, 'it is shorter than any sorted table');
    const tail = readBytes(file, bytes - TAIL_BYTES, TAIL_BYTES);
    const length = indexLength(tail, path, bytes);
    const index = readBytes(file, bytes - TAIL_BYTES - length, length);
    return new SortedTable(file, bytes, new TableFooter(index, tail, path, bytes), cache);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A table to read. The values it gives are views: do not write to them, and copy what is to be kept for long. */
export class SortedTable {
  #open = true;

  /** Use `openSortedTable`. */
  constructor(
    private readonly file: OpenFile,
    /** The size of the file. */
    readonly bytes: number,
    private readonly footer: TableFooter,
    private readonly cache: ByteCache<TableBlock>,
  ) {}

  get path(): string {
    return this.file.path;
  }

  /** What `SortedTableWriter.finish()` gave; with another one it is another table. */
  get checksum(): number {
    return this.footer.checksum;
  }

  get entryCount(): number {
    return this.footer.entryCount;
  }

  /** @throws DamagedTableError if the block that may hold `key` is not as it was written */
  get(key: string): Buffer | undefined {
    assert(this.#open, `${this.path} is closed`);
    const encoded = Buffer.from(key);
    const block = this.footer.find(encoded);
    return block < 0 ? undefined : this.#cachedBlock(block).get(encoded);
  }

  /**
   * The entries in order, from the first whose key is `from` or behind it. It reads past the cache, which one long
   * reading would empty of all that others use.
   * @throws DamagedTableError at the first block that is not as it was written
   */
  *entries(from = ''): Generator<TableEntry<Buffer>, void, undefined> {
    const encoded = Buffer.from(from);
    const first = Math.max(0, this.footer.findFrom(encoded));
    for (const block of this.#blocksFrom(first)) {
      // Only the first block has keys before it; to look for some in the others is a hundredth of reading them.
      for (let index = block.lowerBound(encoded); index < block.length; index++) {
        yield { key: block.key(index), value: block.value(index) };
      }
    }
  }

  /** Closes the file, and gives back what the cache keeps of it. */
  close(): void {
    this.#open = false;
    this.cache.deleteOwner(this);
    this.file.close();
  }

  *#blocksFrom(first: number): Generator<TableBlock, void, undefined> {
    const { footer } = this;
    let ahead = 0;
    for (let next = first; next < footer.blockCount;) {
      assert(this.#open, `${this.path} is closed`);
      const start = footer.offset(next);
      let end = next + 1;
      while (end < footer.blockCount && footer.offset(end + 1) - start <= ahead) end++;
      const bytes = readBytes(this.file, start, footer.offset(end) - start);
      for (; next < end; next++) {
        const from = footer.offset(next) - start;
        yield this.#checked(next, bytes.subarray(from, footer.offset(next + 1) - start));
      }
      ahead = Math.min(READ_AHEAD_BYTES_MAX, 2 * bytes.length);
    }
  }

  #cachedBlock(block: number): TableBlock {
    const known = this.cache.get(this, block);
    if (known !== undefined) return known;
    const start = this.footer.offset(block);
    const bytes = readBytes(this.file, start, this.footer.offset(block + 1) - start);
    const read = this.#checked(block, bytes);
    this.cache.put(this, block, read, read.memoryBytes);
    return read;
  }

  #checked(block: number, bytes: Buffer): TableBlock {
    const offset = this.footer.offset(block);
    if (crc32(bytes) !== this.footer.crc(block)) {
      throw new DamagedTableError(this.path, offset, 'the checksum of the block there is wrong');
    }
    return new TableBlock(bytes, this.path, offset);
  }
}

function readBytes(file: OpenFile, position: number, length: number): Buffer {
  // Not from the pool: a small block in the cache would keep all of the pool in memory.
  const bytes = Buffer.allocUnsafeSlow(length);
  const got = file.read(bytes, 0, length, position);
  if (got === length) return bytes;
  throw new DamagedTableError(
    file.path,
    position + got,
    `the file ends there, ${length - got} bytes too early`,
  );
}
