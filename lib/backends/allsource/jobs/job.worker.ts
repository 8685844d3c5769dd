/** What a worker thread of `WorkerRunner` runs: one job, whose answer it posts. */
import { parentPort, workerData } from 'node:worker_threads';
import { StoreCorruptedError } from '../allsource.errors.js';
import { NodeFileSystem } from '../files/node-file-system.js';
import type { Job } from './job.js';
import { runJob } from './run-job.js';
import type { JobAnswer, JobFailure } from './worker-runner.js';

const job = workerData as Job;
void runJob(new NodeFileSystem(), job).then(
  (result) => answer({ result }),
  (error: unknown) => answer({ failure: failureOf(error) }),
);

function answer(message: JobAnswer): void {
  // A thread's port, not a window: there is no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(message);
}

function failureOf(error: unknown): JobFailure {
  if (!(error instanceof Error))
    return { message: String(error), stack: undefined, path: job.places.segments };
  const { message, stack } = error;
  if (error instanceof StoreCorruptedError) {
    const { path, offset, problem, lost } = error;
    return { message, stack, path, damage: { offset, problem, lost } };
  }
  const path = 'path' in error && typeof error.path === 'string' ? error.path : job.places.segments;
  return { message, stack, path };
}
