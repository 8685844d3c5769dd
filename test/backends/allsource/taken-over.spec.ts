/** A directory that two processes can open, as containers that share a volume can: the newest opening has it. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { StoreFailedError, StoreLockedError } from '../../../lib/backends/allsource/allsource.errors.js';
import { lockDirectory } from '../../../lib/backends/allsource/files/directory-lock.js';
import { MemoryFileSystem } from '../../../lib/backends/allsource/files/memory-file-system.js';
import type { StorageHost } from '../../../lib/backends/allsource/storage-host.js';
import { AppendOutcomeUnknownError } from '../../../lib/core/errors/append.errors.js';
import { EventStore } from '../../../lib/store/event-store.js';

/** A volume that several processes share, without seeing each other. */
function sharedVolume() {
  const files = new MemoryFileSystem();
  let newest: symbol | undefined;
  const host: StorageHost = {
    files,
    lock() {
      const mine = Symbol('lock');
      newest = mine;
      return Promise.resolve({ isHeld: () => newest === mine, release: () => Promise.resolve() });
    },
    newWorkerRunner: () => undefined,
    now: () => 0,
    elapsed: () => 0,
    newStoreId: () => '0123456789abcdef',
  };
  const open = (): Promise<EventStore> =>
    EventStore.open(new AllSourceBackend({ persistencePath: '/store', walSegmentBytes: 8_192 }, host));
  return { open };
}

const note = (n: number) => [{ type: 'noted', data: { n } }];
const numbersOf = async (store: EventStore): Promise<readonly unknown[]> =>
  (await store.getAllEvents()).map(({ data }) => (data as { n: number }).n);

describe('a store that another process has opened', () => {
  it('acknowledges nothing any more, and everything it did acknowledge is there', async () => {
    const { open } = sharedVolume();
    const first = await open();
    for (let n = 0; n < 10; n++) await first.append('s-1', note(n));
    const second = await open();
    expect(await numbersOf(second)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    await expect(first.append('s-1', note(10))).rejects.toBeInstanceOf(AppendOutcomeUnknownError);
    const refusal = await first.append('s-1', note(11)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreFailedError);
    expect((refusal as StoreFailedError).cause).toBeInstanceOf(StoreLockedError);
    await second.append('s-1', note(12), { expectedVersion: 10 });
    await first.close();
    await second.close();

    const third = await open();
    expect(await numbersOf(third)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]);
    await third.close();
  });

  it('lists none of its files over those of its successor', async () => {
    const { open } = sharedVolume();
    const first = await open();
    await first.append('s-1', note(0));
    const second = await open();
    await second.append('s-1', note(1));
    await expect(first.flush()).rejects.toBeInstanceOf(Error);
    await first.close();
    await second.append('s-1', note(2));
    await second.flush();
    await second.close();
    const third = await open();
    expect(await numbersOf(third)).toEqual([0, 1, 2]);
    await third.close();
  });

  it('notices it also with many appends at once', async () => {
    const { open } = sharedVolume();
    const first = await open();
    const acknowledged: number[] = [];
    const appends = Array.from({ length: 200 }, async (_, n) => {
      await Promise.resolve();
      await first.append(`s-${n % 7}`, note(n));
      acknowledged.push(n);
    });
    const second = await open();
    await Promise.allSettled(appends);
    const found = await numbersOf(second);
    expect(acknowledged.filter((n) => !found.includes(n))).toEqual([]);
    await first.close();
    await second.close();
  });
});

describe('the lock of a directory', () => {
  it('is held until another file is put in its place, which is then left alone', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'allframe-lock-'));
    try {
      const lock = await lockDirectory(directory);
      expect(lock.isHeld()).toBe(true);
      writeFileSync(join(directory, 'other'), 'another owner');
      renameSync(join(directory, 'other'), join(directory, 'LOCK'));
      expect(lock.isHeld()).toBe(false);
      await lock.release();
      expect(readFileSync(join(directory, 'LOCK'), 'utf8')).toBe('another owner');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
