/**
 * Makes a damaged store open again by keeping the longest undamaged beginning of it.
 *
 * Nothing is thrown away: the manifest and every file that is changed or left out is kept as it was in a folder of its
 * own. What comes behind the damage cannot be kept in its place, since versions and positions must have no holes.
 */
import { basename, dirname, join } from 'node:path';
import { SNAPSHOT_COLLECTION } from '../../../core/commit.js';
import { Limits } from '../../../core/limits.js';
import type { StoredEvent } from '../../../core/stored-event.js';
import { StorageUnavailableError, StoreCorruptedError } from '../allsource.errors.js';
import { type AllSourceSettings, WAL_SEGMENT_BYTES_MAX } from '../allsource-options.js';
import type { FileSystem } from '../files/file-system.js';
import { ensureDirectory, isUnreadable, readWhole, replaceFile } from '../files/store-directory.js';
import { buildSegment } from '../jobs/run-job.js';
import { EVENT_BYTES_MIN, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, readFrameHeader } from '../log/frame.js';
import { scanFrames } from '../log/log-scan.js';
import type { LogEnd } from '../log/log-segment.js';
import { encodeSegmentHeader, readSegmentHeader, type SegmentStart } from '../log/segment-header.js';
import type { StoreFiles } from '../files/store-files.js';
import { ParquetSegment } from '../parquet/parquet-segment.js';
import { RecordIndex } from '../records/record-index.js';
import { checkWhole } from '../sealed/file-entry.js';
import {
  type Manifest,
  readManifest,
  type RunEntry,
  type SealedEnd,
  type SegmentEntry,
  writeManifest,
} from '../sealed/manifest.js';
import { runPath, segmentPaths } from '../sealed/sealed-names.js';
import { ByteCache } from '../tables/byte-cache.js';
import { openSortedTable, type SortedTable } from '../tables/sorted-table.js';

/** Events that a file of the log can hold, at most. */
const FILE_EVENTS_MAX = Math.ceil(WAL_SEGMENT_BYTES_MAX / EVENT_BYTES_MIN);

/**
 * What a repair did.
 * @publicApi
 */
export interface RepairReport {
  /** The last commit that is kept. */
  readonly keptThrough: { readonly sequence: number; readonly position: number };
  /** What was wrong, and what is lost by it, a line for each place; empty if nothing was. */
  readonly problems: readonly string[];
  /** Where the files are kept as they were; `undefined` if nothing was changed. */
  readonly originals: string | undefined;
}

/** @param now milliseconds since 1970, for the name of the folder */
export async function repairStore(
  files: StoreFiles,
  settings: AllSourceSettings,
  now: number,
): Promise<RepairReport> {
  const { directory } = files;
  const manifest = readManifest(files.sealed, directory.manifest);
  if (manifest === undefined) {
    throw new StorageUnavailableError(directory.path, 'there is no store to repair: it has no manifest');
  }
  const isThere = (name: string): boolean => files.log.stat(join(directory.log, name)) !== undefined;
  if (manifest.log.length > 0 && !manifest.log.some(isThere)) {
    throw new StorageUnavailableError(
      directory.log,
      'none of the files of the log is here, and nothing was changed; if the log has a directory of its own, give it as walPath, and if it is lost, put one of its files back from a backup',
    );
  }
  const repair = new Repair(files, settings, manifest, join(directory.path, `repair-${now}`));
  return repair.run();
}

class Repair {
  readonly #problems: string[] = [];
  readonly #kept = new Set<string>();
  #isBroken = false;
  #cut = (): void => undefined;

  constructor(
    private readonly files: StoreFiles,
    private readonly settings: AllSourceSettings,
    private readonly manifest: Manifest,
    private readonly originals: string,
  ) {}

  async run(): Promise<RepairReport> {
    const { directory } = this.files;
    const segments = await this.#segments();
    const runs = await this.#runs();
    const kept = this.#isBroken ? this.#sealedAfter(segments) : this.manifest.sealed;
    const sealed =
      runs.length === this.manifest.runs.length ? kept : { ...kept, snapshots: this.#snapshotsIn(runs) };
    const { log, end } = this.#isBroken ? { log: [], end: sealed } : this.#log();
    const report = {
      keptThrough: { sequence: end.sequence, position: end.position },
      problems: this.#problems,
      originals: this.#problems.length > 0 ? this.originals : undefined,
    };
    if (this.#problems.length === 0) return report;
    this.#keepOriginal(this.files.sealed, directory.manifest);
    writeManifest(this.files.sealed, directory.manifest, {
      ...this.manifest,
      segments,
      runs,
      sealed,
      log,
      durableThrough: end.sequence,
      reservedThrough: Math.max(this.manifest.reservedThrough, this.#lastKnownPosition()),
    });
    // After the manifest: only the damaged file tells which positions have been used.
    this.#cut();
    return report;
  }

  /** Those before the first whose events are damaged. An index can be made anew. */
  async #segments(): Promise<readonly SegmentEntry[]> {
    const { sealed: files, directory } = this.files;
    const kept: SegmentEntry[] = [];
    for (const entry of this.manifest.segments) {
      const paths = segmentPaths(directory, entry.name);
      const lost = `events from position ${entry.from} on`;
      const damage = await damageOf(paths.events, lost, checkWhole(files, paths.events, entry.events, lost));
      if (damage !== undefined) {
        this.#isBroken = true;
        this.#problems.push(damage);
        this.#keepOriginal(files, paths.events);
        this.#keepOriginal(files, paths.index);
        break;
      }
      const nothing = 'nothing: the index is made anew';
      const indexDamage = await damageOf(
        paths.index,
        nothing,
        checkWhole(files, paths.index, entry.index, nothing),
      );
      if (indexDamage === undefined) {
        kept.push(entry);
        continue;
      }
      this.#problems.push(indexDamage);
      this.#keepOriginal(files, paths.events);
      this.#keepOriginal(files, paths.index);
      const codec = this.settings.parquetCodec;
      const rebuilt = await buildSegment(files, directory, codec, eventsOfFile(files, paths.events));
      if (rebuilt !== undefined) kept.push(rebuilt);
    }
    return kept;
  }

  async #runs(): Promise<readonly RunEntry[]> {
    const { sealed: files, directory } = this.files;
    const kept: RunEntry[] = [];
    for (const entry of this.manifest.runs) {
      const path = runPath(directory, entry.name);
      const lost = `up to ${entry.records} records: what they held before, if anything, is found in their place`;
      const damage = await damageOf(path, lost, checkWhole(files, path, entry.file, lost));
      if (damage === undefined) {
        kept.push(entry);
        continue;
      }
      this.#problems.push(damage);
      this.#keepOriginal(files, path);
    }
    return kept;
  }

  #snapshotsIn(runs: readonly RunEntry[]): number {
    const { sealed: files, directory } = this.files;
    const tables: SortedTable[] = [];
    try {
      for (const { name } of runs) {
        tables.push(openSortedTable(files, runPath(directory, name), new ByteCache(0)));
      }
      const index = new RecordIndex(tables, 0);
      let count = 0;
      for (let after = '', page = 1; page > 0;) {
        const found = index.list(SNAPSHOT_COLLECTION, { prefix: '', after, limit: Limits.pageEventsMax });
        count += page = found.length;
        after = found.at(-1)?.key ?? '';
      }
      return count;
    } finally {
      for (const table of tables) table.close();
    }
  }

  /** The log begins anew behind the last segment that is kept; positions that were used are not used again. */
  #sealedAfter(segments: readonly SegmentEntry[]): SealedEnd {
    const { sealed, durableThrough } = this.manifest;
    this.#keepOriginals(0);
    const sequence = Math.max(sealed.sequence, durableThrough);
    return { ...sealed, sequence, position: segments.at(-1)?.to ?? 0, crc: 0 };
  }

  /** The files before the first damage, and the beginning of the damaged one. */
  #log(): { readonly log: readonly string[]; readonly end: LogEnd } {
    const { directory } = this.files;
    const log: string[] = [];
    let end: LogEnd = this.manifest.sealed;
    for (const [i, name] of this.manifest.log.entries()) {
      const path = join(directory.log, name);
      const bytes = this.#bytesOf(name) ?? Buffer.alloc(0);
      const start = readSegmentHeader(bytes);
      const follows = start?.firstSequence === end.sequence + 1 && start.previousCrc === end.crc;
      if (start === undefined || !follows) {
        this.#problems.push(
          `${path}: it is missing, cannot be read, or its header is damaged; lost is what comes after commit ${end.sequence}`,
        );
        this.#keepOriginals(i);
        break;
      }
      // What stands behind the beginning of the next file has been copied into that.
      const next = this.manifest.log[i + 1];
      const nextStart = next === undefined ? undefined : this.#startOf(next);
      const frames = scanFrames(bytes, start, nextStart && nextStart.firstSequence - 1);
      let step = frames.next();
      while (step.done !== true) step = frames.next();
      const { offset, problem, durableThrough } = step.value;
      const isLast = i === this.manifest.log.length - 1;
      const wanted = Math.max(durableThrough, isLast ? this.manifest.durableThrough : 0);
      end = step.value.end;
      log.push(name);
      const isWhole = bytes.length >= start.capacity && end.sequence >= wanted;
      // A file that is missing, or whose header is damaged, is met in the next turn.
      if (isWhole && (nextStart === undefined || nextStart.firstSequence === end.sequence + 1)) continue;
      this.#problems.push(
        `${path}, byte ${offset}: ${problem ?? 'the log ends here'}; lost is what comes after commit ${end.sequence}`,
      );
      this.#keepOriginals(i);
      this.#cut = () => this.#shorten(path, bytes, start, offset);
      break;
    }
    return { log, end };
  }

  #startOf(name: string): SegmentStart | undefined {
    const bytes = this.#bytesOf(name);
    return bytes && readSegmentHeader(bytes);
  }

  /** A file of the log; `undefined` where it is missing or cannot be read. */
  #bytesOf(name: string): Buffer | undefined {
    const path = join(this.files.directory.log, name);
    if (this.files.log.stat(path)?.kind !== 'file') return undefined;
    try {
      return readWhole(this.files.log, path);
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  /** Puts a file in the place of the damaged one that ends where that is still good. */
  #shorten(path: string, bytes: Buffer, start: SegmentStart, offset: number): void {
    const content = Buffer.alloc(start.capacity);
    bytes.copy(content, 0, 0, offset);
    encodeSegmentHeader({ ...start, durableThrough: 0 }).copy(content);
    replaceFile(this.files.log, path, content);
  }

  /** As far as anybody can have seen events: what is lost leaves a gap. */
  #lastKnownPosition(): number {
    const { log, sealed } = this.manifest;
    let last = sealed.position;
    for (const name of log) {
      const bytes = this.#bytesOf(name);
      last = bytes === undefined ? last + FILE_EVENTS_MAX : Math.max(last, lastPositionIn(bytes));
    }
    return last;
  }

  #keepOriginals(from: number): void {
    for (const name of this.manifest.log.slice(from)) {
      this.#keepOriginal(this.files.log, join(this.files.directory.log, name));
    }
  }

  #keepOriginal(files: FileSystem, path: string): void {
    if (this.#kept.has(path) || files.stat(path)?.kind !== 'file') return;
    this.#kept.add(path);
    ensureDirectory(files, this.originals);
    const original = join(this.originals, basename(path));
    try {
      replaceFile(files, original, readWhole(files, path));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // What cannot be copied is moved.
      files.rename(path, original);
      for (const folder of [this.originals, dirname(path)]) files.syncDirectory(folder);
    }
  }
}

/** The end of the last frame whose header is whole, wherever it stands. */
function lastPositionIn(bytes: Buffer): number {
  let last = 0;
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; at += FRAME_ALIGNMENT) {
    const header = readFrameHeader(bytes, at);
    if (header !== undefined) last = Math.max(last, header.firstPosition + header.events - 1);
  }
  return last;
}

async function damageOf(path: string, lost: string, checked: Promise<void>): Promise<string | undefined> {
  try {
    await checked;
    return undefined;
  } catch (error) {
    if (error instanceof StoreCorruptedError) return `${path}: ${error.problem}; lost is ${lost}`;
    if (isUnreadable(error)) return `${path}: it cannot be read; lost is ${lost}`;
    throw error;
  }
}

async function* eventsOfFile(
  files: FileSystem,
  path: string,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const file = files.open(path, 'read');
  try {
    const segment = new ParquetSegment(file);
    for (const { firstRow, rows } of segment.rowGroups())
      yield await segment.readRows(firstRow, firstRow + rows);
  } finally {
    file.close();
  }
}
