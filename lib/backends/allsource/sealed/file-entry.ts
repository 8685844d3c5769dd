/** What the manifest says of a file, so that another one, or a damaged one, in its place is noticed. */
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { StoreCorruptedError } from '../allsource.errors.js';
import type { FileSystem, OpenFile } from '../files/file-system.js';
import type { FileEntry } from './manifest.js';

/** Every opening reads this much of each file: where Parquet and sorted tables keep what the rest hangs on. */
const FOOTER_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

/** Reads a whole file, with pauses in which others have their turn. */
export async function describeFile(files: FileSystem, path: string): Promise<FileEntry> {
  const file = files.open(path, 'read');
  try {
    return {
      bytes: file.size(),
      checksum: await checksumOf(file),
      footerChecksum: footerChecksumOf(file),
    };
  } finally {
    file.close();
  }
}

/** @throws StoreCorruptedError if the file is not there, or its size or end differs */
export function checkFooter(files: FileSystem, path: string, entry: FileEntry, lost: string): void {
  assertIsThere(files, path, entry, lost);
  const file = files.open(path, 'read');
  try {
    if (footerChecksumOf(file) === entry.footerChecksum) return;
  } finally {
    file.close();
  }
  const offset = Math.max(0, entry.bytes - FOOTER_BYTES);
  throw new StoreCorruptedError(path, offset, 'its end does not fit the checksum in the manifest', lost);
}

/**
 * Reads a whole file, with pauses in which others have their turn.
 * @throws StoreCorruptedError if the file is not exactly the one that was written
 */
export async function checkWhole(
  files: FileSystem,
  path: string,
  entry: FileEntry,
  lost: string,
): Promise<void> {
  assertIsThere(files, path, entry, lost);
  const file = files.open(path, 'read');
  try {
    if ((await checksumOf(file)) === entry.checksum) return;
  } finally {
    file.close();
  }
  throw new StoreCorruptedError(path, 0, 'it does not fit the checksum in the manifest', lost);
}

function assertIsThere(files: FileSystem, path: string, { bytes }: FileEntry, lost: string): void {
  const status = files.stat(path);
  if (status?.kind !== 'file') throw new StoreCorruptedError(path, 0, 'the file is missing', lost);
  if (status.size === bytes) return;
  const problem = `the file has ${status.size} bytes and should have ${bytes}`;
  throw new StoreCorruptedError(path, Math.min(status.size, bytes), problem, lost);
}

async function checksumOf(file: OpenFile): Promise<number> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let checksum = 0;
  for (let at = 0, got: number; (got = file.read(buffer, 0, READ_BYTES, at)) > 0; at += got) {
    checksum = crc32(buffer.subarray(0, got), checksum);
    await setImmediate();
  }
  return checksum;
}

function footerChecksumOf(file: OpenFile): number {
  const size = file.size();
  const footer = Buffer.allocUnsafe(Math.min(FOOTER_BYTES, size));
  return crc32(footer.subarray(0, file.read(footer, 0, footer.length, size - footer.length)));
}
