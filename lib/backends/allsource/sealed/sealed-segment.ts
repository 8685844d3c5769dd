/** A sealed segment in use: its events by row, and those of one stream by its index. */
import type { StoredEvent } from '../../../core/stored-event.js';
import { StoreCorruptedError } from '../allsource.errors.js';
import type { FileSystem, OpenFile } from '../files/file-system.js';
import { firstIndex } from '../first-index.js';
import { EMPTY_METADATA } from '../log/frame.js';
import { DamagedPageError, DamagedSegmentError } from '../parquet/damaged-segment.error.js';
import { ParquetSegment } from '../parquet/parquet-segment.js';
import { TextPages } from '../parquet/text-pages.js';
import { Settling } from '../settling.js';
import type { ByteCache } from '../tables/byte-cache.js';
import { DamagedTableError } from '../tables/damaged-table.error.js';
import { openSortedTable, type SortedTable } from '../tables/sorted-table.js';
import type { TableBlock } from '../tables/table-block.js';
import type { SegmentEntry } from './manifest.js';
import type { SegmentPaths } from './sealed-names.js';
import { idText, type IndexedEvent, StreamEntry, streamKey, streamOfKey, TYPES_KEY } from './stream-entry.js';

/** Behind the keys that are no streams. */
const FIRST_STREAM = '\u0001';

export class SealedSegment {
  readonly #file: OpenFile;
  readonly #table: SortedTable;
  readonly #pages: TextPages;
  #parquet: ParquetSegment | undefined;
  #types: readonly string[] | undefined;
  #readers = 0;
  readonly #closed = new Settling();
  #isRetired = false;

  /** @throws StoreCorruptedError */
  constructor(
    files: FileSystem,
    readonly paths: SegmentPaths,
    readonly entry: SegmentEntry,
    cache: ByteCache<TableBlock>,
  ) {
    this.#file = files.open(paths.events, 'read');
    try {
      this.#table = this.#orCorrupted(() => openSortedTable(files, paths.index, cache));
    } catch (error) {
      this.#file.close();
      throw error;
    }
    this.#pages = new TextPages(this.#file);
  }

  get events(): number {
    return this.entry.to - this.entry.from + 1;
  }

  /** The last version of each stream in it. */
  *heads(): Generator<{ readonly streamId: string; readonly lastVersion: number }> {
    const entries = this.#table.entries(FIRST_STREAM);
    for (;;) {
      const next = this.#orCorrupted(() => entries.next());
      if (next.done === true) return;
      yield streamOfKey(next.value.key);
    }
  }

  /** The events of a stream from one version through another, as far as they stand in this segment. */
  readStream(streamId: string, from: number, through: number): StoredEvent[] {
    return this.#orCorrupted(() => {
      const events: StoredEvent[] = [];
      for (const { key, value } of this.#table.entries(streamKey(streamId, from))) {
        if (streamOfKey(key).streamId !== streamId) break;
        const entry = new StreamEntry(value);
        if (entry.firstVersion > through) break;
        const last = Math.min(entry.lastVersion, through);
        for (let version = entry.firstVersion; version <= last; version++) {
          const indexed = entry.next();
          if (version >= from) events.push(this.#event(streamId, version, indexed));
        }
        if (last === through) break;
      }
      return events;
    });
  }

  /** All events, a group of rows at a time. */
  async *groups(): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    for (const group of this.#rows().rowGroups().keys()) yield await this.readGroup(group);
  }

  /** The number of the group of rows that holds a position, and the position of its first event. */
  groupOf(position: number): { readonly group: number; readonly firstPosition: number } {
    const groups = this.#rows().rowGroups();
    const row = position - this.entry.from;
    const group = firstIndex(groups.length, (i) => (groups[i]?.firstRow ?? Infinity) > row) - 1;
    return { group, firstPosition: this.entry.from + (groups[group]?.firstRow ?? 0) };
  }

  /** The events of a group of rows. */
  async readGroup(group: number): Promise<readonly StoredEvent[]> {
    const { firstRow, rows } = this.#rows().rowGroups()[group] ?? { firstRow: 0, rows: 0 };
    this.#readers++;
    try {
      return await this.#rows().readRows(firstRow, firstRow + rows);
    } catch (error) {
      throw this.#corrupted(error);
    } finally {
      this.#readers--;
      if (this.#isRetired) this.#close();
    }
  }

  /** Closes its files as soon as nobody reads from them, and resolves then. */
  retire(): Promise<void> {
    const { promise } = this.#closed;
    this.#isRetired = true;
    this.#close();
    return promise;
  }

  #close(): void {
    if (this.#readers > 0) return;
    this.#table.close();
    this.#file.close();
    this.#closed.done();
  }

  #rows(): ParquetSegment {
    return (this.#parquet ??= this.#orCorrupted(() => new ParquetSegment(this.#file)));
  }

  #event(streamId: string, version: number, indexed: IndexedEvent): StoredEvent {
    const { row, id, type, schemaVersion, recordedAt, data, metadata } = indexed;
    return {
      id: idText(id),
      streamId,
      version,
      position: this.entry.from + row,
      type: this.#typeNames()[type] ?? '',
      schemaVersion,
      data: this.#pages.valueAt(data),
      metadata: metadata === undefined ? EMPTY_METADATA : this.#pages.valueAt(metadata),
      recordedAt,
    };
  }

  #typeNames(): readonly string[] {
    return (this.#types ??= JSON.parse(this.#table.get(TYPES_KEY)?.toString() ?? '[]') as string[]);
  }

  #orCorrupted<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#corrupted(error);
    }
  }

  #corrupted(error: unknown): unknown {
    const { from, to } = this.entry;
    const lost = `events at positions ${from} to ${to}`;
    if (error instanceof DamagedTableError) {
      return new StoreCorruptedError(error.path, error.offset, error.message, lost, { cause: error });
    }
    if (error instanceof DamagedSegmentError) {
      const offset = error instanceof DamagedPageError ? error.offset : 0;
      return new StoreCorruptedError(error.path, offset, error.message, lost, { cause: error });
    }
    return error;
  }
}
