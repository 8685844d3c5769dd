/** Copies a store while it is in use: what is sealed does not change, and of the log as much is taken as is durable now. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { StorageUnavailableError } from '../allsource.errors.js';
import type { AllSourceStore } from '../allsource-store.js';
import type { FileSystem } from '../files/file-system.js';
import { SteadyFile } from '../files/steady-file.js';
import { ensureDirectory, StoreDirectory } from '../files/store-directory.js';
import { type Manifest, writeManifest, writeUnfinishedManifest } from '../sealed/manifest.js';
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
  const { manifest, log, position } = momentOf(store);
  const to = new StoreDirectory(target, join(target, 'wal'));
  ensureDirectory(files, target);
  const found = files.list(target);
  if (found.length > 0) {
    throw new StorageUnavailableError(
      target,
      `a backup needs an empty directory, and there is ${found[0]}; give another path`,
    );
  }
  // Whoever opens a copy that was never finished is told so; an empty directory would be taken for a new store.
  writeUnfinishedManifest(files, to.manifest);
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
  const onStep = (): void => store.assertOpen('backup');
  for (const [source, copy] of copies) {
    bytes += await copyFile(store.files.sealed, source, files, copy, onStep);
  }
  for (const { name, path, bytes: end } of log) {
    bytes += await copyFile(store.files.log, path, files, join(to.log, name), onStep, end);
  }
  for (const folder of [to.segments, to.index, to.records, to.log]) files.syncDirectory(folder);
  // Last: until it is there, the copy is no store.
  writeManifest(files, to.manifest, manifest);
  return { directory: target, position, files: copies.length + log.length + 1, bytes };
}

interface Moment {
  readonly manifest: Manifest;
  /** Files of the log, and how much of each is acknowledged. */
  readonly log: readonly { readonly name: string; readonly path: string; readonly bytes: number }[];
  readonly position: number;
}

/** Everything that changes, taken at once: the log without what is not acknowledged yet. */
function momentOf(store: AllSourceStore): Moment {
  const segments = store.files.logIsListed ? store.log.segments.filter((segment) => segment.hasFrames) : [];
  const log = segments.map(({ name, file, endOffset }) => ({ name, path: file.path, bytes: endOffset }));
  const { current } = store.manifest;
  const { sequence, position } = segments.at(-1)?.end ?? current.sealed;
  return {
    manifest: {
      ...current,
      durableThrough: sequence,
      reservedThrough: Math.max(current.reservedThrough, store.head),
      log: log.map(({ name }) => name),
    },
    log,
    position,
  };
}

async function copyFile(
  from: FileSystem,
  source: string,
  to: FileSystem,
  copy: string,
  onStep: () => void,
  end = Infinity,
): Promise<number> {
  const input = from.open(source, 'read');
  try {
    const output = new SteadyFile(to.open(copy, 'create'));
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      const size = input.size();
      for (let at = 0; at < size; at += COPY_BYTES) {
        const got = input.read(buffer, 0, Math.min(COPY_BYTES, size - at), at);
        // Behind what is acknowledged a file of the log has to hold nothing.
        if (at + got > end) buffer.fill(0, Math.max(0, end - at), got);
        await output.writeOnThread(buffer, 0, got, at);
        onStep();
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
