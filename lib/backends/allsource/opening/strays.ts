/**
 * Files that the manifest does not know: what an interrupted opening, sealing or merging has left. Nothing that was
 * acknowledged is in them alone; they are set aside all the same, and what was never finished is removed.
 */
import { basename, join } from 'node:path';
import { StorageUnavailableError } from '../allsource.errors.js';
import { LOCK_FILE } from '../files/directory-lock.js';
import type { FileSystem } from '../files/file-system.js';
import { ensureDirectory, readHead, UNFINISHED } from '../files/store-directory.js';
import { readSegmentHeader, SEGMENT_HEADER_BYTES } from '../log/segment-header.js';
import type { Manifest } from '../sealed/manifest.js';
import { pathsOf, runPath, segmentPaths } from '../sealed/sealed-names.js';
import type { StoreFiles } from '../files/store-files.js';

/**
 * Gives the paths that were set aside. To be called when the store is known to be whole: one that is refused stays as it is.
 * @param mark what their names get, so that none is replaced
 * @throws StorageUnavailableError if there are files of another store
 */
export function setStraysAside(
  { sealed, log, directory, logIsListed }: StoreFiles,
  manifest: Manifest,
  mark: string,
): readonly string[] {
  const known = new Set([
    ...manifest.log.map((name) => join(directory.log, name)),
    ...manifest.segments.flatMap(({ name }) => pathsOf(segmentPaths(directory, name))),
    ...manifest.runs.map(({ name }) => runPath(directory, name)),
    join(directory.log, LOCK_FILE),
  ]);
  if (logIsListed) assertNoOtherStore(log, directory.log, manifest);
  const strays: string[] = [];
  for (const folder of [directory.segments, directory.index, directory.records]) {
    strays.push(...setAside(sealed, folder, directory.aside, known, mark));
  }
  if (logIsListed) strays.push(...setAside(log, directory.log, directory.logAside, known, mark));
  return strays;
}

/**
 * Removes manifests that were not finished. To be called before the manifest is read: whoever had the store before and
 * goes on after a pause cannot give its list the name any more.
 */
export function removeUnfinishedManifests(files: FileSystem, directory: string): void {
  for (const name of files.list(directory)) {
    if (name.startsWith('MANIFEST') && name.endsWith(UNFINISHED)) files.remove(join(directory, name));
  }
}

/** What looks like a stray in the directory of a log may be all that another store has. */
function assertNoOtherStore(files: FileSystem, folder: string, { store }: Manifest): void {
  for (const name of files.list(folder)) {
    const path = join(folder, name);
    if (!name.endsWith('.wal') || files.stat(path)?.kind !== 'file') continue;
    const start = readSegmentHeader(readHead(files, path, SEGMENT_HEADER_BYTES));
    if (start === undefined || start.store === store) continue;
    throw new StorageUnavailableError(
      path,
      'the file belongs to another store; give the log of this one a directory of its own',
    );
  }
}

function setAside(
  files: FileSystem,
  folder: string,
  aside: string,
  known: ReadonlySet<string>,
  mark: string,
): string[] {
  const strays: string[] = [];
  for (const name of files.list(folder)) {
    const path = join(folder, name);
    if (known.has(path) || files.stat(path)?.kind !== 'file') continue;
    if (name.endsWith(UNFINISHED)) {
      files.remove(path);
      continue;
    }
    ensureDirectory(files, aside);
    files.rename(path, join(aside, `${basename(path)}.orphan-${mark}`));
    strays.push(path);
  }
  if (strays.length > 0) {
    files.syncDirectory(aside);
    files.syncDirectory(folder);
  }
  return strays;
}
