/**
 * One page of a text column: its header, and its values as `PLAIN` lays them out (length, bytes, length, bytes, ...). Data pages
 * of both versions are read, as one codec writes v2 and the other v1; without nulls they differ in the header only.
 */
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from './gzip-page.js';

export interface DataPageHeader {
  /** Of the header itself. */
  readonly length: number;
  /** How many values follow. */
  readonly values: number;
  readonly compressed: boolean;
  /** Bytes after the header, as they stand in the file. */
  readonly bodyLength: number;
  /** Bytes of the values, decompressed. */
  readonly valuesLength: number;
}

const LENGTH_BYTES = 4;

/**
 * Reads the header at a place among `bytes`, and checks that its page ends among them too.
 * @throws Error if there is no header of a data page with plain values; the message goes on from "the page at byte 17".
 */
export function readPageHeader(bytes: Uint8Array, at: number): DataPageHeader {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: at };
  const header = parquetHeader(reader);
  const v2 = header.type === 'DATA_PAGE_V2' ? header.data_page_header_v2 : undefined;
  const page = header.type === 'DATA_PAGE' ? header.data_page_header : v2;
  if (page?.encoding !== 'PLAIN') throw new Error('is no data page with plain values');
  if (v2 !== undefined) {
    const levels = [v2.num_nulls, v2.definition_levels_byte_length, v2.repetition_levels_byte_length];
    if (levels.some((length) => length !== 0) || v2.num_rows !== v2.num_values) throw new Error('has nulls');
  }
  const [length, values] = [reader.offset - at, page.num_values];
  const [bodyLength, valuesLength] = [header.compressed_page_size, header.uncompressed_page_size];
  if (!isCount(values) || !isCount(bodyLength) || !isCount(valuesLength)) {
    throw new Error('has a length that cannot be');
  }
  if (bodyLength > bytes.length - at - length) throw new Error('is longer than its place');
  if (values * LENGTH_BYTES > valuesLength) throw new Error('is too short for its values');
  return { length, values, compressed: v2?.is_compressed !== false, bodyLength, valuesLength };
}

/**
 * The values of a page, decompressed.
 * @throws Error if the page is not what its header says; the message goes on from "the page at byte 17".
 */
export function readPageValues(body: Uint8Array, header: DataPageHeader): PageValues {
  if (header.compressed) {
    return new PageValues(decompressPage(body, header.valuesLength), header.values);
  }
  if (body.length !== header.valuesLength) throw new Error('has another length than its header says');
  return new PageValues(body, header.values);
}

/** Length-prefixed values, all of whose lengths are known to fit. */
export class PageValues {
  /** Where each value starts, its length included, and where the last one ends. */
  readonly #starts: Uint32Array;

  constructor(
    private readonly bytes: Uint8Array,
    count: number,
  ) {
    this.#starts = new Uint32Array(count + 1);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (let index = 0; index < count; index++) {
      if (at + LENGTH_BYTES > bytes.length) throw new Error('ends before its last value');
      at += LENGTH_BYTES + view.getUint32(at, true);
      this.#starts[index + 1] = at;
      if (at > bytes.length) throw new Error('has a value that is longer than the page');
    }
    if (at !== bytes.length) throw new Error('goes on behind its last value');
  }

  get count(): number {
    return this.#starts.length - 1;
  }

  /** What it takes in memory. */
  get byteLength(): number {
    return this.bytes.byteLength + this.#starts.byteLength;
  }

  /** `undefined` where there is no such value. */
  at(index: number): Uint8Array | undefined {
    const [start, end] = [this.#starts[index], this.#starts[index + 1]];
    return start === undefined || end === undefined
      ? undefined
      : this.bytes.subarray(start + LENGTH_BYTES, end);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
