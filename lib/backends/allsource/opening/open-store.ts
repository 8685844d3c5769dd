/**
 * Opens a store: takes everything that was acknowledged from the sealed files and the log, or refuses.
 *
 * Each opening has a number of its own and begins a new file of the log; an old one is never written or synced again.
 */
import { join } from 'node:path';
import { StorageUnavailableError, StoreCorruptedError } from '../allsource.errors.js';
import type { AllSourceSettings } from '../allsource-options.js';
import type { FileSystem } from '../files/file-system.js';
import { ensureDirectory, replaceFile } from '../files/store-directory.js';
import { LiveStreams } from '../live/live-streams.js';
import { contentsOf } from '../log/frame-contents.js';
import { aligned, FRAME_HEADER_BYTES, type FrameHeader } from '../log/frame.js';
import type { Frame } from '../log/log-scan.js';
import type { LogEnd, LogSegment } from '../log/log-segment.js';
import { SegmentFiles } from '../log/segment-files.js';
import { SEGMENT_HEADER_BYTES } from '../log/segment-header.js';
import { RecordIndex } from '../records/record-index.js';
import { checkFooter } from '../sealed/file-entry.js';
import { type Manifest, newManifest, readManifest, writeManifest } from '../sealed/manifest.js';
import { runPath, segmentPaths } from '../sealed/sealed-names.js';
import { SealedEvents } from '../sealed/sealed-events.js';
import { SealedSegment } from '../sealed/sealed-segment.js';
import { ByteCache } from '../tables/byte-cache.js';
import { DamagedTableError } from '../tables/damaged-table.error.js';
import { openSortedTable, type SortedTable } from '../tables/sorted-table.js';
import type { TableBlock } from '../tables/table-block.js';
import { type Closable, recoverLog, type TornTail, type Unproven } from './log-recovery.js';
import type { StoreFiles } from '../files/store-files.js';
import { RESERVED_POSITIONS, reservesPositions } from '../reserved-positions.js';
import type { StorageHost } from '../storage-host.js';
import { removeUnfinishedManifests, setStraysAside } from './strays.js';

/** The first file of an opening is small: most programs write little, and all wait for it. */
const FIRST_SEGMENT_BYTES = 1024 * 1024;

/** What an opening found, and how long each step took. */
export interface OpeningReport {
  readonly steps: readonly { readonly step: string; readonly ms: number }[];
  /** Events read from the log. */
  readonly eventsInLog: number;
  /** What was cut from the end of the log; a copy is at `copy`. */
  readonly tornTail: (Pick<TornTail, 'path' | 'offset' | 'problem'> & { readonly copy: string }) | undefined;
  /** Files that were set aside because the store does not know them. */
  readonly strays: readonly string[];
}

export interface OpenedStore {
  readonly manifest: Manifest;
  readonly live: LiveStreams;
  readonly records: RecordIndex;
  readonly sealed: SealedEvents;
  readonly blocks: ByteCache<TableBlock>;
  readonly segmentFiles: SegmentFiles;
  readonly log: readonly LogSegment[];
  /** No event will have this position or one before it. */
  readonly usedPosition: number;
  readonly report: OpeningReport;
}

/** @throws StoreCorruptedError, UnsupportedFormatError, StorageUnavailableError, DiskFullError */
export function openStore(files: StoreFiles, settings: AllSourceSettings, host: StorageHost): OpenedStore {
  const owned: Closable[] = [];
  try {
    return open(files, settings, host, owned);
  } catch (error) {
    for (const closable of owned) closable.close();
    throw error;
  }
}

/** @param owned gets everything that is to be closed if the opening fails */
function open(
  files: StoreFiles,
  settings: AllSourceSettings,
  host: StorageHost,
  owned: Closable[],
): OpenedStore {
  const { directory } = files;
  const watch = new StepWatch(host);
  for (const path of [directory.path, directory.segments, directory.index, directory.records]) {
    ensureDirectory(files.sealed, path);
  }
  ensureDirectory(files.log, directory.log);
  removeUnfinishedManifests(files.sealed, directory.path);
  const before = readManifest(files.sealed, directory.manifest) ?? newStore(files, host);
  // A killed process may have left it in the page cache only, and what it does not list is set aside now.
  files.sealed.syncDirectory(directory.path);
  if (!files.logIsListed) assertLogIsSealed(files.sealed, settings.logPath, before);
  watch.done('manifest');

  const blocks = new ByteCache<TableBlock>(settings.indexCacheBytes);
  const live = new LiveStreams(settings.streamCacheBytes);
  const sealed = openSegments(files, before, settings, blocks, live, owned);
  const runs = openRuns(files, before, blocks, owned);
  watch.done('sealed files');

  const records = new RecordIndex(runs, before.sealed.snapshots);
  let eventsInLog = 0;
  const onFrame = ({ header, body }: Pick<Frame, 'header' | 'body'>, segment: LogSegment): void => {
    eventsInLog += header.events;
    restoreFrame(header, body, segment, live, records);
  };
  const listed = files.logIsListed ? before : { ...before, log: [], durableThrough: before.sealed.sequence };
  const recovered = recoverLog(files.log, directory.log, listed, onFrame, owned);
  const mark = String(host.now());
  const strays = setStraysAside(files, before, mark);
  const tornTail = recovered.torn && keepTornTail(files, recovered.torn, mark);
  watch.done('log');

  const segmentFiles = new SegmentFiles(files.log, directory.log);
  const epoch = before.epoch + 1;
  const log = [...recovered.segments];
  let { end } = recovered;
  const make = (
    frames: Buffer,
    firstPosition: number,
    previousCrc: number,
    durableThrough: number,
  ): LogSegment => {
    const needed = SEGMENT_HEADER_BYTES + frames.length;
    const capacity = Math.max(needed, Math.min(FIRST_SEGMENT_BYTES, settings.walSegmentBytes));
    const firstSequence = end.sequence + 1;
    const start = {
      store: before.store,
      epoch,
      firstSequence,
      firstPosition,
      previousCrc,
      durableThrough,
      capacity,
    };
    const made = segmentFiles.make(start, frames);
    owned.push(made);
    made.snapshots = records.snapshots;
    log.push(made);
    return made;
  };
  if (recovered.unproven !== undefined) {
    end = copyUnproven(recovered.unproven, make, end, onFrame);
  }
  const usedPosition = Math.max(end.position, before.reservedThrough);
  // What was lost leaves a gap in the positions, and a file of the log has none within.
  if (recovered.unproven === undefined || usedPosition > end.position) {
    make(Buffer.alloc(0), usedPosition + 1, end.crc, end.sequence);
  }
  const manifest: Manifest = {
    ...before,
    epoch,
    durableThrough: end.sequence,
    reservedThrough: reservesPositions(settings) ? usedPosition + RESERVED_POSITIONS : before.reservedThrough,
    log: files.logIsListed ? log.map(({ name }) => name) : [],
  };
  writeManifest(files.sealed, directory.manifest, manifest);
  for (const name of recovered.emptied) files.log.remove(join(directory.log, name));
  watch.done('new log file');

  return {
    manifest,
    live,
    records,
    sealed,
    blocks,
    segmentFiles,
    log,
    usedPosition,
    report: { steps: watch.steps, eventsInLog, tornTail, strays },
  };
}

/** A store that had a log is opened without one only when there is nothing left in that. */
function assertLogIsSealed(files: FileSystem, logPath: string, manifest: Manifest): void {
  if (manifest.log.length === 0) return;
  const owned: Closable[] = [];
  const { end, unproven } = recoverLog(files, logPath, manifest, () => undefined, owned);
  for (const closable of owned) closable.close();
  if (end.sequence === manifest.sealed.sequence && unproven === undefined) return;
  throw new StorageUnavailableError(
    logPath,
    'the log of this store holds commits that are not sealed; open it once with `enableWal: true`, call `flush()` and close it',
  );
}

/** A directory that holds files of a store, but no manifest, is not a new one. */
function newStore({ sealed, log, directory }: StoreFiles, host: StorageHost): Manifest {
  for (const [files, folder] of [
    [sealed, directory.segments],
    [log, directory.log],
  ] as const) {
    const found = files.list(folder).find((name) => /\.(?:parquet|wal)$/.test(name));
    if (found === undefined) continue;
    throw new StoreCorruptedError(
      directory.manifest,
      0,
      `the file is missing, and ${join(folder, found)} is there`,
      "the list of the store's files",
    );
  }
  const manifest = newManifest(host.newStoreId());
  // Before any other file, so that a directory with files and without a manifest is never one that was just begun.
  writeManifest(sealed, directory.manifest, manifest);
  return manifest;
}

function openSegments(
  { sealed: files, directory }: StoreFiles,
  manifest: Manifest,
  { readCacheBytes }: AllSourceSettings,
  blocks: ByteCache<TableBlock>,
  live: LiveStreams,
  owned: Closable[],
): SealedEvents {
  const segments = manifest.segments.map((entry) => {
    const paths = segmentPaths(directory, entry.name);
    const lost = `events at positions ${entry.from} to ${entry.to}`;
    checkFooter(files, paths.events, entry.events, lost);
    checkFooter(files, paths.index, entry.index, `the index of ${lost}`);
    const segment = new SealedSegment(files, paths, entry, blocks);
    owned.push({ close: () => void segment.retire() });
    return segment;
  });
  for (const segment of segments) {
    for (const { streamId, lastVersion } of segment.heads()) live.restore(streamId, lastVersion, 0);
  }
  return new SealedEvents(segments, readCacheBytes);
}

function openRuns(
  { sealed: files, directory }: StoreFiles,
  manifest: Manifest,
  blocks: ByteCache<TableBlock>,
  owned: Closable[],
): readonly SortedTable[] {
  return manifest.runs.map(({ name, records, file }) => {
    const path = runPath(directory, name);
    checkFooter(files, path, file, `${records} records`);
    try {
      const table = openSortedTable(files, path, blocks);
      owned.push(table);
      return table;
    } catch (error) {
      if (!(error instanceof DamagedTableError)) throw error;
      throw new StoreCorruptedError(path, error.offset, error.message, `${records} records`, {
        cause: error,
      });
    }
  });
}

function restoreFrame(
  header: FrameHeader,
  body: Buffer,
  segment: LogSegment,
  live: LiveStreams,
  records: RecordIndex,
): void {
  const contents = contentsOf(header, body);
  for (const { streamId, fromVersion, firstPosition, events } of contents.streams) {
    const version = live.visibleVersion(streamId);
    if (fromVersion !== version + 1) {
      throw new StoreCorruptedError(
        segment.file.path,
        segment.endOffset,
        `version ${fromVersion} of stream "${streamId}" follows version ${version}`,
        `versions ${version + 1} to ${fromVersion - 1} of the stream`,
      );
    }
    live.restore(streamId, version + events, firstPosition + events - 1);
  }
  if (contents.records.length > 0) {
    records.publish(contents.records, segment, records.moreSnapshots(contents.records));
  }
  segment.snapshots = records.snapshots;
}

/** Frames whose sync nobody has seen are written anew and synced, before anybody sees them. */
function copyUnproven(
  { frames, headers, previousCrc }: Unproven,
  make: (frames: Buffer, firstPosition: number, previousCrc: number, durableThrough: number) => LogSegment,
  end: LogEnd,
  onFrame: (frame: Pick<Frame, 'header' | 'body'>, segment: LogSegment) => void,
): LogEnd {
  const through = headers.at(-1)?.sequence ?? end.sequence;
  const segment = make(frames, headers[0]?.firstPosition ?? end.position + 1, previousCrc, through);
  let at = 0;
  for (const header of headers) {
    const bodyStart = at + FRAME_HEADER_BYTES;
    segment.addFrame(header);
    onFrame({ header, body: frames.subarray(bodyStart, bodyStart + header.bodyBytes) }, segment);
    at = bodyStart + aligned(header.bodyBytes);
  }
  return segment.end;
}

function keepTornTail(
  { log, directory }: StoreFiles,
  torn: TornTail,
  mark: string,
): OpeningReport['tornTail'] {
  ensureDirectory(log, directory.logAside);
  const copy = join(directory.logAside, `${torn.path.slice(directory.log.length + 1)}.torn-${mark}`);
  replaceFile(log, copy, torn.bytes);
  const { path, offset, problem } = torn;
  return { path, offset, problem, copy };
}

class StepWatch {
  readonly steps: { step: string; ms: number }[] = [];
  #last: number;

  constructor(private readonly host: StorageHost) {
    this.#last = host.elapsed();
  }

  done(step: string): void {
    const now = this.host.elapsed();
    this.steps.push({ step, ms: now - this.#last });
    this.#last = now;
  }
}
