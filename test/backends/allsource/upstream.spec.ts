/** What the store this one is named after got wrong, each as a test; and the repair of a damaged one. */
import { describe, expect, it } from 'vitest';
import { StoreCorruptedError } from '@allframe/nestjs/allsource';
import { EventStore, Limits } from '@allframe/nestjs';
import { commitOf, encoded } from '../../../lib/testing/contract/sample-events.js';
import { CommitHistory, events, eventsOf } from '../../faults/commit-history.js';
import { FailingFileSystem } from '../../faults/failing-file-system.js';
import {
  backendOn,
  contentAt,
  DIRECTORY,
  hostOn,
  openOn,
  overwrite,
  repairOn,
} from '../../faults/simulated-store.js';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';

const logFiles = (files: FailingFileSystem): string[] =>
  files
    .list(DIRECTORY.log)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => `${DIRECTORY.log}/${name}`);

function flip(files: FailingFileSystem, path: string, at: number): Buffer {
  const was = contentAt(files, path);
  const bytes = Buffer.from(was);
  const place = Math.min(at, bytes.length >>> 1);
  bytes[place] = (bytes[place] as number) ^ 0x10;
  overwrite(files, path, bytes);
  return was;
}

/** A store of a few sealed segments and a few files of the log, closed. */
async function closedStore(): Promise<{ files: FailingFileSystem; history: CommitHistory }> {
  const files = new FailingFileSystem();
  const history = new CommitHistory();
  const store = await openOn(files, { mergeFanIn: 8 });
  for (let i = 0; i < 9; i++) {
    await history.append(store, {
      streams: { 's-1': events(1, 900), [`t-${i}`]: events(1, 300) },
      records: [{ collection: 'k', key: `${i}`, value: '1' }],
    });
    if (i === 1 || i === 3) await store.flush();
  }
  await store.close();
  return { files, history };
}

describe('what upstream got wrong', () => {
  it('left the payload out of the checksum: here every bit of it counts', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    await store.append(commitOf({ 's-1': [encoded(1, { data: '"a payload"' })] }));
    await store.close();
    const [path = ''] = logFiles(files);
    flip(files, path, contentAt(files, path).indexOf('a payload'));
    await expect(openOn(files)).rejects.toThrow(StoreCorruptedError);
  });

  it('removed files of the log by their number: here only those that are sealed', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    const history = new CommitHistory();
    for (let i = 0; i < 30; i++) await history.append(store, { streams: { 's-1': events(1, 1_500) } });
    expect(logFiles(files).length).toBeGreaterThan(10);
    await store.flush();
    expect(logFiles(files).length).toBe(1);
    await history.check(store);
    await store.close();
  });

  it('recovered from the log or from Parquet: here from both, and what is in both is there once', async () => {
    const files = new FailingFileSystem();
    const history = new CommitHistory();
    const store = await openOn(files);
    await history.append(store, { streams: { 's-1': events(3) } });
    // The segment is listed, and the power goes before the file of the log is removed.
    files.failAt(
      ({ kind, path }) => kind === 'remove' && path.endsWith('.wal'),
      { code: 'EIO' },
      { times: 9 },
    );
    await store.flush();
    await history.append(store, { streams: { 's-1': events(2) } });
    const crashed = files.afterPowerLoss('everything');
    await store.close();
    expect(logFiles(crashed).length).toBe(2);
    const again = await openOn(crashed);
    await history.check(again);
    await again.close();
  });

  it('overwrote what was flushed in the same second: here names come from positions', async () => {
    const files = new FailingFileSystem();
    const host = { ...hostOn(files), now: () => 1_700_000_000_000 };
    const store = new AllSourceBackend({ persistencePath: '/data', sealIn: 'process' }, host);
    await store.open();
    for (let i = 0; i < 3; i++) {
      await store.append(commitOf({ 's-1': [encoded(i)] }));
      await store.flush();
    }
    expect(store.sealedFiles()).toHaveLength(3);
    expect((await eventsOf(store)).map(({ position }) => position)).toEqual([1, 2, 3]);
    await store.close();
  });

  it('never opened the log in production mode: here an append is in it before it is acknowledged', async () => {
    const files = new FailingFileSystem();
    const store = backendOn(files);
    await store.open();
    await store.append(commitOf({ 's-1': [encoded(1, { data: '"here"' })] }));
    const lost = files.afterPowerLoss('nothing');
    expect(contentAt(lost, logFiles(lost)[0] ?? '').includes('here')).toBe(true);
    await store.close();
  });

  it('lost snapshots at a restart: here they survive one, and a loss of power', async () => {
    const files = new FailingFileSystem();
    const backend = backendOn(files);
    const store = await EventStore.open(backend);
    await store.append('s-1', [{ type: 'noted', data: {} }]);
    await store.saveSnapshot('s-1', { version: 1, revision: 1, state: { sum: 7 } });
    const lost = files.afterPowerLoss('nothing');
    await store.flush();
    await store.close();
    for (const left of [files, lost]) {
      const again = await EventStore.open(backendOn(left));
      expect(await again.getLatestSnapshot('s-1')).toMatchObject({ version: 1, state: { sum: 7 } });
      await again.close();
    }
  });

  it('ordered by the clock: here by position, also while the clock goes backwards', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    for (let i = 0; i < 6; i++) {
      await store.append({ ...commitOf({ 's-1': [encoded(i)] }), recordedAt: 1_700_000_000_000 - i * 1_000 });
      if (i === 2) await store.flush();
    }
    const numbers = async (backend: AllSourceBackend): Promise<unknown> =>
      (await eventsOf(backend)).map(({ data }) => (JSON.parse(data) as { n: number }).n);
    expect(await numbers(store)).toEqual([0, 1, 2, 3, 4, 5]);
    await store.compact();
    await store.close();
    const again = await openOn(files);
    expect(await numbers(again)).toEqual([0, 1, 2, 3, 4, 5]);
    await again.close();
  });

  it('synced each event by itself: here all who wait share one', async () => {
    const store = await openOn(new FailingFileSystem(), { walSegmentBytes: 1_048_576 });
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => store.append(commitOf({ [`s-${i}`]: [encoded(i)] }))),
    );
    expect(Number((await store.stats()).backendSpecific['syncs'])).toBeLessThanOrEqual(4);
    await store.close();
  });

  it('refused names in PascalCase: here a name is any text', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    await store.append(
      commitOf({ 'Order-1': [encoded(1, { type: 'OrderPlaced' }), encoded(2, { type: 'order.placed' })] }),
    );
    await store.flush();
    expect((await eventsOf(store)).map(({ type }) => type)).toEqual(['OrderPlaced', 'order.placed']);
    await store.close();
  });
});

describe('a store', () => {
  it('takes a first commit that is larger than its first file, and opens again and again', async () => {
    const files = new FailingFileSystem();
    const history = new CommitHistory();
    for (let i = 0; i < 3; i++) {
      const store = await openOn(files);
      await history.append(store, { streams: { 's-1': events(6, 1_500) } });
      await history.append(store, { streams: { 's-1': events(1) } });
      await history.check(store);
      await store.close();
    }
  });

  it('that had a log is not opened without one while that holds anything, and a copy of one without opens', async () => {
    const files = new FailingFileSystem();
    const history = new CommitHistory();
    let store = await openOn(files);
    await history.append(store, { streams: { 's-1': events(1) } });
    await store.close();
    await expect(openOn(files, { enableWal: false })).rejects.toThrow('holds commits that are not sealed');
    store = await openOn(files);
    await history.check(store);
    await store.flush();
    await store.close();
    store = await openOn(files, { enableWal: false });
    await history.append(store, { streams: { 's-1': events(1) } });
    await store.backup('/copy');
    await store.close();
    const copy = await openOn(files, { enableWal: false, persistencePath: '/copy' });
    await history.check(copy);
    await copy.close();
  });

  it('is verified while its files are merged', async () => {
    const store = await openOn(new FailingFileSystem());
    for (let i = 0; i < 8; i++) {
      const record = { collection: 'k', key: `${i}`, value: '1' };
      await store.append(commitOf({ 's-1': [encoded(i)] }, 'any', [record]));
      const [report] = await Promise.all([store.verify(), store.flush()]);
      expect(report).toMatchObject({ ok: true, events: i + 1 });
    }
    await store.close();
  });

  it('knows ids again after reopening: with a number for ever, otherwise among the newest', async () => {
    const files = new FailingFileSystem();
    let store = await openOn(files, { walSegmentBytes: 1 << 20, sealAfterEvents: 1e9 });
    const [old, recent] = [commitOf({ 's-1': [encoded(1)] }, 'noStream'), commitOf({ 's-2': [encoded(2)] })];
    await store.append(old);
    const filler = Array.from({ length: 10_000 }, (_, n) => encoded(n));
    for (let i = 0; i < Limits.duplicateWindowEvents / filler.length; i++) {
      const unlike = filler.map((event, n) => ({
        ...event,
        id: event.id.slice(0, 24) + (i * 1e6 + n).toString(16).padStart(12, '0'),
      }));
      const streams = [{ streamId: 'f-1', expectedVersion: 'any', events: unlike, idsAreNew: true }] as const;
      await store.append({ streams, records: [], recordedAt: 1 });
    }
    await store.append(recent);
    await store.close();
    store = await openOn(files);
    expect((await store.append(recent))[0]).toMatchObject({ streamId: 's-2', version: 1, idempotent: true });
    expect((await store.append(old))[0]).toMatchObject({ streamId: 's-1', version: 1, idempotent: true });
    expect(await store.head()).toBe(Limits.duplicateWindowEvents + 2);
    await store.close();
  });
});

describe('repair', () => {
  it('changes nothing in a sound store, also in one that has seen a crash', async () => {
    const files = new FailingFileSystem();
    const history = new CommitHistory();
    let store = await openOn(files);
    for (let i = 0; i < 5; i++) await history.append(store, { streams: { 's-1': events(1) } });
    const crashed = files.afterProcessDeath();
    await store.close();
    store = await openOn(crashed);
    for (let i = 0; i < 5; i++) await history.append(store, { streams: { 's-1': events(1) } });
    await store.close();
    expect(await repairOn(crashed)).toMatchObject({ problems: [], originals: undefined });
    store = await openOn(crashed);
    await history.check(store);
    await store.close();
  });

  it('keeps what is before a damage in the middle of the log, the originals, and uses no position twice', async () => {
    const { files, history } = await closedStore();
    const [, path = ''] = logFiles(files);
    const was = flip(files, path, 200);
    await expect(openOn(files)).rejects.toThrow(StoreCorruptedError);
    const report = await repairOn(files);
    expect(report.problems.join()).toContain(path);
    const kept = contentAt(files, `${report.originals}/${path.split('/').at(-1)}`);
    expect([kept.length, kept.equals(was)]).toEqual([was.length, false]);
    const store = await openOn(files);
    const found = await eventsOf(store);
    expect(found).toEqual(history.after(history.tried).events.slice(0, found.length));
    expect(found.length).toBe(report.keptThrough.position);
    const last = history.after(history.tried).events.length;
    const [next] = await store.append(commitOf({ 'n-1': [encoded(1)] }));
    expect(next?.position).toBeGreaterThan(last);
    expect(await store.verify()).toMatchObject({ ok: true });
    await store.close();
  });

  it.each(['the log', 'Parquet', 'an index', 'a run'])(
    'of %s that is damaged or gone leaves a store that opens',
    async (what) => {
      for (const isGone of [false, true]) {
        const { files, history } = await closedStore();
        const path = {
          'the log': logFiles(files)[1] ?? '',
          Parquet: `${DIRECTORY.segments}/${files.list(DIRECTORY.segments)[1]}`,
          'an index': `${DIRECTORY.index}/${files.list(DIRECTORY.index)[0]}`,
          'a run': `${DIRECTORY.records}/${files.list(DIRECTORY.records)[0]}`,
        }[what] as string;
        if (isGone) files.remove(path);
        else flip(files, path, 150);
        await expect(openOn(files)).rejects.toThrow(StoreCorruptedError);
        const report = await repairOn(files);
        expect(report.problems.join()).toContain(path);
        const store = await openOn(files);
        const found = await eventsOf(store);
        const all = history.after(history.tried).events;
        expect(found).toEqual(all.slice(0, found.length));
        // An index is made anew, and records are beside the events.
        if (what === 'an index' || what === 'a run') expect(found.length).toBe(all.length);
        expect(await store.verify()).toMatchObject({ ok: true });
        await store.close();
      }
    },
  );

  it('that loses power anywhere can be done again, and loses no more', async () => {
    for (const what of ['log', 'index'] as const) {
      const files = what === 'log' ? await crashedStore() : (await closedStore()).files;
      const path =
        what === 'log'
          ? (logFiles(files).at(-1) ?? '')
          : `${DIRECTORY.index}/${files.list(DIRECTORY.index)[0]}`;
      flip(files, path, 300);
      const once = files.afterProcessDeath();
      const before = once.operations;
      const { keptThrough } = await repairOn(once);
      const wanted = await positionAfter(once);
      // Behind all that anybody can have seen, lost or not.
      expect(wanted).toBeGreaterThan(18);
      for (let at = before + 1; at <= once.operations; at++) {
        const trial = files.afterPowerLoss('everything');
        trial.losePowerAt(at, { torn: at % 2 === 0 });
        await repairOn(trial).catch(() => undefined);
        for (const choice of ['nothing', 'everything', { seed: at }] as const) {
          const left = trial.afterPowerLoss(choice);
          expect((await repairOn(left)).keptThrough).toEqual(keptThrough);
          expect(await positionAfter(left)).toBe(wanted);
        }
      }
    }
  });
});

/** A log of one file whose manifest says nothing of it: only its frames tell which positions have been used. */
async function crashedStore(): Promise<FailingFileSystem> {
  const files = new FailingFileSystem();
  const store = await openOn(files, { walSegmentBytes: 65_536 });
  for (let i = 0; i < 9; i++) await store.append(commitOf({ 's-1': events(2) }));
  const crashed = files.afterProcessDeath();
  await store.close();
  return crashed;
}

async function positionAfter(files: FailingFileSystem): Promise<number | undefined> {
  const store = await openOn(files);
  const [result] = await store.append(commitOf({ 'n-1': [encoded(1)] }));
  await store.close();
  return result?.position;
}
