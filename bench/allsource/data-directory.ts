/** A directory on the disk that is measured, given back afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStore } from '@allframe/nestjs';
import { AllSourceBackend, type AllSourceOptions } from '@allframe/nestjs/allsource';

/** `BENCH_DIRECTORY` names the disk; unless given it is that of temporary files. */
export async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(process.env['BENCH_DIRECTORY'] ?? tmpdir(), 'allframe-bench-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A durable store in a new directory. */
export function inStore<T>(
  options: AllSourceOptions,
  work: (store: EventStore, backend: AllSourceBackend, directory: string) => Promise<T>,
): Promise<T> {
  return inDirectory(async (directory) => {
    const backend = new AllSourceBackend({ ...options, persistencePath: join(directory, 'store') });
    const store = await EventStore.open(backend);
    try {
      return await work(store, backend, directory);
    } finally {
      await store.close();
    }
  });
}

/** Nothing is sealed unless somebody asks for it. */
export const UNSEALED: AllSourceOptions = {
  sealAfterBytes: Number.MAX_SAFE_INTEGER,
  sealAfterEvents: Number.MAX_SAFE_INTEGER,
  sealAfterMs: 2 ** 31 - 1,
  walBytesMax: Number.MAX_SAFE_INTEGER,
};
