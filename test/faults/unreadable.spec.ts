/** Sectors that cannot be read, and files that cannot be written, by those who take care of a store. */
import { describe, expect, it } from 'vitest';
import { StorageUnavailableError } from '../../lib/backends/allsource/allsource.errors.js';
import { systemError } from '../../lib/backends/allsource/files/memory-file-system.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { EventStore } from '../../lib/store/event-store.js';
import { events, eventsOf } from './commit-history.js';
import { FailingFileSystem } from './failing-file-system.js';
import { contentAt, DIRECTORY, openOn, overwrite, repairOn } from './simulated-store.js';

/** What reads of such files throw. */
function unreadable(isBad: (path: string) => boolean): FailingFileSystem['readFailure'] {
  return (path) => (isBad(path) ? systemError('EIO', 'read', path) : undefined);
}

describe('a sector that cannot be read', () => {
  it('in a sealed file is mended as damage is, and the file is kept', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { mergeFanIn: 100 });
    for (let i = 0; i < 3; i++) {
      await store.append(commitOf({ s: events(3) }));
      await store.flush();
    }
    await store.close();
    const [, second = ''] = files.list(DIRECTORY.segments);
    files.readFailure = unreadable((path) => path.endsWith(second));
    const report = await repairOn(files);
    expect(report.problems).toEqual([
      expect.stringContaining('cannot be read; lost is events from position 4'),
    ]);
    expect(files.list(report.originals ?? '')).toContain(second);
    const again = await openOn(files);
    expect(await eventsOf(again)).toHaveLength(3);
    await again.append(commitOf({ s: events(1) }));
    const positions = (await eventsOf(again)).map(({ position }) => position);
    // Those that were used are not used again.
    expect(positions.at(-1)).toBeGreaterThan(9);
    await again.close();
  });

  it('in the log is mended as damage is, and leaves a gap behind all that may have been in it', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    await store.append(commitOf({ s: events(3) }));
    await store.flush();
    await store.append(commitOf({ s: events(2) }));
    await store.close();
    const name = files.list(DIRECTORY.log).findLast((file) => file.endsWith('.wal')) ?? '';
    files.readFailure = unreadable((path) => path.endsWith(name));
    const report = await repairOn(files);
    expect(report.problems).toEqual([expect.stringContaining('cannot be read')]);
    expect(report.keptThrough.position).toBe(3);
    const again = await openOn(files);
    await again.append(commitOf({ s: events(1) }));
    const positions = (await eventsOf(again)).map(({ position }) => position);
    expect(positions.slice(0, 3)).toEqual([1, 2, 3]);
    expect(positions.at(-1)).toBeGreaterThan(1_000_000);
    expect(await again.verify()).toMatchObject({ ok: true });
    await again.close();
  });

  it('is a StorageUnavailableError to readers, wherever it is', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { streamCacheBytes: 0, readCacheBytes: 0, recentCacheBytes: 0 });
    await store.append(commitOf({ s: events(3) }, 'any', [{ collection: 'c', key: 'k', value: '1' }]));
    const stream = { streamId: 's', fromVersion: 1, toVersion: 9, limit: 9, direction: 'forward' } as const;
    for (const bad of ['.wal', '.parquet']) {
      files.readFailure = unreadable((path) => path.endsWith(bad));
      await expect(eventsOf(store)).rejects.toThrow(StorageUnavailableError);
      await expect(store.readStream(stream)).rejects.toThrow(/the disk reports an error/);
      files.readFailure = () => undefined;
      await store.flush();
    }
    files.readFailure = unreadable((path) => path.endsWith('.run'));
    await expect(store.readRecord('c', 'k')).rejects.toThrow(StorageUnavailableError);
    const page = store.readRecords('c', { prefix: '', after: '', limit: 9 });
    await expect(page).rejects.toThrow(StorageUnavailableError);
    await store.close();
  });
});

describe('a backup that cannot be written', () => {
  it.each(['ENOSPC', 'EACCES', 'EIO'])('says so in words (%s)', async (code) => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    await store.append(commitOf({ s: events(3) }));
    await store.flush();
    files.failAt(({ kind, path }) => kind === 'write' && path.startsWith('/backup/segments'), { code });
    await expect(store.backup('/backup')).rejects.toThrow(/^\/backup: the backup cannot be made: /);
    await store.close();
  });
});

describe('a repair that loses a run of records', () => {
  it('counts the snapshots that are left', async () => {
    const files = new FailingFileSystem();
    const backend = await openOn(files, { mergeFanIn: 100 });
    const store = await EventStore.open(backend);
    await store.append('s', [{ type: 'noted', data: 1 }]);
    for (const name of ['kept', 'lost']) {
      await store.saveSnapshot(name, { version: 1, revision: 1, state: {} });
      await store.flush();
    }
    await store.close();
    await backend.close();
    const run = `${DIRECTORY.records}/${files.list(DIRECTORY.records).at(-1)}`;
    const bytes = contentAt(files, run);
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    overwrite(files, run, bytes);
    expect((await repairOn(files)).problems).toEqual([expect.stringContaining('lost is up to 1 records')]);
    const mended = await openOn(files);
    const again = await EventStore.open(mended);
    expect((await again.stats()).totalSnapshots).toBe(1);
    expect(await again.getLatestSnapshot('lost')).toBeNull();
    await again.saveSnapshot('lost', { version: 1, revision: 1, state: {} });
    expect((await again.stats()).totalSnapshots).toBe(2);
    await again.close();
    await mended.close();
  });
});
