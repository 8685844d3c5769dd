/**
 * Single values of `data` and `metadata`, fetched by an address that was noted when the segment was written: one read and one
 * decompressed page instead of the footer and a row group. That is what makes one stream among millions of events cheap to read.
 */
import { Buffer } from 'node:buffer';
import type { OpenFile } from '../files/file-system.js';
import { DamagedPageError } from './damaged-segment.error.js';
import { readPageHeader, readPageValues, type PageValues } from './data-page.js';
import { decodeText } from './exact-text.js';

/** Where a value lies: a page of the file, and which of its values it is. */
export interface PageAddress {
  /** The byte of the file at which the page starts, with its header. */
  readonly offset: number;
  /** In bytes, with the header. */
  readonly length: number;
  /** From 0. */
  readonly index: number;
}

/** Decompressed pages kept per file, because neighbouring events of a stream often lie in one page. */
const PAGES_KEPT_BYTES = 128 * 1024;

export class TextPages {
  readonly #size: number;
  /** By offset, the one used last at the end. */
  readonly #kept = new Map<number, { readonly length: number; readonly values: PageValues }>();
  #keptBytes = 0;

  /** @param file a finished segment: its size is taken once. */
  constructor(private readonly file: OpenFile) {
    this.#size = file.size();
  }

  /**
   * The text of a value, exactly as it was written.
   * @throws DamagedPageError if the page is not what was written, or the address is none of this file.
   */
  valueAt({ offset, length, index }: PageAddress): string {
    const values = this.#page(offset, length);
    const value = values.at(index);
    if (value === undefined) throw this.#damaged(offset, `has ${values.count} values, and no value ${index}`);
    try {
      return decodeText(value);
    } catch (cause) {
      throw this.#damaged(offset, 'has a value that is no UTF-8', cause);
    }
  }

  #page(offset: number, length: number): PageValues {
    const kept = this.#kept.get(offset);
    if (kept?.length === length) {
      this.#kept.delete(offset);
      this.#kept.set(offset, kept);
      return kept.values;
    }
    const values = this.#readPage(offset, length);
    if (kept === undefined) this.#keep(offset, length, values);
    return values;
  }

  #readPage(offset: number, length: number): PageValues {
    if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 1) {
      throw this.#damaged(offset, `cannot have ${length} bytes`);
    }
    // Before memory is set aside for it.
    if (offset + length > this.#size)
      throw this.#damaged(offset, `ends behind the file (${this.#size} bytes)`);
    const bytes = Buffer.allocUnsafe(length);
    const read = this.file.read(bytes, 0, length, offset);
    if (read !== length) throw this.#damaged(offset, `is cut off after ${read} of ${length} bytes`);
    try {
      const header = readPageHeader(bytes, 0);
      if (header.length + header.bodyLength !== length) throw new Error(`is not ${length} bytes long`);
      return readPageValues(bytes.subarray(header.length), header);
    } catch (cause) {
      throw this.#damaged(offset, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #keep(offset: number, length: number, values: PageValues): void {
    if (values.byteLength > PAGES_KEPT_BYTES) return;
    this.#kept.set(offset, { length, values });
    this.#keptBytes += values.byteLength;
    for (const [oldest, { values: dropped }] of this.#kept) {
      if (this.#keptBytes <= PAGES_KEPT_BYTES) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= dropped.byteLength;
    }
  }

  #damaged(offset: number, reason: string, cause?: unknown): DamagedPageError {
    return new DamagedPageError(this.file.path, offset, reason, { cause });
  }
}
