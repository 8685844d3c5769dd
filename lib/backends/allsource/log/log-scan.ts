/**
 * Walks the frames of a file of the log, as far as each follows from the one before it.
 *
 * What follows from nothing is not read any further, but looked through: a whole header behind a bad place tells how
 * much had been durable when its frame was written, and so whether the bad place is a torn tail or damage.
 */
import { crc32 } from 'node:zlib';
import {
  FRAME_ALIGNMENT,
  FRAME_BODY_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  frameBytes,
  type FrameHeader,
  readFrameHeader,
} from './frame.js';
import type { LogEnd } from './log-segment.js';
import { SEGMENT_HEADER_BYTES, type SegmentStart } from './segment-header.js';

export interface Frame {
  readonly header: FrameHeader;
  readonly body: Buffer;
  readonly offset: number;
}

/** Where and why a scan ended. */
export interface ScanEnd {
  /** Behind the last good frame. */
  readonly offset: number;
  readonly end: LogEnd;
  /** What is wrong at the offset; `undefined` where nothing but zeros comes. */
  readonly problem: string | undefined;
  /** The sequence that frames, before the offset and behind it, say is durable. */
  readonly durableThrough: number;
}

/** @param through the sequence behind which a later file takes over */
export function* scanFrames(
  bytes: Buffer,
  start: SegmentStart,
  through = Number.MAX_SAFE_INTEGER,
): Generator<Frame, ScanEnd, undefined> {
  let offset = SEGMENT_HEADER_BYTES;
  let end: LogEnd = {
    sequence: start.firstSequence - 1,
    position: start.firstPosition - 1,
    crc: start.previousCrc,
  };
  let { durableThrough } = start;
  let epoch = 0;
  while (end.sequence < through) {
    const header = readFrameHeader(bytes, offset);
    const problem =
      header === undefined ? undefined : problemOf(bytes, offset, header, end, epoch, start.epoch);
    if (header === undefined || problem !== undefined) {
      const later = laterFrames(bytes, offset, end.sequence);
      const rest = problem ?? (isZero(bytes, offset) ? undefined : 'no frame begins here');
      return { offset, end, problem: rest, durableThrough: Math.max(durableThrough, later) };
    }
    const bodyStart = offset + FRAME_HEADER_BYTES;
    yield { header, body: bytes.subarray(bodyStart, bodyStart + header.bodyBytes), offset };
    offset += frameBytes(header);
    end = {
      sequence: header.sequence,
      position: header.firstPosition + header.events - 1,
      crc: header.crc,
    };
    durableThrough = Math.max(durableThrough, header.durableThrough);
    epoch = header.epoch;
  }
  return { offset, end, problem: undefined, durableThrough };
}

/** Why a frame whose header is whole does not belong here. */
function problemOf(
  bytes: Buffer,
  offset: number,
  header: FrameHeader,
  end: LogEnd,
  epoch: number,
  epochMax: number,
): string | undefined {
  if (header.sequence !== end.sequence + 1 || header.firstPosition !== end.position + 1) {
    return `the frame here has number ${header.sequence}, and ${end.sequence + 1} is wanted`;
  }
  if (header.previousCrc !== end.crc) return 'the frame here does not follow from the one before it';
  if (header.epoch < epoch || header.epoch > epochMax) return 'the frame here was written by another opening';
  const bodyStart = offset + FRAME_HEADER_BYTES;
  if (header.bodyBytes > FRAME_BODY_BYTES_MAX || bodyStart + header.bodyBytes > bytes.length) {
    return 'the frame here is longer than its file';
  }
  const crc = crc32(bytes.subarray(bodyStart, bodyStart + header.bodyBytes));
  return crc === header.bodyCrc ? undefined : 'the frame here does not fit its checksum';
}

/** The highest sequence that a frame behind `offset` says is durable, 0 where there is no later frame. */
function laterFrames(bytes: Buffer, offset: number, after: number): number {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(FRAME_MAGIC);
  let durableThrough = 0;
  for (let at = bytes.indexOf(magic, offset); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    const header = at % FRAME_ALIGNMENT === 0 ? readFrameHeader(bytes, at) : undefined;
    if (header !== undefined && header.sequence > after) {
      durableThrough = Math.max(durableThrough, header.durableThrough);
    }
  }
  return durableThrough;
}

function isZero(bytes: Buffer, from: number): boolean {
  const zeros = Buffer.alloc(Math.min(64 * 1024, Math.max(bytes.length - from, 0)));
  for (let at = from; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (!part.equals(zeros.subarray(0, part.length))) return false;
  }
  return true;
}
