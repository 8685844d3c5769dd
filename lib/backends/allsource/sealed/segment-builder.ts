/**
 * Makes a sealed segment: the events as a Parquet file, and the stream index beside it.
 *
 * What was written is read back, all of it, and compared with what was to be written, before the files get their names.
 */
import { strict as assert } from 'node:assert';
import { dirname } from 'node:path';
import type { StoredEvent } from '../../../core/stored-event.js';
import { compareNames } from '../../../core/text.js';
import type { FileSystem, OpenFile } from '../files/file-system.js';
import { SteadyFile } from '../files/steady-file.js';
import { UNFINISHED } from '../files/store-directory.js';
import { ROW_GROUP_EVENTS_MAX } from '../parquet/event-columns.js';
import type { ParquetCodec, SegmentWriter } from '../parquet/parquet-codec.js';
import { ParquetSegment } from '../parquet/parquet-segment.js';
import { SortedTableWriter } from '../tables/sorted-table-writer.js';
import { EventDigest } from './event-digest.js';
import { describeFile } from './file-entry.js';
import type { SegmentEntry } from './manifest.js';
import { RowFacts } from './row-facts.js';
import type { SegmentPaths } from './sealed-names.js';
import { ENTRY_EVENTS_MAX, streamKey, StreamEntryWriter, TYPES_KEY } from './stream-entry.js';

/** A group of rows is decoded as a whole, so large events make smaller groups. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;

export class SegmentBuilder {
  readonly #written = new EventDigest();
  readonly #file: OpenFile;
  #writer: SegmentWriter | undefined;
  #group: StoredEvent[] = [];
  #groupBytes = 0;
  #first: StoredEvent | undefined;
  #last: StoredEvent | undefined;

  constructor(
    private readonly files: FileSystem,
    private readonly codec: ParquetCodec,
    /** Where it is built, without the ending of unfinished files. */
    private readonly paths: SegmentPaths,
  ) {
    this.#file = createAnew(files, paths.events + UNFINISHED);
  }

  /** Adds the next events, by position and without a gap. */
  async add(events: readonly StoredEvent[]): Promise<void> {
    for (const event of events) {
      if (this.#last !== undefined) assert.equal(event.position, this.#last.position + 1);
      this.#first ??= event;
      this.#last = event;
      this.#written.add(event);
      this.#group.push(event);
      this.#groupBytes += event.data.length + event.metadata.length;
      if (this.#group.length === ROW_GROUP_EVENTS_MAX || this.#groupBytes >= GROUP_BYTES_MAX) {
        await this.#writeGroup();
      }
    }
  }

  /** Writes the rest, checks all of it, and gives both files their names. At least one event has been added. */
  async finish(
    nameOf: (from: number, to: number) => { readonly name: string; readonly paths: SegmentPaths },
  ): Promise<SegmentEntry> {
    await this.#writeGroup();
    await this.#writer?.finish();
    this.#file.sync();
    const facts = await this.#readBack();
    this.#file.close();
    this.#writeIndex(facts);
    const [from, to] = [this.#first?.position ?? 0, this.#last?.position ?? 0];
    const { name, paths } = nameOf(from, to);
    for (const file of ['events', 'index'] as const) {
      this.files.rename(this.paths[file] + UNFINISHED, paths[file]);
      this.files.syncDirectory(dirname(paths[file]));
    }
    return {
      name,
      codec: this.codec.name,
      from,
      to,
      events: await describeFile(this.files, paths.events),
      index: await describeFile(this.files, paths.index),
    };
  }

  /** Lets go of what was begun and cannot be finished. */
  abandon(): void {
    this.#file.close();
    for (const path of [this.paths.events, this.paths.index]) {
      if (this.files.stat(path + UNFINISHED) !== undefined) this.files.remove(path + UNFINISHED);
    }
  }

  async #writeGroup(): Promise<void> {
    if (this.#group.length === 0) return;
    this.#writer ??= await this.codec.create(this.#file);
    await this.#writer.write(this.#group);
    this.#group = [];
    this.#groupBytes = 0;
  }

  async #readBack(): Promise<RowFacts> {
    const segment = new ParquetSegment(this.#file);
    const read = new EventDigest();
    const facts = new RowFacts();
    for (const [group, { firstRow, rows }] of segment.rowGroups().entries()) {
      const events = await segment.readRows(firstRow, firstRow + rows);
      const { data, metadata } = segment.addressesOf(group);
      for (const [i, event] of events.entries()) {
        read.add(event);
        const [dataAddress, metadataAddress] = [data[i], metadata[i]];
        assert.ok(dataAddress !== undefined && metadataAddress !== undefined);
        facts.add(event, dataAddress, metadataAddress);
      }
    }
    if (read.value !== this.#written.value || read.events !== this.#written.events) {
      throw new Error(`${this.#file.path} does not hold what was written into it`);
    }
    return facts;
  }

  #writeIndex(facts: RowFacts): void {
    const file = createAnew(this.files, this.paths.index + UNFINISHED);
    try {
      const table = new SortedTableWriter(file);
      table.add(TYPES_KEY, Buffer.from(JSON.stringify(facts.types)));
      const { rows, ends } = facts.byStream();
      const entry = new StreamEntryWriter();
      const streams = [...facts.streams].sort(([a], [b]) => compareNames(a, b));
      for (const [streamId, stream] of streams) {
        const first = ends[stream - 1] ?? 0;
        const end = ends[stream] ?? 0;
        for (let from = first; from < end; from += ENTRY_EVENTS_MAX) {
          const to = Math.min(from + ENTRY_EVENTS_MAX, end);
          const firstVersion = facts.firstVersion(stream) + from - first;
          entry.begin(firstVersion, to - from);
          for (let i = from; i < to; i++) entry.add(facts.row(rows[i] ?? 0));
          table.add(streamKey(streamId, firstVersion + to - from - 1), entry.take());
        }
      }
      table.finish();
      file.sync();
    } finally {
      file.close();
    }
  }
}

/** A file to be written from its beginning on. What an earlier attempt has left under this name is of no use. */
export function createAnew(files: FileSystem, path: string): OpenFile {
  if (files.stat(path) !== undefined) files.remove(path);
  return new SteadyFile(files.open(path, 'create'));
}
