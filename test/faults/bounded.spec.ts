/** What a store must not do without end: try again what cannot succeed, and give away what it has not reserved. */
import { describe, expect, it, vi } from 'vitest';
import { StoreFailedError } from '../../lib/backends/allsource/allsource.errors.js';
import { readManifest } from '../../lib/backends/allsource/sealed/manifest.js';
import { Limits } from '../../lib/core/limits.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { events } from './commit-history.js';
import { FailingFileSystem, type Operation } from './failing-file-system.js';
import { DIRECTORY, openOn } from './simulated-store.js';

const isSpare = ({ kind, path }: Operation): boolean => kind === 'create' && path.includes('spare');

describe('a disk that is nearly full', () => {
  it('is asked once for the next file of the log, for each file that is in use', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 65_536 });
    const atOpening = files.log.filter(isSpare).length;
    files.failAt(isSpare, { code: 'ENOSPC' }, { times: Infinity });
    // More than half of the file is in use from here on, and it is not full.
    for (let i = 0; i < 30; i++) await store.append(commitOf({ 's-1': events(1, 1_500) }));
    await vi.waitFor(() => expect(files.log.filter(isSpare)).toHaveLength(atOpening + 1));
    for (let i = 0; i < 10; i++) await store.append(commitOf({ 's-1': events(1, 20) }));
    expect(files.log.filter(isSpare)).toHaveLength(atOpening + 1);
    files.freeSpace();
    // One more file is begun, in place, and more than half of it used: the next one is made beside it again.
    for (let i = 0; i < 40; i++) await store.append(commitOf({ 's-1': events(1, 1_500) }));
    await vi.waitFor(() => expect(files.log.filter(isSpare).length).toBeGreaterThan(atOpening + 2));
    await store.close();
  });
});

describe('a store that has failed', () => {
  it('does not try to seal for ever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const files = new FailingFileSystem();
      const store = await openOn(files, { sealAfterMs: 1_000 });
      await store.append(commitOf({ 's-1': events(1) }));
      files.failAt(({ kind, path }) => kind === 'sync' && path.endsWith('.wal'), { code: 'EIO' });
      await expect(store.append(commitOf({ 's-1': events(1) }))).rejects.toThrow();
      await expect(store.append(commitOf({ 's-1': events(1) }))).rejects.toThrow(StoreFailedError);
      for (let i = 0; i < 10; i++) await vi.advanceTimersByTimeAsync(10_000);
      const { backendSpecific } = await store.stats();
      expect(Number(backendSpecific['sealingFailures'])).toBeLessThanOrEqual(1);
      expect(vi.getTimerCount()).toBe(0);
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a mode that may lose its tail', () => {
  it('takes no more commits when it cannot reserve positions for them', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, {
      enableWal: false,
      walSegmentBytes: 2 ** 26,
      sealAfterEvents: 1e9,
      sealAfterBytes: 2 ** 40,
    });
    files.failAt(
      ({ kind, to }) => kind === 'rename' && to?.endsWith('MANIFEST') === true,
      { code: 'EIO' },
      { times: Infinity },
    );
    const full = Limits.commitEventsMax;
    let stoppedAt = 0;
    for (let i = 0; i < 300 && stoppedAt === 0; i++) {
      // Small ones: only their number counts.
      await store.append(commitOf({ [`s-${i}`]: events(full, 1) })).catch((error: unknown) => {
        expect(error).toBeInstanceOf(StoreFailedError);
        stoppedAt = i;
      });
    }
    expect(stoppedAt).toBeGreaterThan(0);
    // While it still had more than a whole group may use: 32 MiB and another commit, of 52 bytes an event at least.
    const { reservedThrough = 0 } = readManifest(files, DIRECTORY.manifest) ?? {};
    const groupMax = Limits.groupBytesMax / 52 + Limits.commitEventsMax;
    expect(reservedThrough - stoppedAt * full).toBeGreaterThan(groupMax);
    expect(await store.head()).toBe(stoppedAt * full);
    await store.close().catch(() => undefined);
  });
});
