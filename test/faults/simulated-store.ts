/** AllSource on a simulated disk: the store as it ships, on files that fail, lose power and remember what was synced. */
import { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import { type AllSourceOptions, settingsOf } from '../../lib/backends/allsource/allsource-options.js';
import { repairStore, type RepairReport } from '../../lib/backends/allsource/care/repair.js';
import type { FileSystem } from '../../lib/backends/allsource/files/file-system.js';
import { readWhole, StoreDirectory } from '../../lib/backends/allsource/files/store-directory.js';
import type { StorageHost } from '../../lib/backends/allsource/storage-host.js';

const PLACE = '/data';
export const DIRECTORY = new StoreDirectory(PLACE, `${PLACE}/wal`);

/** Files of the log so small that they change often; nothing is sealed unless somebody asks for it. */
const SMALL: AllSourceOptions = {
  persistencePath: PLACE,
  walSegmentBytes: 4096,
  sealIn: 'process',
  mergeFanIn: 2,
};

let started = 0;

/** What a sync of a slow disk takes, so long that the log hands it to a thread, where other operations come between. */
export const SLOW_SYNC_MS = 2;

/** Names of disks, and what a sync of each takes. */
export const DISKS = [
  ['a fast disk', 0],
  ['a slow disk', SLOW_SYNC_MS],
] as const;

/**
 * Every opening has a time of its own, so names made from it never meet.
 * @param files with the simulated time, where they have one
 */
export function hostOn(files: FileSystem & { readonly elapsedMs?: number }): StorageHost {
  const now = 1_700_000_000_000 + ++started;
  return {
    files,
    lock: () => Promise.resolve({ isHeld: () => true, release: () => Promise.resolve() }),
    newWorkerRunner: () => undefined,
    now: () => now,
    elapsed: () => files.elapsedMs ?? 0,
    newStoreId: () => '0123456789abcdef',
  };
}

export function backendOn(files: FileSystem, options: AllSourceOptions = {}): AllSourceBackend {
  return new AllSourceBackend({ ...SMALL, ...options }, hostOn(files));
}

export async function openOn(files: FileSystem, options: AllSourceOptions = {}): Promise<AllSourceBackend> {
  const backend = backendOn(files, options);
  await backend.open();
  return backend;
}

/** `AllSourceBackend.repair`, on simulated files. */
export function repairOn(files: FileSystem, options: AllSourceOptions = {}): Promise<RepairReport> {
  const settings = settingsOf({ ...SMALL, ...options });
  return repairStore(
    { sealed: files, log: files, directory: DIRECTORY, logIsListed: true },
    settings,
    hostOn(files).now(),
  );
}

export function contentAt(files: FileSystem, path: string): Buffer {
  return Buffer.from(readWhole(files, path));
}

/** Puts other bytes in the place of a file's, as damage does: nobody notices at once. */
export function overwrite(files: FileSystem, path: string, bytes: Uint8Array): void {
  files.remove(path);
  const file = files.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.sync();
  file.close();
}
