/**
 * A process that is killed loses nothing that it has written, synced or not: only counting the syncs shows that they are
 * there. Here every acknowledgement is compared with what the simulated disk was told until then.
 */
import { describe, expect, it } from 'vitest';
import type { AllSourceOptions } from '../../lib/backends/allsource/allsource-options.js';
import { commitOf, encoded } from '../../lib/testing/contract/sample-events.js';
import { CommitHistory, events } from './commit-history.js';
import { FailingFileSystem, type Operation } from './failing-file-system.js';
import { DIRECTORY, DISKS, openOn } from './simulated-store.js';

const isLog = ({ path }: Operation): boolean => path.endsWith('.wal');

/** What was done since `from` operations. */
function since(files: FailingFileSystem, from: number): readonly Operation[] {
  return files.log.slice(from);
}

function kinds(operations: readonly Operation[]): string {
  return operations.map(({ kind }) => kind).join(' ');
}

/** Names that stand on the disk for certain, and files whose last write was synced, after each operation. */
function unsynced(log: readonly Operation[]): { readonly files: string[]; readonly directories: string[] } {
  const files = new Set<string>();
  const directories = new Set<string>();
  const parent = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
  for (const { kind, path, to } of log) {
    if (kind === 'write') files.add(path);
    else if (kind === 'sync') files.delete(path);
    else if (kind === 'syncDirectory') directories.delete(path);
    else if (kind === 'rename') {
      if (files.delete(path)) files.add(to ?? path);
      directories.add(parent(to ?? path));
    } else if (kind === 'makeDirectory') directories.add(parent(path));
    else if (kind === 'remove') files.delete(path);
  }
  return { files: [...files], directories: [...directories] };
}

describe('mode commit', () => {
  it('acknowledges one append after one write and one sync of the log', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 65_536 });
    for (let i = 0; i < 20; i++) {
      const from = files.operations;
      await store.append(commitOf({ 's-1': [encoded(i)] }));
      const done = since(files, from).filter(isLog);
      expect(kinds(done)).toBe('write sync');
      expect(done[0]?.path).toBe(done[1]?.path);
    }
    const { backendSpecific } = await store.stats();
    expect([backendSpecific['groups'], backendSpecific['syncs']]).toEqual(['20', '20']);
    await store.close();
  });

  it.each(DISKS)(
    'acknowledges nothing before the sync that covers it has returned: %s',
    async (_, syncMs) => {
      const files = new FailingFileSystem(syncMs);
      const store = await openOn(files, { walSegmentBytes: 65_536 });
      const append = async (i: number): Promise<void> => {
        const from = files.finished.length;
        await store.append(commitOf({ [`s-${i}`]: [encoded(i)] }));
        expect(kinds(files.finished.slice(from).filter(isLog))).toMatch(/write sync/);
        expect(unsynced(files.finished).files.filter((path) => path.endsWith('.wal'))).toEqual([]);
      };
      await append(0);
      expect((await store.stats()).backendSpecific['syncsOnThread']).toBe(String(syncMs > 0));
      await Promise.all(Array.from({ length: 50 }, (_, i) => append(i + 1)));
      for (let i = 51; i < 60; i++) await append(i);
      await store.close();
    },
  );

  it('writes 256 concurrent appends in few groups, each with one sync', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 1_048_576 });
    const from = files.operations;
    await Promise.all(
      Array.from({ length: 256 }, (_, i) => store.append(commitOf({ [`s-${i}`]: [encoded(i)] }))),
    );
    const done = since(files, from).filter(isLog);
    const groups = done.filter(({ kind }) => kind === 'write').length;
    expect(groups).toBeLessThanOrEqual(4);
    expect(done.filter(({ kind }) => kind === 'sync')).toHaveLength(groups);
    expect(kinds(done)).toMatch(/^(?:write sync ?)+$/);
    await store.close();
  });

  it('syncs a new file, its name and the manifest that lists it before anything in it is acknowledged', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    let rotations = 0;
    for (let i = 0; i < 12; i++) {
      const from = files.operations;
      await store.append(commitOf({ 's-1': events(1, 1_500) }));
      expect(unsynced(files.log.filter(({ path }) => !path.includes('spare')))).toEqual({
        files: [],
        directories: [],
      });
      const done = since(files, from);
      const named = done.findIndex(({ kind, to }) => kind === 'rename' && to?.endsWith('.wal') === true);
      if (named === -1) continue;
      rotations++;
      const { path, to } = done[named] as Operation;
      const synced = files.log.findLastIndex(
        (op) => op.number < (done[named] as Operation).number && op.path === path,
      );
      expect(files.log[synced]?.kind).toBe('sync');
      const rest = done.slice(named + 1).map(({ kind, path, to }) => `${kind} ${to ?? path}`);
      const steps = [
        `syncDirectory ${DIRECTORY.log}`,
        `sync ${DIRECTORY.manifest}.1.tmp`,
        `rename ${DIRECTORY.manifest}`,
        `syncDirectory ${DIRECTORY.path}`,
        `write ${to}`,
        `sync ${to}`,
      ];
      const at = steps.map((step) => rest.indexOf(step));
      expect(at).toEqual(at.toSorted((a, b) => a - b));
      expect(at).not.toContain(-1);
    }
    expect(rotations).toBeGreaterThan(3);
    await store.close();
  });

  it('removes a file of the log only when what was made of it, and the manifest that lists that, are synced', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    const history = new CommitHistory();
    for (let i = 0; i < 6; i++) {
      await history.append(store, {
        streams: { 's-1': events(3, 400) },
        records: [{ collection: 'k', key: `${i}`, value: '1' }],
      });
      await store.compact();
    }
    const removals = files.log.filter(
      ({ kind, path }) => kind === 'remove' && /\.(?:wal|parquet|streams|run)$/.test(path),
    );
    expect(removals.filter(isLog).length).toBeGreaterThan(4);
    expect(removals.filter(({ path }) => path.endsWith('.parquet')).length).toBeGreaterThan(2);
    expect(removals.filter(({ path }) => path.endsWith('.run')).length).toBeGreaterThan(2);
    for (const { number } of removals) {
      const before = files.log.slice(0, number - 1).filter(({ path }) => !path.includes('spare'));
      const { files: dirty, directories } = unsynced(before);
      expect(dirty).toEqual([]);
      expect(directories.filter((path) => path === '/data' || /segments|index|records/.test(path))).toEqual(
        [],
      );
    }
    // Between the making of what takes its place and the removal comes the manifest that says so.
    for (const { number } of removals) {
      const before = files.log.slice(0, number - 1);
      const made = before.findLast(({ to }) => /\.(?:parquet|streams|run)$/.test(to ?? ''));
      const listed = before.findLast(({ to }) => to === DIRECTORY.manifest);
      expect(listed?.number).toBeGreaterThan(made?.number ?? Infinity);
    }
    await history.check(store);
    await store.close();
  });

  it('syncs what an opening has found behind the last sync in a new file, and the old one never', async () => {
    const before = new FailingFileSystem();
    const store = await openOn(before, { walSegmentBytes: 65_536 });
    const history = new CommitHistory();
    for (let i = 0; i < 5; i++) await history.append(store, { streams: { 's-1': events(1) } });
    const files = before.afterProcessDeath();
    await store.close();
    const old = `${DIRECTORY.log}/${files.list(DIRECTORY.log).find((name) => name.endsWith('.wal'))}`;
    const again = await openOn(files, { walSegmentBytes: 65_536 });
    await history.append(again, { streams: { 's-1': events(1) } });
    expect(
      files.log.filter(({ path, kind }) => path === old && (kind === 'write' || kind === 'sync')),
    ).toEqual([]);
    expect(unsynced(files.log)).toEqual({ files: [], directories: [] });
    await history.check(again);
    await again.close();
  });
});

describe('mode interval', () => {
  const INTERVAL: AllSourceOptions = { durability: 'interval', syncEveryMs: 5, walSegmentBytes: 65_536 };

  it('acknowledges after the write, and syncs once for all of an interval', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { ...INTERVAL, syncEveryMs: 3_600_000 });
    const from = files.operations;
    for (let i = 0; i < 30; i++) await store.append(commitOf({ 's-1': [encoded(i)] }));
    expect(
      since(files, from)
        .filter(isLog)
        .every(({ kind }) => kind === 'write'),
    ).toBe(true);
    await store.flush();
    const { backendSpecific } = await store.stats();
    expect(backendSpecific['syncs']).toBe('1');
    await store.close();
  });

  it('syncs by itself when the interval is over', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, INTERVAL);
    const from = files.operations;
    const { reached, release } = files.holdNextSync();
    for (let i = 0; i < 5; i++) await store.append(commitOf({ 's-1': [encoded(i)] }));
    await reached;
    release();
    for (
      let turns = 0;
      since(files, from).filter(isLog).at(-1)?.kind !== 'sync' && turns < 100_000;
      turns++
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(kinds(since(files, from).filter(isLog))).toMatch(/^(?:write ){5}sync$/);
    await store.close();
  });

  it('syncs a file of the log before the next one takes commits, so that only the last one can lose some', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { ...INTERVAL, syncEveryMs: 3_600_000, walSegmentBytes: 4096 });
    const history = new CommitHistory();
    const active = new Set<string>();
    for (let i = 0; i < 12; i++) {
      await history.append(store, { streams: { 's-1': events(1, 1_500) } });
      const unsyncedLogs = unsynced(files.finished).files.filter((path) => path.endsWith('.wal'));
      expect(unsyncedLogs).toHaveLength(1);
      active.add(unsyncedLogs[0] ?? '');
    }
    expect(active.size).toBeGreaterThan(3);
    for (const choice of ['nothing', 'everything', { seed: 1 }, { seed: 2 }, { seed: 3 }] as const) {
      const again = await openOn(files.afterPowerLoss(choice));
      expect(await history.check(again, 0)).toBeGreaterThan(8);
      await again.close();
    }
    await store.close();
  });

  it('syncs everything at the end', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { ...INTERVAL, syncEveryMs: 3_600_000 });
    const history = new CommitHistory();
    for (let i = 0; i < 5; i++) await history.append(store, { streams: { 's-1': events(1) } });
    await store.close();
    const again = await openOn(files.afterPowerLoss('nothing'));
    await history.check(again);
    await again.close();
  });
});

describe('without a log on disk', () => {
  it('syncs nothing for appends, and everything at a flush', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { enableWal: false });
    const from = files.operations;
    for (let i = 0; i < 10; i++) await store.append(commitOf({ 's-1': [encoded(i)] }));
    expect(since(files, from)).toEqual([]);
    await store.flush();
    expect(unsynced(files.log)).toEqual({ files: [], directories: [] });
    const again = await openOn(files.afterPowerLoss('nothing'), { enableWal: false });
    expect((await again.stats()).totalEvents).toBe(10);
    await again.close();
    await store.close();
  });
});
