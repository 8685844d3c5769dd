/** The options of the backend, what they are unless given, and what is refused. */
import { resolve } from 'node:path';
import { TIMER_MS_MAX } from '../../core/clock.js';
import { InvalidArgumentError } from '../../core/errors/input.errors.js';
import { StoreDirectory } from './files/store-directory.js';
import type { Durability } from './log/write-ahead-log.js';
import type { ParquetCodecName } from './parquet/parquet-codec.js';

/**
 * How a store is kept. Sizes are in bytes, times in milliseconds.
 * @publicApi
 */
export interface AllSourceOptions {
  /** Keep events on disk; default: if a `persistencePath` is given. Without it everything is in memory, the log too. */
  readonly enablePersistence?: boolean;
  /** Write a log before acknowledging; default: as `enablePersistence`. Without it only `flush()` and `close()` make durable. */
  readonly enableWal?: boolean;
  /** The directory of the store; it is created. */
  readonly persistencePath?: string;
  /** The directory of the log; default `wal` in the store's own. */
  readonly walPath?: string;
  /** `'commit'` (default) syncs before acknowledging; `'interval'` after it, so that a power failure may cost `syncEveryMs`. */
  readonly durability?: 'commit' | 'interval';
  /** With `durability: 'interval'`; default 100. */
  readonly syncEveryMs?: number;
  /** Which library writes Parquet; default `'hyparquet'`. `'parquetjs-lite'` has to be installed beside this package. */
  readonly parquetCodec?: ParquetCodecName;
  /** Size of a file of the log; default 64 MiB. The first ones of an opening are smaller. */
  readonly walSegmentBytes?: number;
  /** Seal when the log holds this much; default 64 MiB. */
  readonly sealAfterBytes?: number;
  /** Seal when the log holds this many events; default 250,000. */
  readonly sealAfterEvents?: number;
  /** Seal what has been in the log this long; default 10 minutes. */
  readonly sealAfterMs?: number;
  /** Appends wait for sealing while the log is larger; default 1 GiB. */
  readonly walBytesMax?: number;
  /** Merge as soon as so many sealed segments of about one size follow each other; default 8. */
  readonly mergeFanIn?: number;
  /** Memory for the events of streams in use; default 64 MiB. */
  readonly streamCacheBytes?: number;
  /** Memory for the newest events; default 32 MiB. */
  readonly recentCacheBytes?: number;
  /** Memory for sealed events that were read; default 32 MiB. */
  readonly readCacheBytes?: number;
  /** Memory for stream indexes and records; default 16 MiB. */
  readonly indexCacheBytes?: number;
  /**
   * Seal and merge in a worker thread (default), or between other work of this thread, which then waits longer. An
   * application bundled into one file has no script for a worker, and seals in its own thread.
   */
  readonly sealIn?: 'worker' | 'process';
}

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

/** Options with nothing left open. */
export interface AllSourceSettings {
  /** `undefined`: in memory. */
  readonly path: string | undefined;
  readonly logPath: string;
  readonly durability: Durability;
  readonly syncEveryMs: number;
  readonly parquetCodec: ParquetCodecName;
  readonly walSegmentBytes: number;
  readonly sealAfterBytes: number;
  readonly sealAfterEvents: number;
  readonly sealAfterMs: number;
  readonly walBytesMax: number;
  readonly mergeFanIn: number;
  readonly streamCacheBytes: number;
  readonly recentCacheBytes: number;
  readonly readCacheBytes: number;
  readonly indexCacheBytes: number;
  readonly sealIn: 'worker' | 'process';
}

/** @throws InvalidArgumentError */
export function settingsOf(options: AllSourceOptions): AllSourceSettings {
  const persists = flag(options, 'enablePersistence') ?? options.persistencePath !== undefined;
  const hasLog = (flag(options, 'enableWal') ?? true) && persists;
  const { persistencePath, walPath } = options;
  const given =
    persistencePath === undefined ? undefined : directoryPath(persistencePath, 'options.persistencePath');
  const givenLog = walPath === undefined ? undefined : directoryPath(walPath, 'options.walPath');
  if (persists && given === undefined) {
    throw new InvalidArgumentError(
      'options.persistencePath',
      'it is missing; say where the events are to be kept',
    );
  }
  const path = persists ? given : undefined;
  if (path !== undefined && givenLog !== undefined && isTaken(path, givenLog)) {
    throw new InvalidArgumentError(
      'options.walPath',
      'it is a folder of the store itself; give one of its own',
    );
  }
  const durability = oneOf(options, 'durability', ['commit', 'interval']) ?? 'commit';
  const size = (name: NumberOption, otherwise: number, least = 1, most = Number.MAX_SAFE_INTEGER): number =>
    wholeNumber(options, name, least, most) ?? otherwise;
  return {
    path,
    logPath: givenLog ?? resolve(path ?? MEMORY_PATH, 'wal'),
    durability: hasLog ? durability : 'memory',
    syncEveryMs: Math.min(size('syncEveryMs', 100), TIMER_MS_MAX),
    parquetCodec: oneOf(options, 'parquetCodec', ['hyparquet', 'parquetjs-lite']) ?? 'hyparquet',
    walSegmentBytes: size('walSegmentBytes', 64 * MIB, WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX),
    sealAfterBytes: size('sealAfterBytes', 64 * MIB),
    sealAfterEvents: size('sealAfterEvents', 250_000),
    sealAfterMs: Math.min(size('sealAfterMs', 10 * MINUTE_MS), TIMER_MS_MAX),
    walBytesMax: size('walBytesMax', 1024 * MIB),
    mergeFanIn: size('mergeFanIn', 8, 2),
    streamCacheBytes: size('streamCacheBytes', 64 * MIB, 0),
    recentCacheBytes: size('recentCacheBytes', 32 * MIB, 0),
    readCacheBytes: size('readCacheBytes', 32 * MIB, 0),
    indexCacheBytes: size('indexCacheBytes', 16 * MIB, 0),
    sealIn: oneOf(options, 'sealIn', ['worker', 'process']) ?? 'worker',
  };
}

/** Where the files of a store in memory are, for its own eyes only. */
export const MEMORY_PATH = '/memory';
const WAL_SEGMENT_BYTES_MIN = 4096;
/** A file is read as a whole when it is recovered. */
export const WAL_SEGMENT_BYTES_MAX = 1024 * MIB;

/** Whether a directory is the store's own, or one that it keeps other things in. */
function isTaken(path: string, logPath: string): boolean {
  const { segments, index, records, aside } = new StoreDirectory(path, logPath);
  return [path, segments, index, records, aside].includes(logPath);
}

type NumberOption = {
  [K in keyof AllSourceOptions]-?: NonNullable<AllSourceOptions[K]> extends number ? K : never;
}[keyof AllSourceOptions];

function flag(options: AllSourceOptions, name: 'enablePersistence' | 'enableWal'): boolean | undefined {
  const value: unknown = options[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new InvalidArgumentError(`options.${name}`, 'true or false is wanted');
}

function wholeNumber(
  options: AllSourceOptions,
  name: NumberOption,
  least: number,
  most: number,
): number | undefined {
  const value: unknown = options[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw new InvalidArgumentError(`options.${name}`, `a whole number from ${least} to ${most} is wanted`);
}

function oneOf<T extends string>(
  options: AllSourceOptions,
  name: keyof AllSourceOptions,
  words: readonly T[],
): T | undefined {
  const value: unknown = options[name];
  if (value === undefined) return undefined;
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  throw new InvalidArgumentError(
    `options.${name}`,
    `one of ${words.map((w) => `'${w}'`).join(', ')} is wanted`,
  );
}

/**
 * The path made absolute. A URL is not shown in the error, since it may hold a password.
 * @param subject what the caller calls it, for the error
 * @throws InvalidArgumentError
 */
export function directoryPath(value: unknown, subject: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new InvalidArgumentError(subject, 'the path of a directory is wanted');
  }
  if (value.includes('\0')) throw new InvalidArgumentError(subject, 'it holds a NUL character');
  if (/^postgres(?:ql)?:/i.test(value)) {
    throw new InvalidArgumentError(
      subject,
      'it is the URL of a PostgreSQL server, and AllSource keeps events in a directory; for that server use PostgresBackend',
    );
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(value)) {
    throw new InvalidArgumentError(subject, 'the path of a directory is wanted, not a URL');
  }
  return resolve(value);
}
