/** What one job of sealing or merging takes on is bounded by bytes as well as by events. */
import { expect, it, vi } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { MemoryFileSystem } from '../../../lib/backends/allsource/files/memory-file-system.js';
import type { Job, JobRunner } from '../../../lib/backends/allsource/jobs/job.js';
import { ProcessRunner } from '../../../lib/backends/allsource/jobs/process-runner.js';
import { EventStore } from '../../../lib/store/event-store.js';
import { hostOn } from '../../faults/simulated-store.js';

const { SEAL_BYTES_MAX, SEGMENT_BYTES_MAX } = vi.hoisted(() => ({
  SEAL_BYTES_MAX: 256 * 1024,
  SEGMENT_BYTES_MAX: 64 * 1024,
}));

vi.mock('../../../lib/core/limits.js', async (original) => {
  const { Limits } = await original<typeof import('../../../lib/core/limits.js')>();
  return { Limits: { ...Limits, sealBytesMax: SEAL_BYTES_MAX, segmentBytesMax: SEGMENT_BYTES_MAX } };
});

/** Does jobs, and keeps what they were. */
class WatchedRunner implements JobRunner {
  readonly jobs: Job[] = [];
  readonly #runner: JobRunner;

  constructor(files: MemoryFileSystem) {
    this.#runner = new ProcessRunner(files);
  }

  run(job: Job): ReturnType<JobRunner['run']> {
    this.jobs.push(job);
    return this.#runner.run(job);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}

async function storeWith(
  mergeFanIn: number,
): Promise<{ store: EventStore; backend: AllSourceBackend; runner: WatchedRunner }> {
  const files = new MemoryFileSystem();
  const runner = new WatchedRunner(files);
  const backend = new AllSourceBackend(
    { persistencePath: '/store', walSegmentBytes: 64 * 1024, sealAfterBytes: 2 ** 40, mergeFanIn },
    { ...hostOn(files), newWorkerRunner: () => runner },
  );
  return { store: await EventStore.open(backend), backend, runner };
}

/** Text that hardly becomes smaller by compression. */
function noise(n: number): string {
  let state = n + 1;
  return Array.from({ length: 1_000 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state.toString(36);
  }).join('');
}

it('a job seals several files of the log, and not more than one job may take', async () => {
  const { store, runner } = await storeWith(1_000);
  // 15 files of the log: with more of them sealing begins by itself.
  for (let n = 0; n < 900; n++)
    await store.append(`s-${n % 7}`, [{ type: 'noted', data: { text: 'x'.repeat(900) } }]);
  await store.flush();
  const seals = runner.jobs.filter((job) => job.kind === 'seal');
  expect(seals.length).toBeGreaterThan(1);
  for (const { sources } of seals) expect(sources.length * 64).toBeLessThanOrEqual(256);
  expect(seals.some(({ sources }) => sources.length > 1)).toBe(true);
  expect(await store.getAllEvents()).toHaveLength(900);
  await store.close();
});

it('segments are merged until they are large, be it that they hold few events', async () => {
  const { store, backend, runner } = await storeWith(2);
  for (let n = 0; n < 60; n++) {
    await store.append('s', [{ type: 'noted', data: { text: noise(n) } }]);
    await store.flush();
  }
  await backend.compact();
  const merges = runner.jobs.filter((job) => job.kind === 'merge-segments');
  expect(merges.length).toBeGreaterThan(1);
  for (const { inputs } of merges) {
    expect(inputs.reduce((sum, { events }) => sum + events.bytes, 0)).toBeLessThanOrEqual(SEGMENT_BYTES_MAX);
  }
  expect(backend.sealedFiles().length).toBeGreaterThan(2);
  expect(await store.getAllEvents()).toHaveLength(60);
  await store.close();
});
