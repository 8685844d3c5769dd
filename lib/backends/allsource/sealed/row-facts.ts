/**
 * What the stream index needs to know of each row of a segment while that is being made: 56 bytes a row, because a
 * million objects would be too much.
 */
import type { StoredEvent } from '../../../core/stored-event.js';
import { EMPTY_METADATA } from '../log/frame.js';
import { GrowingBuffer } from '../log/growing-buffer.js';
import type { PageAddress } from '../parquet/text-pages.js';
import { idBytes, type IndexedEvent } from './stream-entry.js';

const ROW_BYTES = 56;
const FIRST_BYTES = 1024 * ROW_BYTES;
const NONE = 0xffff_ffff;

/** Pages by number, since hundreds of rows share one. */
class PageList {
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];

  /** Rows come in order, so those of one page come one after the other. */
  numberOf({ offset, length }: PageAddress): number {
    const last = this.#offsets.length - 1;
    if (this.#offsets[last] === offset) return last;
    this.#offsets.push(offset);
    this.#lengths.push(length);
    return last + 1;
  }

  address(page: number, index: number): PageAddress {
    return { offset: this.#offsets[page] ?? 0, length: this.#lengths[page] ?? 0, index };
  }
}

export class RowFacts {
  readonly #rows = new GrowingBuffer(FIRST_BYTES);
  readonly #streams = new Map<string, number>();
  readonly #firstVersions: number[] = [];
  readonly #types = new Map<string, number>();
  readonly #data = new PageList();
  readonly #metadata = new PageList();
  #count = 0;

  get types(): readonly string[] {
    return [...this.#types.keys()];
  }

  /** The names of the streams, and the numbers they have here. */
  get streams(): ReadonlyMap<string, number> {
    return this.#streams;
  }

  firstVersion(stream: number): number {
    return this.#firstVersions[stream] ?? 0;
  }

  /** Takes note of the next row. */
  add(event: StoredEvent, data: PageAddress, metadata: PageAddress): void {
    const rows = this.#rows;
    rows.ensure(ROW_BYTES);
    const at = rows.length;
    const { view } = rows;
    rows.bytes.set(idBytes(event.id), at);
    view.setFloat64(at + 16, event.recordedAt, true);
    view.setUint32(at + 24, this.#streamOf(event), true);
    view.setUint32(at + 28, numberOf(this.#types, event.type), true);
    view.setUint32(at + 32, event.schemaVersion, true);
    view.setUint32(at + 36, this.#data.numberOf(data), true);
    view.setUint32(at + 40, data.index, true);
    const isEmpty = event.metadata === EMPTY_METADATA;
    view.setUint32(at + 44, isEmpty ? NONE : this.#metadata.numberOf(metadata), true);
    view.setUint32(at + 48, metadata.index, true);
    rows.length += ROW_BYTES;
    this.#count++;
  }

  row(row: number): IndexedEvent {
    const { view, bytes } = this.#rows;
    const at = row * ROW_BYTES;
    const metadataPage = view.getUint32(at + 44, true);
    return {
      row,
      id: bytes.subarray(at, at + 16),
      recordedAt: view.getFloat64(at + 16, true),
      type: view.getUint32(at + 28, true),
      schemaVersion: view.getUint32(at + 32, true),
      data: this.#data.address(view.getUint32(at + 36, true), view.getUint32(at + 40, true)),
      metadata:
        metadataPage === NONE
          ? undefined
          : this.#metadata.address(metadataPage, view.getUint32(at + 48, true)),
    };
  }

  /** The rows of each stream, by its number: `rows` from `ends[n - 1]` (0 for the first) to `ends[n]`. */
  byStream(): { readonly rows: Uint32Array; readonly ends: Uint32Array } {
    const ends = new Uint32Array(this.#streams.size);
    for (let row = 0; row < this.#count; row++) {
      const stream = this.#stream(row);
      ends[stream] = (ends[stream] ?? 0) + 1;
    }
    let sum = 0;
    const next = new Uint32Array(ends.length);
    for (let stream = 0; stream < ends.length; stream++) {
      next[stream] = sum;
      sum += ends[stream] ?? 0;
      ends[stream] = sum;
    }
    const rows = new Uint32Array(this.#count);
    for (let row = 0; row < this.#count; row++) {
      const stream = this.#stream(row);
      rows[next[stream] ?? 0] = row;
      next[stream] = (next[stream] ?? 0) + 1;
    }
    return { rows, ends };
  }

  #stream(row: number): number {
    return this.#rows.view.getUint32(row * ROW_BYTES + 24, true);
  }

  #streamOf({ streamId, version }: StoredEvent): number {
    const stream = numberOf(this.#streams, streamId);
    if (stream === this.#firstVersions.length) this.#firstVersions.push(version);
    return stream;
  }
}

function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, numbers.size);
  return numbers.size - 1;
}
