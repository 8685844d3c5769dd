/**
 * Reads the log as it was left, and decides what a bad place in it means.
 *
 * A commit is acknowledged only after its sync, and every frame says how far syncs had come when it was made. So a bad
 * place behind all of that is the end of a group that was never finished: a torn tail, to be cut. A bad place before it
 * is damage to what was acknowledged, and the store is not opened.
 */
import { join } from 'node:path';
import { StoreCorruptedError } from '../allsource.errors.js';
import type { FileSystem } from '../files/file-system.js';
import { readHead, readWhole } from '../files/store-directory.js';
import { FRAME_ALIGNMENT, type FrameHeader } from '../log/frame.js';
import { type Frame, type ScanEnd, scanFrames } from '../log/log-scan.js';
import { type LogEnd, LogSegment } from '../log/log-segment.js';
import { readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentStart } from '../log/segment-header.js';
import type { Manifest } from '../sealed/manifest.js';

export interface RecoveredLog {
  /** The files that hold what is known to be durable, without those that hold nothing. */
  readonly segments: readonly LogSegment[];
  /** Files that hold nothing more, or nothing that is not copied. */
  readonly emptied: readonly string[];
  /** Whole commits behind what is known to be durable: they may exist in the page cache only. */
  readonly unproven: Unproven | undefined;
  readonly end: LogEnd;
  readonly torn: TornTail | undefined;
}

/** What has to be closed again if the opening fails. */
export interface Closable {
  close(): void;
}

/** To be copied into a new file, byte by byte. */
export interface Unproven {
  readonly frames: Buffer;
  readonly headers: readonly FrameHeader[];
  /** The checksum of the frame before them. */
  readonly previousCrc: number;
}

/** What is cut from the end of the log: the beginning of a group that was never finished. */
export interface TornTail {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
  readonly problem: string;
}

/**
 * @param onFrame is told of every commit, in order
 * @param owned gets the files that stay open
 * @throws StoreCorruptedError
 */
export function recoverLog(
  files: FileSystem,
  directory: string,
  manifest: Manifest,
  onFrame: (frame: Frame, segment: LogSegment) => void,
  owned: Closable[],
): RecoveredLog {
  const segments: LogSegment[] = [];
  const emptied: string[] = [];
  let end: LogEnd = manifest.sealed;
  let { durableThrough } = manifest;
  let unproven: Unproven | undefined;
  let torn: TornTail | undefined;
  const starts = manifest.log.map((name) => startOf(files, join(directory, name), manifest));
  for (const [i, name] of manifest.log.entries()) {
    const path = join(directory, name);
    const start = starts[i] as SegmentStart;
    const next = starts[i + 1];
    assertFollows(path, start, end);
    const bytes = readWhole(files, path);
    if (bytes.length < start.capacity) {
      throw damaged(path, bytes.length, `the file had ${start.capacity} bytes, and its end is missing`, end);
    }
    const frames: Frame[] = [];
    const scan = scanFrames(bytes, start, next && next.firstSequence - 1);
    let step = scan.next();
    for (; step.done !== true; step = scan.next()) frames.push(step.value);
    const scanned = step.value;
    durableThrough = Math.max(durableThrough, scanned.durableThrough);
    const wanted = next === undefined ? durableThrough : next.firstSequence - 1;
    if (scanned.end.sequence < wanted) {
      throw damaged(path, scanned.offset, scanned.problem ?? 'the log ends here', scanned.end, wanted);
    }
    const proven = frames.filter(({ header }) => header.sequence <= wanted);
    const segment = new LogSegment(name, files.open(path, 'write'), start);
    owned.push(segment);
    for (const frame of proven) {
      segment.addFrame(frame.header);
      onFrame(frame, segment);
    }
    end = segment.end;
    if (segment.hasFrames) segments.push(segment);
    else {
      segment.close();
      emptied.push(name);
    }
    if (next !== undefined) continue;
    unproven = unprovenOf(bytes, frames.slice(proven.length), scanned, segment.end.crc);
    torn = tornTailOf(path, bytes, scanned);
  }
  if (end.sequence < durableThrough) {
    throw damaged(directory, 0, 'there is no log', end, durableThrough);
  }
  return { segments, emptied, unproven, end, torn };
}

function startOf(files: FileSystem, path: string, { store }: Manifest): SegmentStart {
  if (files.stat(path)?.kind !== 'file') {
    const problem = 'the file is missing (if the log has a directory of its own, give it as walPath)';
    throw new StoreCorruptedError(path, 0, problem, 'the commits in it');
  }
  const start = readSegmentHeader(readHead(files, path, SEGMENT_HEADER_BYTES));
  if (start === undefined) {
    throw new StoreCorruptedError(path, 0, 'the header of the file is damaged', 'the commits in it');
  }
  if (start.store !== store) {
    throw new StoreCorruptedError(
      path,
      0,
      'the file belongs to another store',
      'the commits in the file of this one',
    );
  }
  return start;
}

function assertFollows(path: string, start: SegmentStart, end: LogEnd): void {
  const follows =
    start.firstSequence === end.sequence + 1 &&
    start.previousCrc === end.crc &&
    start.firstPosition > end.position;
  if (follows) return;
  throw damaged(
    path,
    0,
    `it begins with commit ${start.firstSequence}, and ${end.sequence + 1} is wanted`,
    end,
  );
}

function unprovenOf(
  bytes: Buffer,
  frames: readonly Frame[],
  scanned: ScanEnd,
  previousCrc: number,
): Unproven | undefined {
  const [first] = frames;
  if (first === undefined) return undefined;
  return {
    frames: Buffer.from(bytes.subarray(first.offset, scanned.offset)),
    headers: frames.map(({ header }) => header),
    previousCrc,
  };
}

function tornTailOf(path: string, bytes: Buffer, { offset, problem }: ScanEnd): TornTail | undefined {
  if (problem === undefined) return undefined;
  let last = bytes.length;
  while (last > offset && bytes[last - 1] === 0) last--;
  const tail = Buffer.from(
    bytes.subarray(offset, Math.max(last, Math.min(offset + FRAME_ALIGNMENT, bytes.length))),
  );
  return { path, offset, bytes: tail, problem };
}

function damaged(
  path: string,
  offset: number,
  problem: string,
  end: LogEnd,
  through?: number,
): StoreCorruptedError {
  const lost =
    through === undefined
      ? `what comes after commit ${end.sequence} (position ${end.position})`
      : `at least commits ${end.sequence + 1} to ${through}, from position ${end.position + 1} on`;
  return new StoreCorruptedError(path, offset, problem, lost);
}
