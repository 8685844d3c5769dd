/** The first 64 bytes of a file of the write-ahead log: what has to stand before and in it. */
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER_BYTES = 64;
/** `AFL1`, as it is read. */
const MAGIC = 0x314c4641;
const FORMAT_VERSION = 1;
const STORE_BYTES = 8;

/** Where a segment of the log begins. */
export interface SegmentStart {
  /** Of the opening that made the file; its frames may have been copied from earlier ones. */
  readonly epoch: number;
  readonly firstSequence: number;
  readonly firstPosition: number;
  /** The checksum of the frame before, 0 where there is none. */
  readonly previousCrc: number;
  /** Every commit up to this sequence was durable before the file was used. */
  readonly durableThrough: number;
  /** The store that the file belongs to, 16 hexadecimal digits. */
  readonly store: string;
  /** The size that the file was made with, zeros and all: a smaller file has lost its end. */
  readonly capacity: number;
}

export function encodeSegmentHeader(start: SegmentStart): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(start.epoch, 12);
  bytes.writeDoubleLE(start.firstSequence, 16);
  bytes.writeDoubleLE(start.firstPosition, 24);
  bytes.writeDoubleLE(start.durableThrough, 32);
  bytes.writeDoubleLE(start.capacity, 40);
  bytes.writeUInt32LE(start.previousCrc, 48);
  bytes.write(start.store, 52, STORE_BYTES, 'hex');
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** `undefined` where the header is damaged. */
export function readSegmentHeader(bytes: Buffer): SegmentStart | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8, SEGMENT_HEADER_BYTES))) return undefined;
  if (bytes.readUInt32LE(8) !== FORMAT_VERSION) return undefined;
  return {
    epoch: bytes.readUInt32LE(12),
    firstSequence: bytes.readDoubleLE(16),
    firstPosition: bytes.readDoubleLE(24),
    durableThrough: bytes.readDoubleLE(32),
    capacity: bytes.readDoubleLE(40),
    previousCrc: bytes.readUInt32LE(48),
    store: bytes.toString('hex', 52, 52 + STORE_BYTES),
  };
}
