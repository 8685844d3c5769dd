/**
 * Keyed records: those of the log in memory, those before it in sorted runs on disk (a log-structured merge tree,
 * O'Neil et al. 1996). The newest word about a key counts.
 */
import { type KeyedRecord, SNAPSHOT_COLLECTION } from '../../../core/commit.js';
import type { FrameRecord } from '../log/frame-contents.js';
import type { LogSegment } from '../log/log-segment.js';
import { compareNames } from '../../../core/text.js';
import { StoreCorruptedError } from '../allsource.errors.js';
import { DamagedTableError } from '../tables/damaged-table.error.js';
import { mergedEntries } from '../tables/merged-entries.js';
import type { SortedTable } from '../tables/sorted-table.js';
import { decodeRecord, recordKey } from './record-value.js';
import { RecordTable } from './record-table.js';

export class RecordIndex {
  /** What commits that are not durable yet will do. */
  readonly #staged = new Map<string, { readonly value: string | null }>();
  /** What the log does, by its files, the oldest first. */
  #tables: { readonly segment: LogSegment; readonly table: RecordTable }[] = [];
  /** The oldest first. */
  #runs: readonly SortedTable[];
  #snapshots: number;

  constructor(runs: readonly SortedTable[], snapshots: number) {
    this.#runs = runs;
    this.#snapshots = snapshots;
  }

  /** What is sealed, the oldest first. */
  get runs(): readonly SortedTable[] {
    return this.#runs;
  }

  /** Snapshots that readers may see. */
  get snapshots(): number {
    return this.#snapshots;
  }

  /** The text that readers may see, `null` where there is none. */
  get(collection: string, key: string): string | null {
    return this.#find(recordKey(collection, key));
  }

  /** The text after all commits that are staged. */
  getStaged(collection: string, key: string): string | null {
    const place = recordKey(collection, key);
    const staged = this.#staged.get(place);
    return staged === undefined ? this.#find(place) : staged.value;
  }

  /**
   * Takes note of what a commit will do, and gives by how many snapshots there will be more. That may need a look into
   * a file: here, where a fault can still refuse the commit, and not when it has become durable.
   * @throws StoreCorruptedError
   */
  stage(records: readonly FrameRecord[]): number {
    const more = this.#moreSnapshots(records, (collection, key) => this.getStaged(collection, key));
    for (const record of records) this.#staged.set(recordKey(record.collection, record.key), record);
    return more;
  }

  /** By how many snapshots there are more after records that were found in the log. @throws StoreCorruptedError */
  moreSnapshots(records: readonly FrameRecord[]): number {
    return this.#moreSnapshots(records, (collection, key) => this.get(collection, key));
  }

  /** Makes records visible that stand in `segment`. */
  publish(records: readonly FrameRecord[], segment: LogSegment, moreSnapshots: number): void {
    let newest = this.#tables.at(-1);
    if (newest?.segment !== segment) this.#tables.push((newest = { segment, table: new RecordTable() }));
    for (const record of records) {
      const place = recordKey(record.collection, record.key);
      newest.table.set(place, record.value);
      if (this.#staged.get(place) === record) this.#staged.delete(place);
    }
    this.#snapshots += moreSnapshots;
    segment.snapshots = this.#snapshots;
  }

  /** Forgets everything that is staged. */
  takeBack(): void {
    this.#staged.clear();
  }

  /** Puts runs in the place of those before; what is no longer among them is closed. */
  replaceRuns(runs: readonly SortedTable[]): void {
    const outdated = this.#runs.filter((run) => !runs.includes(run));
    this.#runs = runs;
    for (const run of outdated) run.close();
  }

  /** Files of the log have become runs. */
  sealed(segments: readonly LogSegment[]): void {
    this.#tables = this.#tables.filter(({ segment }) => !segments.includes(segment));
  }

  close(): void {
    this.replaceRuns([]);
  }

  list(
    collection: string,
    { prefix, after, limit }: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): KeyedRecord[] {
    const first = recordKey(collection, prefix);
    const last = after === '' ? undefined : recordKey(collection, after);
    const from = last !== undefined && compareNames(last, first) > 0 ? last : first;
    const sources = [
      ...this.#runs.map((run) => run.entries(from)),
      ...this.#tables.map(({ table }) => table.entries(from)),
    ];
    return orCorrupted(() => {
      const page: KeyedRecord[] = [];
      for (const { key, value } of mergedEntries(sources, newestOf)) {
        if (key === last) continue;
        if (!key.startsWith(first)) break;
        const text = decodeRecord(value);
        if (text !== null) page.push({ key: key.slice(collection.length + 1), value: text });
        if (page.length === limit) break;
      }
      return page;
    });
  }

  #moreSnapshots(
    records: readonly FrameRecord[],
    held: (collection: string, key: string) => string | null,
  ): number {
    let more = 0;
    for (const { collection, key, value } of records) {
      if (collection !== SNAPSHOT_COLLECTION) continue;
      more += (value === null ? 0 : 1) - (held(collection, key) === null ? 0 : 1);
    }
    return more;
  }

  #find(place: string): string | null {
    for (let i = this.#tables.length - 1; i >= 0; i--) {
      const value = this.#tables[i]?.table.get(place);
      if (value !== undefined) return value;
    }
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const value = orCorrupted(() => this.#runs[i]?.get(place));
      if (value !== undefined) return decodeRecord(value);
    }
    return null;
  }
}

function orCorrupted<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DamagedTableError)) throw error;
    throw new StoreCorruptedError(error.path, error.offset, error.message, 'records', { cause: error });
  }
}

/** Sources come the oldest first. */
function newestOf(values: readonly Buffer[]): Buffer | undefined {
  return values.at(-1);
}
