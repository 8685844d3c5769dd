/**
 * A finished segment, whichever codec wrote it: its footer, its events by row, and where the texts of each lie. It keeps the
 * footer and no events: who asks for rows again and again has to cache them.
 */
import { setImmediate } from 'node:timers/promises';
import { parquetRead, type AsyncBuffer, type DecodedArray } from 'hyparquet';
import type { StoredEvent } from '../../../core/stored-event.js';
import type { OpenFile } from '../files/file-system.js';
import { DamagedPageError, DamagedSegmentError } from './damaged-segment.error.js';
import { readPageHeader } from './data-page.js';
import { EVENT_COLUMNS, eventSchema } from './event-columns.js';
import { decodeText } from './exact-text.js';
import { decompressPage } from './gzip-page.js';
import type { ParquetCodecName } from './parquet-codec.js';
import {
  readFooter,
  readRange,
  type ByteRange,
  type SegmentFooter,
  type SegmentGroup,
} from './segment-footer.js';
import type { PageAddress } from './text-pages.js';

/** Rows that are decoded together. */
export interface RowGroupRange {
  readonly firstRow: number;
  readonly rows: number;
}

/** Where the texts of each row of a group lie: the first entry is the group's first row. */
export interface TextAddresses {
  readonly data: readonly PageAddress[];
  readonly metadata: readonly PageAddress[];
}

export class ParquetSegment {
  readonly #footer: SegmentFooter;

  /**
   * Reads the footer.
   * @throws DamagedSegmentError if the file is not a whole segment of ours.
   */
  constructor(private readonly file: OpenFile) {
    this.#footer = readFooter(file);
  }

  /** How many events it holds. */
  get rows(): number {
    return this.#footer.rows;
  }

  /** The position of row 0; row `n` has this position plus `n`. `undefined` where there are no rows. */
  get firstPosition(): number | undefined {
    return this.#footer.firstPosition;
  }

  /** What wrote it. */
  get codec(): ParquetCodecName {
    return this.#footer.codec;
  }

  rowGroups(): readonly RowGroupRange[] {
    return this.#footer.groups.map(({ firstRow, rows }) => ({ firstRow, rows }));
  }

  /**
   * The events of the rows from `from` (from 0) up to and without `to`. Row groups are decoded whole, one after the other.
   * @throws RangeError for rows that the segment does not have. @throws DamagedSegmentError
   */
  async readRows(from: number, to: number): Promise<StoredEvent[]> {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to || to > this.rows) {
      throw new RangeError(
        `The segment ${this.file.path} has ${this.rows} rows, and no rows ${from} to ${to}`,
      );
    }
    const events: StoredEvent[] = [];
    for (const group of this.#footer.groups) {
      const first = Math.max(from - group.firstRow, 0);
      const end = Math.min(to - group.firstRow, group.rows);
      if (first >= end) continue;
      // A row group is decoded in one go; between two of them others get their turn.
      if (events.length > 0) await setImmediate();
      const columns = await this.#decode(group);
      for (let row = first; row < end; row++) events.push(this.#event(columns, row, group));
    }
    return events;
  }

  /**
   * In which pages the texts of a row group lie, for `TextPages`: to be noted once, when the segment has been written.
   * @throws DamagedSegmentError
   */
  addressesOf(rowGroup: number): TextAddresses {
    const group = this.#footer.groups[rowGroup];
    if (group === undefined) {
      const { length } = this.#footer.groups;
      throw new RangeError(
        `The segment ${this.file.path} has ${length} row groups, and no row group ${rowGroup}`,
      );
    }
    return {
      data: this.#addresses(group.data, group.rows),
      metadata: this.#addresses(group.metadata, group.rows),
    };
  }

  /** Walks the headers of all pages: both codecs' files have them, but only one's an offset index, and that not always. */
  #addresses(chunk: ByteRange, rows: number): PageAddress[] {
    const bytes = new Uint8Array(readRange(this.file, chunk));
    const addresses: PageAddress[] = [];
    for (let at = 0; at < bytes.length;) {
      const offset = chunk.start + at;
      const { length, values } = this.#pageAt(bytes, at, offset);
      if (addresses.length + values > rows) {
        throw new DamagedPageError(this.file.path, offset, `has more values than its row group has rows`);
      }
      for (let index = 0; index < values; index++) addresses.push({ offset, length, index });
      at += length;
    }
    if (addresses.length !== rows) {
      throw new DamagedSegmentError(
        this.file.path,
        `a column has ${addresses.length} values for ${rows} rows`,
      );
    }
    return addresses;
  }

  #pageAt(
    bytes: Uint8Array,
    at: number,
    offset: number,
  ): { readonly length: number; readonly values: number } {
    try {
      const header = readPageHeader(bytes, at);
      return { length: header.length + header.bodyLength, values: header.values };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DamagedPageError(this.file.path, offset, reason, { cause });
    }
  }

  /** The columns of a group, each with a value for every row. */
  async #decode(group: SegmentGroup): Promise<EventValues> {
    // Read before it is decoded, so that a failing disk is not taken for damaged data.
    const bytes = readRange(this.file, group);
    const columns = new Map(EVENT_COLUMNS.map(({ name }) => [name as string, [] as unknown[]]));
    try {
      await parquetRead({
        file: windowOf(bytes, group),
        metadata: {
          version: 2,
          schema: eventSchema(),
          num_rows: BigInt(group.rows),
          row_groups: [group.parquet],
          metadata_length: 0,
        },
        compressors: { GZIP: decompressPage },
        parsers: { stringFromBytes: decodeText, timestampFromMilliseconds: Number },
        onChunk: ({ columnName, columnData }) => {
          append(columns.get(columnName) ?? [], columnData);
        },
      });
    } catch (cause) {
      throw this.#damaged(group, cause instanceof Error ? cause.message : String(cause), cause);
    }
    for (const [name, values] of columns) {
      if (values.length === group.rows) continue;
      throw this.#damaged(group, `${name} has ${values.length} values for ${group.rows} rows`);
    }
    return Object.fromEntries(
      EVENT_COLUMNS.map(({ name, field }) => [field, columns.get(name) ?? []]),
    ) as unknown as EventValues;
  }

  #event(columns: EventValues, row: number, group: SegmentGroup): StoredEvent {
    const position = Number(columns.position[row]);
    if (position !== (this.firstPosition ?? 0) + group.firstRow + row) {
      throw this.#damaged(group, `row ${group.firstRow + row} has position ${position}`);
    }
    const text = (value: unknown): string => {
      if (typeof value === 'string') return value;
      throw this.#damaged(group, `row ${group.firstRow + row} has a value that is no text`);
    };
    const integer = (value: unknown): number => {
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      throw this.#damaged(group, `row ${group.firstRow + row} has a number that is no safe integer`);
    };
    return {
      position,
      streamId: text(columns.streamId[row]),
      version: integer(columns.version[row]),
      id: text(columns.id[row]),
      type: text(columns.type[row]),
      schemaVersion: integer(columns.schemaVersion[row]),
      recordedAt: integer(columns.recordedAt[row]),
      data: text(columns.data[row]),
      metadata: text(columns.metadata[row]),
    };
  }

  #damaged(group: SegmentGroup, reason: string, cause?: unknown): DamagedSegmentError {
    const last = group.firstRow + group.rows - 1;
    return new DamagedSegmentError(this.file.path, `rows ${group.firstRow} to ${last}: ${reason}`, { cause });
  }
}

/** A value per row, for each field of an event. */
type EventValues = Readonly<Record<keyof StoredEvent, readonly unknown[]>>;

function append(column: unknown[], values: DecodedArray): void {
  for (const value of values as ArrayLike<unknown> & Iterable<unknown>) column.push(value);
}

/** The bytes of one range, in the shape of the whole file. */
function windowOf(bytes: ArrayBuffer, { start, end }: ByteRange): AsyncBuffer {
  return {
    byteLength: end,
    slice: (from, to = end) => bytes.slice(from - start, to - start),
  };
}
