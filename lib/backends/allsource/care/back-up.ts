/** Copies a store while it is in use: what is sealed does not change, and of the log as much is taken as is durable now. */
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { StorageUnavailableError } from '../allsource.errors.js';
import type { AllSourceStore } from '../allsource-store.js';
import type { FileSystem } from '../files/file-system.js';
import { ensureDirectory, readWhole, StoreDirectory } from '../files/store-directory.js';
import { type Manifest, writeManifest } from '../sealed/manifest.js';
import { runPath, segmentPaths } from '../sealed/sealed-names.js';

/**
 * What a backup holds.
 * @publicApi
 */
export interface BackupReport {
  readonly directory: string;
  /** The last position in it. */
  readonly position: number;
  readonly files: number;
  readonly bytes: number;
}

const COPY_BYTES = 1024 * 1024;

/** @param files where the copy goes */
export async function backUp(
  store: AllSourceStore,
  target: string,
  files: FileSystem,
): Promise<BackupReport> {
  const { manifest, log, head } = momentOf(store);
  const to = new StoreDirectory(target, join(target, 'wal'));
  ensureDirectory(files, target);
  const found = files.list(target);
  if (found.length > 0) {
    throw new StorageUnavailableError(
      target,
      `a backup needs an empty directory, and there is ${found[0]}; give another path`,
    );
  }
  for (const folder of [to.segments, to.index, to.records, to.log]) ensureDirectory(files, folder);

  const from = store.files.directory;
  let bytes = 0;
  const copies = [
    ...manifest.segments.flatMap(({ name }) => {
      const [source, copy] = [segmentPaths(from, name), segmentPaths(to, name)];
      return [
        [source.events, copy.events],
        [source.index, copy.index],
      ] as const;
    }),
    ...manifest.runs.map(({ name }) => [runPath(from, name), runPath(to, name)] as const),
  ];
  for (const [source, copy] of copies) bytes += await copyFile(store.files.sealed, source, files, copy);
  for (const { name, content } of log) bytes += writeFile(files, join(to.log, name), content);
  for (const folder of [to.segments, to.index, to.records, to.log]) files.syncDirectory(folder);
  // Last: until it is there, the copy is no store.
  writeManifest(files, to.manifest, manifest);
  return { directory: target, position: head, files: copies.length + log.length + 1, bytes };
}

interface Moment {
  readonly manifest: Manifest;
  readonly log: readonly { readonly name: string; readonly content: Buffer }[];
  readonly head: number;
}

/** Everything that changes, taken at once: the log without what is not acknowledged yet. */
function momentOf(store: AllSourceStore): Moment {
  const segments = store.log.segments.filter((segment) => segment.hasFrames);
  const log = segments.map(({ name, file, endOffset }) => {
    const content = readWhole(store.files.log, file.path);
    content.fill(0, endOffset);
    return { name: basename(name), content };
  });
  const { current } = store.manifest;
  const sequence = segments.at(-1)?.end.sequence ?? current.sealed.sequence;
  return {
    manifest: {
      ...current,
      durableThrough: sequence,
      reservedThrough: Math.max(current.reservedThrough, store.head),
      log: log.map(({ name }) => name),
    },
    log,
    head: store.head,
  };
}

async function copyFile(from: FileSystem, source: string, to: FileSystem, copy: string): Promise<number> {
  const input = from.open(source, 'read');
  try {
    const output = to.open(copy, 'create');
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      const size = input.size();
      for (let at = 0; at < size; at += COPY_BYTES) {
        const got = input.read(buffer, 0, Math.min(COPY_BYTES, size - at), at);
        await output.writeOnThread(buffer, 0, got, at);
      }
      await output.syncOnThread();
      return size;
    } finally {
      output.close();
    }
  } finally {
    input.close();
    await setImmediate();
  }
}

function writeFile(files: FileSystem, path: string, content: Buffer): number {
  const file = files.open(path, 'create');
  try {
    file.write(content, 0, content.length, 0);
    file.sync();
  } finally {
    file.close();
  }
  return content.length;
}
