/**
 * The one list of what belongs to a store: whatever stands in it is whole and durable, whatever does not is set aside.
 *
 * It is small and replaced as a whole, so that it is either the old one or the new one after a crash; a checksum in its
 * first line tells a damaged one. A person can read it.
 */
import { crc32 } from 'node:zlib';
import { StoreCorruptedError, UnsupportedFormatError } from '../allsource.errors.js';
import type { FileSystem } from '../files/file-system.js';
import { readWhole, replaceFile, UNFINISHED } from '../files/store-directory.js';
import type { ParquetCodecName } from '../parquet/parquet-codec.js';

const FORMAT = 1;
const UNFINISHED_BACKUP = Buffer.from('allframe-allsource: a backup that is not finished\n');
const FIRST_LINE = /^allframe-allsource (\d+) ([0-9a-f]{8})$/;

export interface Manifest {
  /** Made up when the store is made, so that files of another store are not taken for its own. */
  readonly store: string;
  /** Counts the openings of the store; each writes its number into what it writes. */
  readonly epoch: number;
  /** Every commit up to this one is durable: a log that ends before it has lost something. */
  readonly durableThrough: number;
  /** No position up to this one may be given to an event any more, also where it was lost. */
  readonly reservedThrough: number;
  /** Where the sealed part ends and the log begins. */
  readonly sealed: SealedEnd;
  /** The files of the log, in order. */
  readonly log: readonly string[];
  /** Sealed events, by position. */
  readonly segments: readonly SegmentEntry[];
  /** Runs of records, the oldest first. */
  readonly runs: readonly RunEntry[];
}

export interface SealedEnd {
  readonly sequence: number;
  readonly position: number;
  /** The checksum of the last sealed frame. */
  readonly crc: number;
  /** Snapshots in the store as it is sealed. */
  readonly snapshots: number;
}

export interface SegmentEntry {
  /** Names of files: events in `segments/<name>.parquet`, its stream index in `index/<name>.streams`. */
  readonly name: string;
  readonly codec: ParquetCodecName;
  /** Positions, without a gap. */
  readonly from: number;
  readonly to: number;
  readonly events: FileEntry;
  readonly index: FileEntry;
}

export interface RunEntry {
  /** The file `records/<name>.run`. */
  readonly name: string;
  readonly records: number;
  readonly file: FileEntry;
}

export interface FileEntry {
  readonly bytes: number;
  /** CRC32 of the whole file: what `verify` compares. */
  readonly checksum: number;
  /** CRC32 of its last 64 KiB: what every opening compares. */
  readonly footerChecksum: number;
}

/** @param store 16 hexadecimal digits */
export function newManifest(store: string): Manifest {
  return {
    store,
    epoch: 0,
    durableThrough: 0,
    reservedThrough: 0,
    sealed: { sequence: 0, position: 0, crc: 0, snapshots: 0 },
    log: [],
    segments: [],
    runs: [],
  };
}

/** @param assertMayReplace called when only the name is left to be changed */
export function writeManifest(
  files: FileSystem,
  path: string,
  manifest: Manifest,
  assertMayReplace?: () => void,
): void {
  const content = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const checksum = crc32(content).toString(16).padStart(8, '0');
  replaceFile(
    files,
    path,
    Buffer.concat([Buffer.from(`allframe-allsource ${FORMAT} ${checksum}\n`), content]),
    // Of its own for each opening, so that one which has been taken over never gives its successor's file the name.
    `${path}.${manifest.epoch}${UNFINISHED}`,
    assertMayReplace,
  );
}

/** Stands in the place of the manifest while a backup is made. */
export function writeUnfinishedManifest(files: FileSystem, path: string): void {
  replaceFile(files, path, UNFINISHED_BACKUP);
}

/**
 * `undefined` where there is none.
 * @throws StoreCorruptedError, UnsupportedFormatError
 */
export function readManifest(files: FileSystem, path: string): Manifest | undefined {
  if (files.stat(path) === undefined) return undefined;
  const bytes = readWhole(files, path);
  if (bytes.equals(UNFINISHED_BACKUP)) {
    throw new StoreCorruptedError(path, 0, 'this is a backup that was never finished', 'what was not copied');
  }
  const lineEnd = bytes.indexOf(0x0a);
  const [, format, checksum] = FIRST_LINE.exec(bytes.toString('latin1', 0, Math.max(lineEnd, 0))) ?? [];
  const content = bytes.subarray(lineEnd + 1);
  if (Number(format) > FORMAT) throw new UnsupportedFormatError(path, Number(format), FORMAT);
  if (format === undefined || crc32(content) !== Number.parseInt(checksum ?? '', 16)) {
    throw new StoreCorruptedError(path, 0, 'it does not fit its checksum', "the list of the store's files");
  }
  return JSON.parse(content.toString()) as Manifest;
}
