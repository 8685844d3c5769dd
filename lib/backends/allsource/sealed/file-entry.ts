/** What the manifest says of a file, so that another one, or a damaged one, in its place is noticed. */
import { crc32 } from 'node:zlib';
import { StoreCorruptedError } from '../allsource.errors.js';
import type { FileSystem } from '../files/file-system.js';
import type { FileEntry } from './manifest.js';

/** Every opening reads this much of each file: where Parquet and sorted tables keep what the rest hangs on. */
const FOOTER_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

/** Reads a whole file. */
export function describeFile(files: FileSystem, path: string): FileEntry {
  return withFile(files, path, (read, bytes) => {
    let checksum = 0;
    for (let at = 0; at < bytes; at += READ_BYTES) {
      checksum = crc32(read(at, Math.min(READ_BYTES, bytes - at)), checksum);
    }
    return { bytes, checksum, footerChecksum: footerChecksum(read, bytes) };
  });
}

/** @throws StoreCorruptedError if the file is not there, or its size or end differs */
export function checkFooter(files: FileSystem, path: string, entry: FileEntry, lost: string): void {
  assertIsThere(files, path, entry, lost);
  const found = withFile(files, path, footerChecksum);
  if (found === entry.footerChecksum) return;
  const offset = Math.max(0, entry.bytes - FOOTER_BYTES);
  throw new StoreCorruptedError(path, offset, 'its end does not fit the checksum in the manifest', lost);
}

/** @throws StoreCorruptedError if the file is not exactly the one that was written */
export function checkWhole(files: FileSystem, path: string, entry: FileEntry, lost: string): void {
  assertIsThere(files, path, entry, lost);
  if (describeFile(files, path).checksum === entry.checksum) return;
  throw new StoreCorruptedError(path, 0, 'it does not fit the checksum in the manifest', lost);
}

function assertIsThere(files: FileSystem, path: string, { bytes }: FileEntry, lost: string): void {
  const status = files.stat(path);
  if (status?.kind !== 'file') throw new StoreCorruptedError(path, 0, 'the file is missing', lost);
  if (status.size === bytes) return;
  const problem = `the file has ${status.size} bytes and should have ${bytes}`;
  throw new StoreCorruptedError(path, Math.min(status.size, bytes), problem, lost);
}

type Read = (offset: number, bytes: number) => Buffer;

function footerChecksum(read: Read, bytes: number): number {
  const footer = Math.min(FOOTER_BYTES, bytes);
  return crc32(read(bytes - footer, footer));
}

function withFile<T>(files: FileSystem, path: string, work: (read: Read, bytes: number) => T): T {
  const file = files.open(path, 'read');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    return work((offset, bytes) => buffer.subarray(0, file.read(buffer, 0, bytes, offset)), file.size());
  } finally {
    file.close();
  }
}
