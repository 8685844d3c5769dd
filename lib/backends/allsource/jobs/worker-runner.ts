/**
 * Does each job in a worker thread of its own, whose memory goes with it. Starting one takes about 50 ms, and a job
 * takes seconds where it matters.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StoreClosedError } from '../../../core/errors/store.errors.js';
import { StorageUnavailableError, StoreCorruptedError } from '../allsource.errors.js';
import type { Job, JobResult, JobRunner } from './job.js';
import { ownDirectory } from './own-directory.js';

/** What a worker answers. */
export type JobAnswer = { readonly result: JobResult } | { readonly failure: JobFailure };

/** An error in a form that survives the way between threads. */
export interface JobFailure {
  readonly message: string;
  readonly stack: string | undefined;
  readonly path: string;
  /** Of damaged data. */
  readonly damage?: { readonly offset: number; readonly problem: string; readonly lost: string };
}

/** The young generation is small unless told, and a job makes much garbage: that would be most of its time. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 1024 };

/** The script of the worker, `undefined` where it is not beside this file: in an application bundled into one file. */
export function workerScript(): string | undefined {
  const script = join(ownDirectory(), 'job.worker.js');
  return existsSync(script) ? script : undefined;
}

export class WorkerRunner implements JobRunner {
  #worker: Worker | undefined;
  #isClosed = false;

  /** @param script see `workerScript` */
  constructor(private readonly script: string) {}

  async run(job: Job): Promise<JobResult> {
    if (this.#isClosed) throw new StoreClosedError('sealing');
    const worker = new Worker(this.script, {
      workerData: job,
      resourceLimits: WORKER_LIMITS,
      // Flags of the process, such as a loader, may not suit a thread.
      execArgv: [],
    });
    this.#worker = worker;
    try {
      const answered = this.#answerOf(worker, job);
      // The process may end while it works: what it makes counts only when it is listed. Whoever listens to its messages
      // keeps the process alive, so this comes after that.
      worker.unref();
      const answer = await answered;
      if ('result' in answer) return answer.result;
      throw errorOf(answer.failure);
    } finally {
      this.#worker = undefined;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #answerOf(worker: Worker, { places }: Job): Promise<JobAnswer> {
    return new Promise((resolve, reject) => {
      const died = (message: string): Error =>
        this.#isClosed
          ? new StoreClosedError('sealing')
          : errorOf({ message, stack: undefined, path: places.segments });
      worker.once('message', resolve);
      worker.once('error', ({ message }) => reject(died(message)));
      worker.once('exit', (code) => reject(died(`the worker thread ended with code ${code}`)));
    });
  }
}

function errorOf({ message, stack, path, damage }: JobFailure): Error {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  if (damage !== undefined) {
    return new StoreCorruptedError(path, damage.offset, damage.problem, damage.lost, { cause });
  }
  return new StorageUnavailableError(path, `sealing failed (${message}); it will be tried again`, { cause });
}
