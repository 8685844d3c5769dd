/**
 * The binary form of one commit in the write-ahead log: a header of 64 bytes, and a body with its events and records.
 *
 * The header has a checksum of its own, so that a damaged length is never trusted, and holds that of the frame before
 * it, so that a lost or swapped frame is noticed. All numbers are little-endian; positions, sequences, versions and
 * times are doubles, which hold every safe integer exactly.
 *
 * | header at | holds                                   | | header at | holds                          |
 * | --------- | --------------------------------------- |-| --------- | ------------------------------ |
 * | 0         | magic `AFF1`                            | | 24        | sequence of the commit, from 1 |
 * | 4         | CRC32 of the header from byte 8         | | 32        | position of its first event    |
 * | 8         | bytes of the body, without padding      | | 40        | sequence known to be durable   |
 * | 12        | CRC32 of the body                       | | 48        | time, milliseconds since 1970  |
 * | 16        | bytes 4 to 8 of the frame before it     | | 56        | events                         |
 * | 20        | epoch of the opening that wrote it      | | 60        | streams (2 bytes), records (2) |
 */
import { strict as assert } from 'node:assert';
import { crc32 } from 'node:zlib';
import type { Commit } from '../../../core/commit.js';
import type { GrowingBuffer } from './growing-buffer.js';

export const FRAME_HEADER_BYTES = 64;
/** `AFF1`, as it is read. */
export const FRAME_MAGIC = 0x31464641;
/** Frames begin at multiples of this. */
export const FRAME_ALIGNMENT = 8;
/** A body is a commit of at most 16 MiB of JSON and 64 MiB of names; a length beyond is not one of ours. */
export const FRAME_BODY_BYTES_MAX = 256 * 1024 * 1024;

export const EVENT_ID_BYTES = 36;
/** What an event takes at least: its id, a type and data of one sign each, and what stands between them. */
export const EVENT_BYTES_MIN = EVENT_ID_BYTES + 16;
/** What most events have, and no length says: a text of JSON is never empty. */
export const EMPTY_METADATA = '{}';
/** The length that stands for a record that is deleted. */
export const DELETED = 0xffff_ffff;
const UTF8_BYTES_PER_UNIT = 3;
const ASCII_MAX = 0x7f;
const SHORT_TEXT_UNITS = 128;

export interface FrameHeader {
  readonly crc: number;
  readonly bodyBytes: number;
  readonly bodyCrc: number;
  readonly previousCrc: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Of its first event; of the next event to come where it has none. */
  readonly firstPosition: number;
  /** Every commit up to this sequence had been synced when the frame was made. */
  readonly durableThrough: number;
  readonly recordedAt: number;
  readonly events: number;
  readonly streams: number;
  readonly records: number;
}

/** Where a commit stands in the log. */
export interface FramePlace {
  readonly previousCrc: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly firstPosition: number;
  readonly durableThrough: number;
  /** Where each stream of the commit ends before it, in the order of the commit. */
  readonly streams: readonly StreamEnd[];
}

interface StreamEnd {
  readonly version: number;
  /** The position of its last event, if that is in the log; else 0. Readers of a stream follow it back. */
  readonly lastPosition: number;
}

/** Appends a commit's frame to `out` and gives its checksum, which the next frame has to hold. */
export function encodeFrame(out: GrowingBuffer, commit: Commit, place: FramePlace): number {
  const start = out.length;
  assert.equal(start % FRAME_ALIGNMENT, 0);
  out.ensure(FRAME_HEADER_BYTES);
  out.length += FRAME_HEADER_BYTES;
  let events = 0;
  for (let i = 0; i < commit.streams.length; i++) {
    const stream = commit.streams[i] as Commit['streams'][number];
    const { version, lastPosition } = place.streams[i] as StreamEnd;
    events += stream.events.length;
    putName(out, stream.streamId);
    out.ensure(20);
    putDouble(out, version + 1);
    putDouble(out, lastPosition);
    putUint32(out, stream.events.length);
    for (const { id, type, schemaVersion, data, metadata } of stream.events) {
      out.ensure(EVENT_ID_BYTES * UTF8_BYTES_PER_UNIT);
      out.length += writeUtf8(out, id, out.length);
      putName(out, type);
      out.ensure(4);
      putUint32(out, schemaVersion);
      putText(out, data);
      putText(out, metadata === EMPTY_METADATA ? '' : metadata);
    }
  }
  for (const { collection, key, value } of commit.records) {
    putName(out, collection);
    putName(out, key);
    if (value !== null) putText(out, value);
    else {
      out.ensure(4);
      putUint32(out, DELETED);
    }
  }

  const bodyStart = start + FRAME_HEADER_BYTES;
  const bodyBytes = out.length - bodyStart;
  out.ensure(FRAME_ALIGNMENT);
  while (out.length % FRAME_ALIGNMENT !== 0) out.bytes[out.length++] = 0;
  const { bytes, view } = out;
  view.setUint32(start, FRAME_MAGIC, true);
  view.setUint32(start + 8, bodyBytes, true);
  view.setUint32(start + 12, crc32(bytes.subarray(bodyStart, bodyStart + bodyBytes)), true);
  view.setUint32(start + 16, place.previousCrc, true);
  view.setUint32(start + 20, place.epoch, true);
  view.setFloat64(start + 24, place.sequence, true);
  view.setFloat64(start + 32, place.firstPosition, true);
  view.setFloat64(start + 40, place.durableThrough, true);
  view.setFloat64(start + 48, commit.recordedAt, true);
  view.setUint32(start + 56, events, true);
  view.setUint16(start + 60, commit.streams.length, true);
  view.setUint16(start + 62, commit.records.length, true);
  const crc = crc32(bytes.subarray(start + 8, bodyStart));
  view.setUint32(start + 4, crc, true);
  return crc;
}

/** The header at `offset`, `undefined` where none begins or its checksum does not fit. */
export function readFrameHeader(bytes: Buffer, offset: number): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length || bytes.readUInt32LE(offset) !== FRAME_MAGIC)
    return undefined;
  const crc = bytes.readUInt32LE(offset + 4);
  if (crc !== crc32(bytes.subarray(offset + 8, offset + FRAME_HEADER_BYTES))) return undefined;
  return {
    crc,
    bodyBytes: bytes.readUInt32LE(offset + 8),
    bodyCrc: bytes.readUInt32LE(offset + 12),
    previousCrc: bytes.readUInt32LE(offset + 16),
    epoch: bytes.readUInt32LE(offset + 20),
    sequence: bytes.readDoubleLE(offset + 24),
    firstPosition: bytes.readDoubleLE(offset + 32),
    durableThrough: bytes.readDoubleLE(offset + 40),
    recordedAt: bytes.readDoubleLE(offset + 48),
    events: bytes.readUInt32LE(offset + 56),
    streams: bytes.readUInt16LE(offset + 60),
    records: bytes.readUInt16LE(offset + 62),
  };
}

/** The bytes of a whole frame with its padding. */
export function frameBytes({ bodyBytes }: Pick<FrameHeader, 'bodyBytes'>): number {
  return aligned(FRAME_HEADER_BYTES + bodyBytes);
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Names are at most 1,024 bytes, so their lengths take two. */
function putName(out: GrowingBuffer, name: string): void {
  out.ensure(2 + name.length * UTF8_BYTES_PER_UNIT);
  const written = writeUtf8(out, name, out.length + 2);
  out.view.setUint16(out.length, written, true);
  out.length += 2 + written;
}

function putText(out: GrowingBuffer, text: string): void {
  out.ensure(4 + text.length * UTF8_BYTES_PER_UNIT);
  const written = writeUtf8(out, text, out.length + 4);
  out.view.setUint32(out.length, written, true);
  out.length += 4 + written;
}

/** Short texts of ASCII are written sign by sign, which takes less time than a call out of JavaScript. Gives the bytes. */
function writeUtf8({ bytes }: GrowingBuffer, text: string, at: number): number {
  const { length } = text;
  if (length > SHORT_TEXT_UNITS) return bytes.write(text, at);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > ASCII_MAX) return bytes.write(text, at);
    bytes[at + i] = code;
  }
  return length;
}

function putUint32(out: GrowingBuffer, value: number): void {
  out.view.setUint32(out.length, value, true);
  out.length += 4;
}

function putDouble(out: GrowingBuffer, value: number): void {
  out.view.setFloat64(out.length, value, true);
  out.length += 8;
}
