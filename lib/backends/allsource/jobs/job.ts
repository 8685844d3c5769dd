/**
 * Work that makes sealed files out of others. It takes seconds and much memory, so it is described by plain data, which
 * a worker thread can be sent.
 */
import type { ParquetCodecName } from '../parquet/parquet-codec.js';
import type { RunEntry, SegmentEntry } from '../sealed/manifest.js';

export type Job = SealJob | MergeSegmentsJob | MergeRunsJob;

/** Where files of a store are. */
export interface JobPlaces {
  readonly segments: string;
  readonly index: string;
  readonly records: string;
}

/** Makes a segment and a run of files of the log. */
export interface SealJob {
  readonly kind: 'seal';
  readonly places: JobPlaces;
  readonly codec: ParquetCodecName;
  readonly sources: readonly LogSource[];
  /** The name of the run, should there be records. */
  readonly run: string;
}

/** A file of the log, up to and with one commit. */
export interface LogSource {
  readonly path: string;
  /** Its content, where it is not on a disk. */
  readonly content?: Uint8Array;
  readonly through: number;
}

/** Makes one segment of several that follow each other. */
export interface MergeSegmentsJob {
  readonly kind: 'merge-segments';
  readonly places: JobPlaces;
  readonly codec: ParquetCodecName;
  readonly inputs: readonly SegmentEntry[];
}

/** Makes one run of several, the oldest first. */
export interface MergeRunsJob {
  readonly kind: 'merge-runs';
  readonly places: JobPlaces;
  readonly inputs: readonly RunEntry[];
  readonly run: string;
  /** There is no older run, so nothing has to be said of what is deleted. */
  readonly isOldest: boolean;
}

export interface JobResult {
  readonly segment?: SegmentEntry;
  readonly run?: RunEntry;
}

/** Does a job, wherever. */
export interface JobRunner {
  run(job: Job): Promise<JobResult>;
  /** Ends what is running. */
  close(): Promise<void>;
}
