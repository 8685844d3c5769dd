/** Does a job on a file system: in a worker thread, or where there is none, between other things. */
import { dirname } from 'node:path';
import type { StoredEvent } from '../../../core/stored-event.js';
import { compareNames } from '../../../core/text.js';
import type { FileSystem } from '../files/file-system.js';
import { readWhole, UNFINISHED } from '../files/store-directory.js';
import { acknowledgedFrames } from '../log/acknowledged-frames.js';
import { contentsOf, eventsOf } from '../log/frame-contents.js';
import { PARQUET_CODECS } from '../parquet/parquet-codecs.js';
import type { ParquetCodecName } from '../parquet/parquet-codec.js';
import { decodeRecord, encodeRecord, recordKey } from '../records/record-value.js';
import { describeFile } from '../sealed/file-entry.js';
import type { RunEntry, SegmentEntry } from '../sealed/manifest.js';
import { createAnew, SegmentBuilder } from '../sealed/segment-builder.js';
import { runPath, segmentName, segmentPaths } from '../sealed/sealed-names.js';
import { SealedSegment } from '../sealed/sealed-segment.js';
import { ByteCache } from '../tables/byte-cache.js';
import { mergedEntries, type TableEntry } from '../tables/merged-entries.js';
import { openSortedTable, type SortedTable } from '../tables/sorted-table.js';
import type { TableBlock } from '../tables/table-block.js';
import { SortedTableWriter } from '../tables/sorted-table-writer.js';
import type { Job, JobPlaces, JobResult, LogSource, MergeRunsJob, MergeSegmentsJob, SealJob } from './job.js';

export function runJob(files: FileSystem, job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'seal':
      return seal(files, job);
    case 'merge-segments':
      return mergeSegments(files, job);
    case 'merge-runs':
      return mergeRuns(files, job);
  }
}

async function seal(files: FileSystem, { places, codec, sources, run }: SealJob): Promise<JobResult> {
  const records = new Map<string, string | null>();
  const segment = await buildSegment(files, places, codec, eventsOfLog(files, sources, records));
  if (records.size === 0) return segment === undefined ? {} : { segment };
  const sorted = [...records].sort(([a], [b]) => compareNames(a, b));
  const entries = sorted.map(([key, value]) => ({ key, value: encodeRecord(value) }));
  return { ...(segment === undefined ? {} : { segment }), run: await writeRun(files, places, run, entries) };
}

async function mergeSegments(
  files: FileSystem,
  { places, codec, inputs }: MergeSegmentsJob,
): Promise<JobResult> {
  const segment = await buildSegment(files, places, codec, eventsOfSegments(files, places, inputs));
  return segment === undefined ? {} : { segment };
}

async function mergeRuns(
  files: FileSystem,
  { places, inputs, run, isOldest }: MergeRunsJob,
): Promise<JobResult> {
  const cache = new ByteCache<TableBlock>(0);
  const tables: SortedTable[] = [];
  try {
    for (const { name } of inputs) tables.push(openSortedTable(files, runPath(places, name), cache));
    const entries = mergedEntries(
      tables.map((table) => table.entries()),
      (values) => {
        const newest = values.at(-1);
        const isGone = newest === undefined || (isOldest && decodeRecord(newest) === null);
        return isGone ? undefined : newest;
      },
    );
    return { run: await writeRun(files, places, run, entries) };
  } finally {
    for (const table of tables) table.close();
  }
}

/** `undefined` where there are no events. */
export async function buildSegment(
  files: FileSystem,
  places: JobPlaces,
  codec: ParquetCodecName,
  events: AsyncIterable<readonly StoredEvent[]>,
): Promise<SegmentEntry | undefined> {
  const unnamed = segmentPaths(places, 'building');
  let builder: SegmentBuilder | undefined;
  try {
    for await (const batch of events) {
      builder ??= new SegmentBuilder(files, PARQUET_CODECS[codec], unnamed);
      await builder.add(batch);
    }
    return await builder?.finish((from, to) => {
      const name = segmentName(from, to);
      return { name, paths: segmentPaths(places, name) };
    });
  } catch (error) {
    builder?.abandon();
    throw error;
  }
}

/** The events of the log by frame; what it does to records is noted on the way. */
async function* eventsOfLog(
  files: FileSystem,
  sources: readonly LogSource[],
  records: Map<string, string | null>,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (const { path, content, through } of sources) {
    const bytes =
      content === undefined
        ? readWhole(files, path)
        : Buffer.from(content.buffer, content.byteOffset, content.length);
    for (const { header, body } of acknowledgedFrames(path, bytes, through)) {
      if (header.records > 0) {
        for (const { collection, key, value } of contentsOf(header, body).records) {
          records.set(recordKey(collection, key), value);
        }
      }
      if (header.events > 0) yield eventsOf(header, body);
    }
  }
}

async function* eventsOfSegments(
  files: FileSystem,
  places: JobPlaces,
  inputs: readonly SegmentEntry[],
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (const entry of inputs) {
    const segment = new SealedSegment(files, segmentPaths(places, entry.name), entry, new ByteCache(0));
    try {
      yield* segment.groups();
    } finally {
      await segment.retire();
    }
  }
}

async function writeRun(
  files: FileSystem,
  places: JobPlaces,
  name: string,
  entries: Iterable<TableEntry<Buffer>>,
): Promise<RunEntry> {
  const path = runPath(places, name);
  const file = createAnew(files, path + UNFINISHED);
  let records: number;
  try {
    const table = new SortedTableWriter(file);
    for (const { key, value } of entries) table.add(key, value);
    records = table.finish().entries;
    file.sync();
  } finally {
    file.close();
  }
  files.rename(path + UNFINISHED, path);
  files.syncDirectory(dirname(path));
  return { name, records, file: await describeFile(files, path) };
}
