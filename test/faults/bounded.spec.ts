/** What a store must not do without end: try again what cannot succeed. */
import { describe, expect, it, vi } from 'vitest';
import { StoreFailedError } from '../../lib/backends/allsource/allsource.errors.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { eventually } from '../eventually.js';
import { events } from './commit-history.js';
import { FailingFileSystem, type Operation } from './failing-file-system.js';
import { openOn } from './simulated-store.js';

const isSpare = ({ kind, path }: Operation): boolean => kind === 'create' && path.includes('spare');

describe('a disk that is nearly full', () => {
  it('is asked once for the next file of the log, for each file that is in use', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 65_536 });
    const atOpening = files.log.filter(isSpare).length;
    files.failAt(isSpare, { code: 'ENOSPC' }, { times: Infinity });
    // More than half of the file is in use from here on, and it is not full.
    for (let i = 0; i < 30; i++) await store.append(commitOf({ 's-1': events(1, 1_500) }));
    await eventually(() => expect(files.log.filter(isSpare)).toHaveLength(atOpening + 1));
    for (let i = 0; i < 10; i++) await store.append(commitOf({ 's-1': events(1, 20) }));
    expect(files.log.filter(isSpare)).toHaveLength(atOpening + 1);
    files.freeSpace();
    // One more file is begun, in place, and more than half of it used: the next one is made beside it again.
    for (let i = 0; i < 40; i++) await store.append(commitOf({ 's-1': events(1, 1_500) }));
    await eventually(() => expect(files.log.filter(isSpare).length).toBeGreaterThan(atOpening + 2));
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
