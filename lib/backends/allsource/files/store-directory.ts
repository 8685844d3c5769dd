/** The folders of a store, and the care with which files in them are made and replaced. */
import { dirname, join } from 'node:path';
import { StorageUnavailableError } from '../allsource.errors.js';
import type { FileSystem } from './file-system.js';

/** What is being written has this ending until it is whole. */
export const UNFINISHED = '.tmp';

/** Where things are. */
export class StoreDirectory {
  readonly manifest: string;
  readonly segments: string;
  readonly index: string;
  readonly records: string;
  /** What no manifest knows: kept for people, never read. */
  readonly aside: string;
  /** The same of the log, and what was cut off it. */
  readonly logAside: string;

  constructor(
    readonly path: string,
    readonly log: string,
  ) {
    this.manifest = join(path, 'MANIFEST');
    this.segments = join(path, 'segments');
    this.index = join(path, 'index');
    this.records = join(path, 'records');
    this.aside = join(path, 'aside');
    this.logAside = join(log, 'aside');
  }
}

/**
 * Makes a directory and those above it, each durable in its parent.
 * @throws StorageUnavailableError if that is not possible, or something else stands there
 */
export function ensureDirectory(files: FileSystem, path: string): void {
  const status = attempt(() => files.stat(path), path, 'it cannot be looked at');
  if (status?.kind === 'directory') return;
  if (status !== undefined) {
    throw new StorageUnavailableError(
      path,
      'a directory is wanted here, and there is a file; give another path, or move the file away',
    );
  }
  const parent = dirname(path);
  if (parent !== path) ensureDirectory(files, parent);
  attempt(
    () => {
      try {
        files.makeDirectory(path);
      } catch (error) {
        // Another process that opens the store may have been faster; which of them gets it, the lock decides.
        if (files.stat(path)?.kind !== 'directory') throw error;
      }
      files.syncDirectory(parent);
    },
    path,
    'the directory cannot be created',
  );
}

/**
 * Replaces a small file as a whole: after a crash it holds either what it held or the new content.
 * @param unfinished where the new content is written first
 * @param assertMayReplace called when only the name is left to be changed
 */
export function replaceFile(
  files: FileSystem,
  path: string,
  content: Buffer,
  unfinished = path + UNFINISHED,
  assertMayReplace = (): void => undefined,
): void {
  if (files.stat(unfinished) !== undefined) files.remove(unfinished);
  const file = files.open(unfinished, 'create');
  try {
    file.write(content, 0, content.length, 0);
    file.sync();
  } finally {
    file.close();
  }
  assertMayReplace();
  files.rename(unfinished, path);
  try {
    files.syncDirectory(dirname(path));
  } catch (error) {
    // Not the error of a full disk, which would say that nothing was changed.
    throw new StorageUnavailableError(path, 'it was replaced, and may be the old one after a crash', {
      cause: error,
    });
  }
}

/** The whole content of a file. */
export function readWhole(files: FileSystem, path: string): Buffer {
  const file = files.open(path, 'read');
  try {
    const content = Buffer.allocUnsafe(file.size());
    return content.subarray(0, file.read(content, 0, content.length, 0));
  } finally {
    file.close();
  }
}

/** The first bytes of a file, fewer if it is shorter. */
export function readHead(files: FileSystem, path: string, bytes: number): Buffer {
  const file = files.open(path, 'read');
  try {
    const head = Buffer.alloc(bytes);
    return head.subarray(0, file.read(head, 0, bytes, 0));
  } finally {
    file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not; change its permissions, or give another path',
  EPERM: 'this user may not; change its permissions, or give another path',
  EROFS: 'the file system is read-only; give a path on one that can be written to',
  ENOSPC: 'the disk is full; free some space',
  ENOTDIR: 'a part of the path is a file; give another path',
  EIO: 'the disk reports an error (EIO); look after it, and restore a backup or repair the store',
  ENAMETOOLONG: 'the path is too long; give a shorter one',
};

/** Does something with a directory, and says in words why it failed. */
function attempt<T>(work: () => T, path: string, problem: string): T {
  try {
    return work();
  } catch (error) {
    throw storageError(error, path, problem);
  }
}

/** An error of the file system in words; any other as it is. */
export function storageError(error: unknown, path: string, problem: string): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  return new StorageUnavailableError(path, `${problem}: ${REASONS[code] ?? code}`, { cause: error });
}

/** A part of the disk cannot be read. */
export function isUnreadable(error: unknown): boolean {
  return errorCode(error) === 'EIO';
}

export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The code of an error of the file system, `undefined` for any other. */
function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error || 'errno' in error))
    return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
