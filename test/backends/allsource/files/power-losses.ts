/** Writes and looks for the specs of the file system that loses power, and looks again after many power losses. */
import type { FileSystem, OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import type { FailingFileSystem } from '../../../faults/failing-file-system.js';

/** At the end of the file unless told otherwise. */
export function writeText(file: OpenFile, text: string, position = file.size()): void {
  file.write(Buffer.from(text), 0, text.length, position);
}

export function contentOf(files: FileSystem, path: string): string {
  const file = files.open(path, 'read');
  const buffer = Buffer.alloc(file.size());
  file.read(buffer, 0, buffer.length, 0);
  file.close();
  return buffer.toString('latin1');
}

/** A file with synced name and content. */
export function durableFile(files: FileSystem, path: string, text: string): OpenFile {
  const file = files.open(path, 'create');
  writeText(file, text);
  file.sync();
  files.syncDirectory('/');
  return file;
}

export const seeds = Array.from({ length: 300 }, (_, index) => ({ seed: index + 1 }));

/** Everything that `look` finds after power losses of many seeds. */
export function outcomes<T>(files: FailingFileSystem, look: (after: FailingFileSystem) => T): Set<T> {
  return new Set(seeds.map((choice) => look(files.afterPowerLoss(choice))));
}

export const namesOf = (files: FileSystem): string => files.list('/').join(' ');
