/**
 * A block of a sorted table: entries one behind the other, each with the lengths of its key and value before it. The
 * lengths are walked once, when the block was read; from then on searching is comparing bytes and nothing else.
 */
import { DamagedTableError } from './damaged-table.error.js';
import { compareKey } from './key-order.js';

/** Before each entry: the length of its key and that of its value, 32 bits each. */
export const ENTRY_HEAD_BYTES = 8;

/** About what the objects around the bytes of a block take in memory. */
const BLOCK_OVERHEAD_BYTES = 200;

export class TableBlock {
  /** Where each entry begins. */
  readonly #starts: Uint32Array;
  /** For the lengths: it is several times faster than the methods of a Buffer, and this is where a search spends its time. */
  readonly #view: DataView;

  /**
   * @param bytes the whole block, its checksum already verified
   * @param path the table's file, and `offset` the block's place in it, for the error
   * @throws DamagedTableError if its lengths do not add up
   */
  constructor(
    private readonly bytes: Buffer,
    path: string,
    offset: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const starts: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      starts.push(at);
      const left = bytes.length - at - ENTRY_HEAD_BYTES;
      if (left < 0 || this.#keyLength(at) + this.#valueLength(at) > left) {
        throw new DamagedTableError(path, offset + at, 'an entry does not end within its block');
      }
      at = this.#end(at);
    }
    this.#starts = new Uint32Array(starts);
  }

  /** How many entries it has. */
  get length(): number {
    return this.#starts.length;
  }

  /** About how much memory it takes. */
  get memoryBytes(): number {
    return this.bytes.length + this.#starts.byteLength + BLOCK_OVERHEAD_BYTES;
  }

  /** The index of the first entry whose key is `key` or behind it; `length` if there is none. */
  lowerBound(key: Buffer): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The value under `key`, a view into the block. */
  get(key: Buffer): Buffer | undefined {
    const index = this.lowerBound(key);
    return index < this.length && this.#compare(index, key) === 0 ? this.value(index) : undefined;
  }

  key(index: number): string {
    const start = this.#start(index);
    const from = start + ENTRY_HEAD_BYTES;
    return this.bytes.toString('utf8', from, from + this.#keyLength(start));
  }

  /** A view into the block. */
  value(index: number): Buffer {
    const start = this.#start(index);
    const from = start + ENTRY_HEAD_BYTES + this.#keyLength(start);
    return this.bytes.subarray(from, this.#end(start));
  }

  #compare(index: number, key: Buffer): number {
    const start = this.#start(index);
    const from = start + ENTRY_HEAD_BYTES;
    return compareKey(this.bytes, from, from + this.#keyLength(start), key);
  }

  #start(index: number): number {
    return this.#starts[index] as number;
  }

  #keyLength(start: number): number {
    return this.#view.getUint32(start, true);
  }

  #valueLength(start: number): number {
    return this.#view.getUint32(start + 4, true);
  }

  #end(start: number): number {
    return start + ENTRY_HEAD_BYTES + this.#keyLength(start) + this.#valueLength(start);
  }
}
