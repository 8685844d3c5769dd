/** The log may not grow without a bound where appends are faster than sealing, nor stop them where sealing fails. */
import { describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import type { AllSourceOptions } from '../../../lib/backends/allsource/allsource-options.js';
import { MemoryFileSystem } from '../../../lib/backends/allsource/files/memory-file-system.js';
import type { JobRunner } from '../../../lib/backends/allsource/jobs/job.js';
import { ProcessRunner } from '../../../lib/backends/allsource/jobs/process-runner.js';
import { EventStore } from '../../../lib/store/event-store.js';
import { hostOn } from '../../faults/simulated-store.js';

const WAL_BYTES_MAX = 64 * 1024;

const OPTIONS: AllSourceOptions = {
  persistencePath: '/store',
  walSegmentBytes: 8 * 1024,
  sealAfterBytes: 16 * 1024,
  walBytesMax: WAL_BYTES_MAX,
};

/** A store in memory whose jobs are done by what `runnerOn` gives. */
async function storeWith(
  runnerOn: (files: MemoryFileSystem) => JobRunner,
  options: AllSourceOptions = {},
): Promise<EventStore> {
  const files = new MemoryFileSystem();
  const host = { ...hostOn(files), newWorkerRunner: () => runnerOn(files) };
  return EventStore.open(new AllSourceBackend({ ...OPTIONS, ...options }, host), {
    logger: { error: () => undefined, warn: () => undefined },
  });
}

async function walBytesOf(store: EventStore): Promise<number> {
  return Number((await store.stats()).backendSpecific['walBytes']);
}

const event = (n: number) => ({ type: 'noted', data: { n, text: 'x'.repeat(200) } });

/** 8 callers, who wait for their answers. Gives the most that the log has held. */
async function appendMany(store: EventStore, each: number): Promise<number> {
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; n < each; n++) {
        await store.append(`s-${caller}`, [event(n)]);
        most = Math.max(most, await walBytesOf(store));
      }
    }),
  );
  return most;
}

/** As slow as with large jobs: each takes a hundred turns of the event loop. */
function slowRunner(files: MemoryFileSystem): JobRunner {
  const runner = new ProcessRunner(files);
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { run: (job) => turns().then(() => runner.run(job)), close: () => runner.close() };
}

describe('appends that are faster than sealing', () => {
  it('wait for it, so that the log keeps its bound, and all of them go through', async () => {
    const store = await storeWith(slowRunner);
    const most = await appendMany(store, 250);
    expect(most).toBeGreaterThan(WAL_BYTES_MAX / 2);
    // A group that was staged before the bound was met may still come.
    expect(most).toBeLessThan(WAL_BYTES_MAX + 16 * 1024);
    expect((await store.getAllEvents()).length).toBe(2_000);
    await store.close();
  });

  it('do not keep a flush from its end, however long they go on', async () => {
    const store = await storeWith(slowRunner, { walBytesMax: 2 ** 30 });
    await store.append('s', [event(0)]);
    let isFlushed = false;
    let appends = 0;
    const flushed = store.flush().then(() => (isFlushed = true));
    const appending = Array.from({ length: 16 }, async (_, caller) => {
      while (!isFlushed && appends < 20_000) await store.append(`s-${caller}`, [event(++appends)]);
    });
    await Promise.all(appending);
    expect(appends).toBeLessThan(20_000);
    await flushed;
    await store.close();
  });

  it('go on where sealing fails: a longer log is better than none', async () => {
    const store = await storeWith(() => ({
      run: () => Promise.reject(new Error('no thread today')),
      close: () => Promise.resolve(),
    }));
    expect(await appendMany(store, 100)).toBeGreaterThan(WAL_BYTES_MAX);
    expect((await store.stats()).backendSpecific['lastSealingError']).toContain('no thread today');
    await store.close();
  });
});
