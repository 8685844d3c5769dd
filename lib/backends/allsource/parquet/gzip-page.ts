/**
 * Pages are gzip: every supported Node has it (zstd only from 22.15), and its CRC-32 notices damage, which Parquet does not.
 */
import { gunzipSync, gzipSync } from 'node:zlib';

/** More than deflate can shrink anything (1,032 : 1), so that a damaged length never asks for absurd memory. */
const EXPANSION_MAX = 1_040;

/** The most that is set aside for a page before it is known to be that long. */
const CHUNK_BYTES_MAX = 1 << 20;

/** Level 1: within a few percent of the others on pages of 4 KB, at half the time. */
export function compressPage(page: Uint8Array): Uint8Array {
  return gzipSync(page, { level: 1 });
}

/** @throws Error where the bytes are no gzip of exactly `length` bytes. */
export function decompressPage(compressed: Uint8Array, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 1 || length > compressed.length * EXPANSION_MAX) {
    throw new RangeError(`${compressed.length} bytes of gzip cannot hold ${length} bytes`);
  }
  // One byte more than is needed ends the work in one step.
  const chunkSize = Math.min(Math.max(length + 1, 64), CHUNK_BYTES_MAX);
  const page = gunzipSync(compressed, { maxOutputLength: length, chunkSize });
  if (page.length !== length) throw new RangeError(`holds ${page.length} bytes instead of ${length}`);
  // In memory of its own: hyparquet reads numbers behind the end of a damaged page where there is anything to be read, and a
  // page that is kept must not keep the pool's memory.
  return new Uint8Array(page);
}
