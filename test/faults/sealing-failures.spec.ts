/** Sealing and merging that fail: nobody waits for them in vain, nothing grows without bound, and nothing is said to be lost that is not. */
import { describe, expect, it, vi } from 'vitest';
import { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import { DiskFullError, StoreFailedError } from '../../lib/backends/allsource/allsource.errors.js';
import type { AllSourceOptions } from '../../lib/backends/allsource/allsource-options.js';
import type { Job, JobRunner } from '../../lib/backends/allsource/jobs/job.js';
import { ProcessRunner } from '../../lib/backends/allsource/jobs/process-runner.js';
import { StoreClosedError } from '../../lib/core/errors/store.errors.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { eventually } from '../eventually.js';
import { events, eventsOf } from './commit-history.js';
import { FailingFileSystem } from './failing-file-system.js';
import { DIRECTORY, hostOn, openOn } from './simulated-store.js';

/** Does jobs after what `before` says has happened, or fails as that does. */
async function storeWith(
  files: FailingFileSystem,
  options: AllSourceOptions,
  before: (job: Job) => Promise<void>,
): Promise<AllSourceBackend> {
  const runner = new ProcessRunner(files);
  const watched: JobRunner = {
    run: (job) => before(job).then(() => runner.run(job)),
    close: () => runner.close(),
  };
  const backend = new AllSourceBackend(
    { persistencePath: '/data', ...options },
    { ...hostOn(files), newWorkerRunner: () => watched },
  );
  await backend.open();
  return backend;
}

const append = (store: AllSourceBackend, bytes = 10): Promise<unknown> =>
  store.append(commitOf({ 's-1': events(1, bytes) }));

async function figure(store: AllSourceBackend, name: string): Promise<string | undefined> {
  return (await store.stats()).backendSpecific[name];
}

describe('a store that fails while it seals', () => {
  it('keeps no append waiting that waited for the log to become shorter', async () => {
    const files = new FailingFileSystem();
    let seal = (): void => undefined;
    const held = new Promise<void>((resolve) => (seal = resolve));
    const options = {
      durability: 'interval',
      syncEveryMs: 1,
      sealAfterBytes: 300,
      walBytesMax: 2_000,
    } as const;
    const store = await storeWith(files, options, () => held);
    await append(store, 400);
    await eventually(async () => expect(await figure(store, 'walSegments')).toBe('2'));
    // From here on appends wait for the round.
    await append(store, 5_000);
    const waiting = [append(store), append(store)].map((appended) =>
      appended.catch((error: unknown) => error),
    );
    files.failAt(({ kind, path }) => kind === 'sync' && path.endsWith('.wal'), { code: 'EIO' }, { times: 9 });
    await eventually(async () => expect(await figure(store, 'isFailed')).toBe('true'));
    seal();
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(StoreFailedError);
    await expect(append(store)).rejects.toThrow(StoreFailedError);
    await store.close().catch(() => undefined);
  });
});

describe('sealing that fails', () => {
  it('is tried again after five seconds, and makes no file of the log for each attempt', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let fails = true;
      let jobs = 0;
      const files = new FailingFileSystem();
      const store = await storeWith(files, { sealAfterBytes: 5_000 }, async () => {
        jobs++;
        if (fails) throw new Error('no library today');
      });
      await append(store);
      await append(store, 6_000);
      await eventually(() => expect(jobs).toBe(1));
      for (let attempt = 2; attempt <= 40; attempt++) {
        await append(store);
        await vi.advanceTimersByTimeAsync(5_000);
        expect(jobs).toBe(attempt);
      }
      expect(files.list(DIRECTORY.log).length).toBeLessThanOrEqual(3);
      fails = false;
      await vi.advanceTimersByTimeAsync(5_000);
      await eventually(async () => expect(await figure(store, 'lastSealingError')).toBe(''));
      await store.flush();
      expect(await store.verify()).toMatchObject({ ok: true, events: 41 });
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('for want of space seals first what needs none, and gives that back', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { walSegmentBytes: 8_192, sealAfterBytes: 2 ** 40 });
    for (let i = 0; i < 45; i++) await append(store, 800);
    files.failAt(
      ({ kind, path }) => kind === 'create' && path.includes('spare'),
      { code: 'ENOSPC' },
      { times: Infinity },
    );
    // A prepared file may be there, and is used first.
    while (!((await store.flush().catch((error: unknown) => error)) instanceof DiskFullError))
      await append(store);
    expect(Number(await figure(store, 'sealedThrough'))).toBeGreaterThan(30);
    expect(files.list(DIRECTORY.log).filter((name) => name.endsWith('.wal'))).toHaveLength(1);
    files.freeSpace();
    await store.flush();
    expect(await store.verify()).toMatchObject({ ok: true });
    await store.close();
  });

  it('leaves no file that tools would read beside those that are listed', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, { mergeFanIn: 100 });
    const unlisted = (): number => files.list(DIRECTORY.segments).length - store.sealedFiles().length;
    for (let i = 0; i < 4; i++) {
      await append(store);
      // The manifest that would list what was sealed.
      files.failAt(({ kind, path }) => kind === 'create' && path.includes('MANIFEST') && unlisted() > 0, {
        code: 'EACCES',
      });
      await expect(store.flush()).rejects.toThrow(/EACCES|this user may not/);
      expect(unlisted()).toBe(0);
    }
    await store.flush();
    expect(unlisted()).toBe(0);
    expect(await store.verify()).toMatchObject({ ok: true, events: 4 });
    await store.close();
  });

  it('removes nothing that a manifest may list whose last sync has failed', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    await append(store);
    const unlisted = (): number => files.list(DIRECTORY.segments).length - store.sealedFiles().length;
    // The manifest has its name, and whether that is durable is not known.
    files.failAt(({ kind, path }) => kind === 'syncDirectory' && path === '/data' && unlisted() > 0, {
      code: 'EIO',
    });
    await expect(store.flush()).rejects.toThrow(/may be the old one after a crash/);
    files.failAt(
      ({ kind, path }) => kind === 'create' && path.includes('MANIFEST'),
      { code: 'EACCES' },
      { times: 9 },
    );
    await expect(store.flush()).rejects.toThrow();
    for (const left of [files.afterProcessDeath(), files.afterPowerLoss('nothing')]) {
      const again = await openOn(left);
      expect(await eventsOf(again)).toHaveLength(1);
      expect(await again.verify()).toMatchObject({ ok: true });
      await again.close();
    }
    await store.close().catch(() => undefined);
  });
});

describe('a merge that fails', () => {
  it('is told in the statistics and by compact, and keeps neither flush nor close from their end', async () => {
    const files = new FailingFileSystem();
    const options = { enableWal: false, mergeFanIn: 2 } as const;
    const store = await storeWith(files, options, async ({ kind }) => {
      if (kind !== 'seal') throw new Error('no memory for a merge');
    });
    for (let i = 1; i <= 3; i++) {
      await append(store);
      await store.flush();
      expect(await figure(store, 'sealedThrough')).toBe(String(i));
    }
    expect(await figure(store, 'lastSealingError')).toContain('no memory for a merge');
    await expect(store.compact()).rejects.toThrow('no memory for a merge');
    await append(store);
    await store.close();
    const again = await openOn(files, options);
    expect(await eventsOf(again)).toHaveLength(4);
    await again.close();
  });
});

describe('a store that closes', () => {
  it('answers a read of a stream or a record with all there is, or says that it is closed', async () => {
    const commit = commitOf({ 's-1': events(20) }, 'any', [{ collection: 'c', key: 'k', value: '1' }]);
    const query = {
      streamId: 's-1',
      fromVersion: 1,
      toVersion: 20,
      direction: 'forward',
      limit: 50,
    } as const;
    for (let turn = 0; turn < 10; turn++) {
      const store = await openOn(new FailingFileSystem(), { streamCacheBytes: 0, readCacheBytes: 0 });
      await store.append(commit);
      await store.flush();
      let isClosed = false;
      // A read of the sealed files holds them open for a while.
      const page = store.readAll({ after: 0, upTo: 20, direction: 'forward', limit: 50 });
      const closing = store.close().then(() => (isClosed = true));
      const refused = (error: unknown): undefined => {
        expect(error).toBeInstanceOf(StoreClosedError);
      };
      for (let i = 0; !isClosed && i < 500; i++) {
        const found = await store.readStream(query).catch(refused);
        if (found !== undefined) expect(found.events).toHaveLength(20);
        const record = await store.readRecord('c', 'k').catch(refused);
        if (record !== undefined) expect(record).toBe('1');
        if (i % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all([closing, page.catch(refused)]);
    }
  });
});

describe('a store without a log', () => {
  it('acknowledges nothing while it closes that it does not seal', async () => {
    const files = new FailingFileSystem();
    const store = await storeWith(files, { enableWal: false }, async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    });
    for (let i = 0; i < 5; i++) await append(store);
    const closing = store.close();
    let acknowledged = 5;
    let refusal: unknown;
    while (refusal === undefined)
      await append(store).then(
        () => acknowledged++,
        (error: unknown) => (refusal = error),
      );
    expect(refusal).toBeInstanceOf(StoreClosedError);
    await closing;
    const again = await openOn(files, { enableWal: false });
    expect(await eventsOf(again)).toHaveLength(acknowledged);
    await again.close();
  });
});
