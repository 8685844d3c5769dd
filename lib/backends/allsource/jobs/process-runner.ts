import type { FileSystem } from '../files/file-system.js';
import type { Job, JobResult, JobRunner } from './job.js';
import { runJob } from './run-job.js';

/** Does jobs in this process, between other things: where files are not on a disk, or no thread is wanted. */
export class ProcessRunner implements JobRunner {
  #running: Promise<unknown> = Promise.resolve();

  constructor(private readonly files: FileSystem) {}

  run(job: Job): Promise<JobResult> {
    const done = runJob(this.files, job);
    this.#running = done.catch(() => undefined);
    return done;
  }

  /** What is running ends by itself: nothing can take it apart. */
  async close(): Promise<void> {
    await this.#running;
  }
}
