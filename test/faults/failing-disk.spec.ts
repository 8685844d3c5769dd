/** Disks that fail: what cannot be known is said to be unknown, what is full waits for space, and nothing is doubled. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DiskFullError, StoreFailedError } from '../../lib/backends/allsource/allsource.errors.js';
import { AllFrameError } from '../../lib/core/errors/allframe.error.js';
import { commitOf, encoded } from '../../lib/testing/contract/sample-events.js';
import { Appends, idsOf, work } from './appends.js';
import { events, eventsOf } from './commit-history.js';
import { FailingFileSystem, type Operation } from './failing-file-system.js';
import { DISKS, openOn } from './simulated-store.js';

const isLog = ({ path }: Operation): boolean => path.endsWith('.wal');

/** What takes space on a disk. */
const SPACE: ReadonlySet<Operation['kind']> = new Set(['create', 'write', 'makeDirectory']);

/** The first and the last operation that may fail. */
async function operationsOfWork(syncMs: number): Promise<readonly [number, number]> {
  const files = new FailingFileSystem(syncMs);
  const store = await openOn(files);
  const first = files.operations + 1;
  await work(store, new Appends());
  const last = files.operations;
  expect((await store.stats()).backendSpecific['syncsOnThread']).toBe(String(syncMs > 0));
  await store.close();
  return [first, last];
}

afterEach(() => void vi.useRealTimers());

const cases = { failures: 0, fullDisks: 0 };

describe.each(DISKS)('EIO on %s', (_, syncMs) => {
  it('at every write, sync and change of names: what was acknowledged stays, and a repeat doubles nothing', async () => {
    const [first, last] = await operationsOfWork(syncMs);
    for (let at = first; at <= last; at++) {
      const files = new FailingFileSystem(syncMs);
      const store = await openOn(files);
      files.failAt(at, { code: 'EIO' }, { partial: at % 3 === 0 ? 700 : 0 });
      const appends = new Appends();
      await work(store, appends);
      const failed = files.log[at - 1] as Operation;
      expect(failed, 'the operation that fails').toBeDefined();
      for (const { error } of appends.refused) expect(error).toBeInstanceOf(StoreFailedError);
      // Reading goes on.
      const ids = (await eventsOf(store)).map(({ id }) => id);
      expect(appends.accepted.filter((id) => !ids.includes(id))).toEqual([]);
      if (appends.unknown.length > 0) {
        await expect(store.append(commitOf({ 's-1': [encoded(0)] }))).rejects.toThrow(StoreFailedError);
        await expect(store.flush()).rejects.toThrow(AllFrameError);
      }
      await store.close();
      if (failed.kind === 'sync' && isLog(failed)) {
        const synced = files.log.filter(
          ({ number, kind, path }) => number > at && kind === 'sync' && path === failed.path,
        );
        expect(synced, `${failed.path} is synced again after a sync of it failed`).toEqual([]);
      }
      for (const later of [files.afterPowerLoss('nothing'), files.afterProcessDeath()]) {
        const again = await openOn(later);
        await appends.check(again);
        // Whoever does not know says it again, with the same ids.
        const retried = Object.assign(new Appends(), { accepted: [...appends.accepted] });
        for (const commit of appends.tried) {
          if (idsOf(commit).some((id) => appends.unknown.includes(id))) await retried.again(again, commit);
        }
        expect(retried.refused).toEqual([]);
        expect(new Set(retried.accepted)).toEqual(new Set([...appends.accepted, ...appends.unknown]));
        await retried.check(again);
        await again.close();
      }
      cases.failures++;
    }
    process.stdout.write(`failing disk: ${JSON.stringify(cases)}\n`);
  });
});

describe('EIO', () => {
  it.each(['sync', 'write'] as const)(
    'at a %s of the log: unknown, then refused, and never synced again',
    async (kind) => {
      const files = new FailingFileSystem();
      const store = await openOn(files, { walSegmentBytes: 65_536 });
      const appends = new Appends();
      await appends.append(store, 's-1');
      files.failAt((op) => op.kind === kind && isLog(op), { code: 'EIO' });
      const from = files.operations;
      await Promise.all([appends.append(store, 's-1'), appends.append(store, 's-2')]);
      expect(appends.unknown).toHaveLength(2);
      await appends.append(store, 's-1');
      expect(appends.refused[0]?.error).toBeInstanceOf(StoreFailedError);
      expect(await store.head()).toBe(1);
      await store.close();
      const syncs = files.log.slice(from).filter((op) => isLog(op) && op.kind === 'sync');
      expect(syncs).toHaveLength(kind === 'sync' ? 1 : 0);
    },
  );

  it('at the sync of an interval: the next append is refused, and the file is never synced again', async () => {
    const files = new FailingFileSystem();
    const options = { walSegmentBytes: 4096, durability: 'interval', syncEveryMs: 1 } as const;
    const store = await openOn(files, options);
    const appends = new Appends();
    let at = 0;
    files.failAt((op) => op.kind === 'sync' && isLog(op), { code: 'EIO' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await appends.append(store, 's-1', 1, 1_500);
      await vi.advanceTimersByTimeAsync(1);
      await expect(store.flush()).rejects.toThrow(StoreFailedError);
      await appends.append(store, 's-1', 1, 1_500);
      expect(appends.refused).toHaveLength(1);
      at = files.operations;
      await expect(store.flush()).rejects.toThrow(StoreFailedError);
      await vi.advanceTimersByTimeAsync(100);
    } finally {
      vi.useRealTimers();
    }
    await store.close();
    expect(files.log.slice(at).filter((op) => op.kind === 'sync' && isLog(op))).toEqual([]);
  });

  it('while sealing hurts no append, and sealing is tried again', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walBytesMax: 2_000, sealAfterEvents: 3 });
    files.failAt(({ path }) => path.includes('/segments/'), { code: 'EIO' });
    const appends = new Appends();
    // The next attempt waits until it is looked for.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        for (let k = 0; k < 4; k++) await appends.append(store, `s-${i}`, 2, 200);
      }),
    );
    expect([appends.refused, appends.unknown]).toEqual([[], []]);
    expect((await store.stats()).backendSpecific['lastSealingError']).toContain('it cannot be sealed now');
    vi.useRealTimers();
    await store.flush();
    const { backendSpecific } = await store.stats();
    expect([backendSpecific['lastSealingError'], backendSpecific['sealedThrough']]).toEqual(['', '240']);
    await appends.check(store);
    await store.close();
  });
});

describe.each(DISKS)('a full disk that is %s', (_, syncMs) => {
  it('at every operation: nothing of what is refused is written, and appends go on when there is space', async () => {
    const [first, last] = await operationsOfWork(syncMs);
    for (let at = first; at <= last; at++) {
      const files = new FailingFileSystem(syncMs);
      const store = await openOn(files);
      // From there on there is no space for anything new; what has its place in a file can be overwritten.
      const takesSpace = (op: Operation): boolean =>
        op.number === at || (op.number > at && SPACE.has(op.kind) && !isLog(op));
      files.failAt(takesSpace, { code: 'ENOSPC' }, { times: Infinity, partial: at % 3 === 0 ? 700 : 0 });
      const appends = new Appends();
      await work(store, appends);
      const failed = files.log[at - 1] as Operation;
      expect(failed, 'the operation that fails').toBeDefined();
      // A sync or the change of a name that fails says nothing about what is on the disk, whatever its reason.
      const isPlain = SPACE.has(failed.kind);
      const kinds = isPlain ? [DiskFullError] : [DiskFullError, StoreFailedError];
      for (const { error } of appends.refused)
        expect(
          kinds,
          `${failed.kind} ${failed.path}: ${String(error)} ${String((error as Error).cause)}`,
        ).toContain((error as Error).constructor);
      if (isPlain) expect(appends.unknown).toEqual([]);
      files.freeSpace();
      const refused = appends.refused.length;
      if (isPlain) {
        await work(store, appends);
        expect(appends.refused).toHaveLength(refused);
        await appends.check(store);
        await store.flush();
      }
      const later = [files.afterPowerLoss('nothing'), files.afterProcessDeath()];
      await store.close();
      for (const left of [...later, files.afterProcessDeath()]) {
        const again = await openOn(left);
        await appends.check(again);
        await again.close();
      }
      cases.fullDisks++;
    }
    process.stdout.write(`failing disk: ${JSON.stringify(cases)}\n`);
  });
});

describe('a full disk', () => {
  it('while sealing hurts no append as long as the log has room', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 65_536 });
    files.failAt(({ kind }) => kind === 'create', { code: 'ENOSPC' }, { times: Infinity });
    for (let i = 0; i < 20; i++) {
      // Staged, and not written yet, when sealing wants a new file.
      const streams = [{ streamId: 's-1', expectedVersion: i, events: events(1), idsAreNew: true }] as const;
      const append = store.append({ streams, records: [], recordedAt: 1 });
      const flushed = await store.flush().catch((error: unknown) => error);
      // The first finds nothing to seal.
      if (i > 0) expect(flushed).toBeInstanceOf(DiskFullError);
      expect((await append)[0]).toMatchObject({ version: i + 1 });
    }
    files.freeSpace();
    await store.flush();
    expect(await store.verify()).toMatchObject({ ok: true, events: 20 });
    await store.close();
  });

  it('leaves nothing on the disk of what it has refused, however much of that was written', async () => {
    for (const partial of [1, 200, 400, 1_000_000]) {
      const files = new FailingFileSystem();
      const store = await openOn(files, { walSegmentBytes: 65_536 });
      const appends = new Appends();
      await appends.append(store, 's-1');
      files.failAt((op) => op.kind === 'write' && isLog(op), { code: 'ENOSPC' }, { partial });
      await Promise.all([appends.append(store, 's-1'), appends.append(store, 's-2')]);
      expect(appends.refused.map(({ error }) => error)).toEqual([
        expect.any(DiskFullError),
        expect.any(DiskFullError),
      ]);
      // A later power loss may keep any part of what was never synced: of what was written, or of what wiped it out.
      const losses = Array.from({ length: 20 }, (_, i) => files.afterPowerLoss({ seed: i }));
      for (const left of [files.afterProcessDeath(), files.afterPowerLoss('everything'), ...losses]) {
        const again = await openOn(left);
        expect(await again.head()).toBe(1);
        await again.close();
      }
      await store.close();
    }
  });

  it('met by a sync is no full disk that changes nothing: the outcome is unknown', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 65_536 });
    const appends = new Appends();
    await appends.append(store, 's-1');
    files.failAt((op) => op.kind === 'sync' && isLog(op), { code: 'ENOSPC' });
    await appends.append(store, 's-1');
    expect(appends.unknown).toHaveLength(1);
    await store.close();
    expect(files.log.filter((op) => op.kind === 'sync' && isLog(op))).toHaveLength(2);
  });
});
