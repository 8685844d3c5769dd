/** What the backend takes from its surroundings, so that tests can put a failing disk in its place. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type DirectoryLock, lockDirectory } from './files/directory-lock.js';
import type { FileSystem } from './files/file-system.js';
import { NodeFileSystem } from './files/node-file-system.js';
import type { JobRunner } from './jobs/job.js';
import { WorkerRunner, workerScript } from './jobs/worker-runner.js';

export interface StorageHost {
  readonly files: FileSystem;
  lock(directory: string): Promise<DirectoryLock>;
  /** What does jobs beside this thread; `undefined`: there is nothing but this thread. */
  newWorkerRunner(): JobRunner | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment, which nobody sets back: for how long something took. */
  elapsed(): number;
  /** 16 hexadecimal digits that no other store has. */
  newStoreId(): string;
}

const STORE_ID_BYTES = 8;

export function thisMachine(): StorageHost {
  return {
    files: new NodeFileSystem(),
    lock: lockDirectory,
    newWorkerRunner() {
      const script = workerScript();
      return script === undefined ? undefined : new WorkerRunner(script);
    },
    now: () => Date.now(),
    elapsed: () => performance.now(),
    newStoreId: () => randomBytes(STORE_ID_BYTES).toString('hex'),
  };
}
