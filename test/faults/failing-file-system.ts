/**
 * A file system that does what disks do: it fails at the operation that a test names, and it loses power, after which
 * only what was synced is sure to be there and anything else may be. Every changing call is one numbered operation,
 * so that a test can put the fault at each of them in turn.
 */
import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileStatus, FileSystem, OpenFile } from '../../lib/backends/allsource/files/file-system.js';
import {
  type MemoryFile,
  type MemoryFileSystem,
  systemError,
} from '../../lib/backends/allsource/files/memory-file-system.js';
import {
  Disk,
  halfOfSectors,
  type PowerLossChoice,
  type UnsyncedWrite,
} from '../backends/allsource/files/disk.js';

export type { PowerLossChoice } from '../backends/allsource/files/disk.js';

const SYSTEM_CALLS = {
  create: 'open',
  write: 'write',
  sync: 'fdatasync',
  rename: 'rename',
  remove: 'unlink',
  makeDirectory: 'mkdir',
  syncDirectory: 'fsync',
} as const;

export interface Operation {
  /** The first is 1. */
  readonly number: number;
  readonly kind: keyof typeof SYSTEM_CALLS;
  readonly path: string;
  /** The new path of a rename. */
  readonly to?: string;
}

/** Which operation: by its number, counted when it is called, or any for which the function says so. */
export type At = number | ((operation: Operation) => boolean);

export interface FailureOptions {
  /** How many operations fail: those from the number on, or of those that the function chooses. 1 by default. */
  readonly times?: number;
  /** How many bytes a failing write has written all the same. 0 by default. */
  readonly partial?: number;
  /** From the failure on the disk is full: whatever creates or writes fails with ENOSPC until `freeSpace()`. */
  readonly untilSpaceIsFreed?: boolean;
}

/** What every call throws once the power is off. */
export class PowerLoss extends Error {
  constructor(readonly operation: Operation | undefined) {
    const { number, kind, path } = operation ?? {};
    super(operation ? `the power went at operation ${number}: ${kind} ${path}` : 'the power is off');
    this.name = 'PowerLoss';
  }
}

export class FailingFileSystem implements FileSystem {
  /** What a read of a file throws, if anything. */
  readFailure: (path: string) => Error | undefined = () => undefined;
  readonly #disk: Disk;
  readonly #log: Operation[] = [];
  readonly #finished: Operation[] = [];
  readonly #failures: {
    readonly isMeant: (operation: Operation) => boolean;
    readonly code: string;
    left: number;
    readonly options: FailureOptions;
  }[] = [];
  readonly #holds: { reached(): void; released: Promise<void> }[] = [];
  #elapsedMs = 0;
  #full = false;
  #blackout: { at: number; torn: boolean } | undefined;
  #powerLoss: PowerLoss | undefined;

  /**
   * @param syncMs what a sync takes of the simulated time: of fast disks nothing; a store leaves those of slow ones to
   * a thread, where other operations come between
   */
  constructor(
    private readonly syncMs = 0,
    disk = new Disk(),
  ) {
    this.#disk = disk;
  }

  /** The simulated time. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** How many changing calls there were. */
  get operations(): number {
    return this.#log.length;
  }

  /** Those that were begun, in that order. */
  get log(): readonly Operation[] {
    return this.#log;
  }

  /** Those that have succeeded, in the order in which they did. */
  get finished(): readonly Operation[] {
    return this.#finished;
  }

  /**
   * Lets operations fail with a Node error. After a failed sync what it should have synced is *clean but not durable*,
   * as on Linux: reads still see it, and a later sync succeeds without making it durable.
   */
  failAt(at: At, error: { readonly code: string }, options: FailureOptions = {}): void {
    assert(typeof at !== 'number' || at > this.operations, `operation ${String(at)} is over`);
    const { times = 1 } = options;
    // By the number alone: on threads an operation may begin before another one, and happen after it.
    const isMeant =
      typeof at === 'function' ? at : ({ number }: Operation) => number >= at && number < at + times;
    this.#failures.push({ isMeant, code: error.code, left: times, options });
  }

  /** Ends every failure by ENOSPC. */
  freeSpace(): void {
    this.#full = false;
    for (const failure of this.#failures) if (failure.code === 'ENOSPC') failure.left = 0;
  }

  /**
   * Lets operation `number` and all that happen later throw a PowerLoss, before the operation has done anything. A torn
   * one was under way: of a write the first half of its sectors joins what is unsynced, of a name operation all of it;
   * a sync has made the first half of its writes durable.
   */
  losePowerAt(number: number, options: { readonly torn?: boolean } = {}): void {
    assert(number > this.operations, `operation ${number} is over`);
    this.#blackout = { at: number, torn: options.torn ?? false };
  }

  /** Lets every call from now on throw a PowerLoss. */
  losePower(): void {
    this.#powerLoss = new PowerLoss(undefined);
  }

  /** The file system after the next start, if power were lost now. This one stays as it is, so one run gives many. */
  afterPowerLoss(choice: PowerLossChoice): FailingFileSystem {
    return new FailingFileSystem(this.syncMs, this.#disk.afterPowerLoss(choice));
  }

  /** What another process finds if this one is killed now: all that was written, and what was unsynced still is. */
  afterProcessDeath(): FailingFileSystem {
    return new FailingFileSystem(this.syncMs, this.#disk.copy());
  }

  /** Holds the next `syncOnThread`: `reached` once it was called, and it does nothing before `release()`. */
  holdNextSync(): { readonly reached: Promise<void>; release(): void } {
    let reach = (): void => {};
    let release = (): void => {};
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#holds.push({ reached: reach, released });
    return { reached, release };
  }

  open(path: string, mode: 'read' | 'write' | 'create'): OpenFile {
    if (mode === 'create')
      return this.#name('create', [path], () => this.#file(this.#memory().open(path, mode)));
    return this.#file(this.#memory().open(path, mode));
  }

  list(directory: string): readonly string[] {
    return this.#memory().list(directory);
  }

  stat(path: string): FileStatus | undefined {
    return this.#memory().stat(path);
  }

  makeDirectory(path: string): void {
    this.#name('makeDirectory', [path], () => this.#disk.memory.makeDirectory(path));
  }

  rename(from: string, to: string): void {
    this.#name('rename', [from, to], () => this.#disk.memory.rename(from, to));
  }

  remove(path: string): void {
    this.#name('remove', [path], () => this.#disk.memory.remove(path));
  }

  async removeOnThread(path: string): Promise<void> {
    await nextTurn();
    this.remove(path);
  }

  syncDirectory(path: string): void {
    this.#happen(this.#begin('syncDirectory', path), {
      whole: () => this.#disk.syncNames(this.#disk.memory.directory(path, 'open')),
    });
  }

  #name<T>(
    kind: 'create' | 'makeDirectory' | 'rename' | 'remove',
    paths: [string, string?],
    act: () => T,
  ): T {
    const [path, to] = paths;
    const fail = (code: string): Error => systemError(code, SYSTEM_CALLS[kind], path, to);
    const whole = (): T => this.#disk.name(to === undefined ? [path] : [path, to], fail, act);
    return this.#happen(this.#begin(kind, path, to), { whole, torn: whole });
  }

  #file(file: MemoryFile): OpenFile {
    const { path, content } = file;
    type Range = Parameters<OpenFile['write']>;
    const write = (operation: Operation, [buffer, offset, length, position]: Range): void => {
      const upTo = (bytes: number): void => this.#disk.write(file, buffer, offset, bytes, position);
      this.#happen(operation, {
        whole: () => upTo(length),
        failed: (partial) => upTo(Math.min(partial, length)),
        torn: () => upTo(halfOfSectors(position, length)),
      });
    };
    const sync = (operation: Operation, covered: readonly UnsyncedWrite[]): void => {
      this.#elapsedMs += this.syncMs;
      this.#happen(operation, {
        whole: () => {
          file.sync();
          this.#disk.settle(content, covered, 'durable');
        },
        failed: () => this.#disk.settle(content, covered, 'lost'),
        torn: () => this.#disk.settle(content, covered.slice(0, Math.ceil(covered.length / 2)), 'durable'),
      });
    };
    return {
      path,
      size: () => this.#memory() && file.size(),
      read: (...range) => {
        this.#memory();
        const failure = this.readFailure(path);
        if (failure !== undefined) throw failure;
        return file.read(...range);
      },
      write: (...range) => write(this.#begin('write', path), range),
      sync: () => sync(this.#begin('sync', path), this.#disk.dirty(content)),
      // The buffer is read as late as a thread might, so that one that is used again too early is noticed.
      writeOnThread: async (...range) => {
        const operation = this.#begin('write', path);
        await nextTurn();
        write(operation, range);
      },
      // It covers what was written when it began: what comes while it runs may just have missed it.
      syncOnThread: async () => {
        const operation = this.#begin('sync', path);
        const covered = this.#disk.dirty(content);
        const hold = this.#holds.shift();
        hold?.reached();
        await (hold?.released ?? nextTurn());
        sync(operation, covered);
      },
      close: () => this.#memory() && file.close(),
    };
  }

  /** What the running system sees. */
  #memory(): MemoryFileSystem {
    if (this.#powerLoss) throw new PowerLoss(this.#powerLoss.operation);
    return this.#disk.memory;
  }

  #begin(kind: Operation['kind'], path: string, to?: string): Operation {
    this.#memory();
    const operation = { number: this.#log.length + 1, kind, path, ...(to === undefined ? {} : { to }) };
    this.#log.push(operation);
    return operation;
  }

  #happen<T>(operation: Operation, act: { whole(): T; failed?(partial: number): void; torn?(): void }): T {
    this.#memory();
    if (this.#blackout?.at === operation.number) {
      this.#powerLoss = new PowerLoss(operation);
      if (this.#blackout.torn) act.torn?.();
      throw this.#powerLoss;
    }
    const { kind, path, to } = operation;
    const fail = (code: string): Error => systemError(code, SYSTEM_CALLS[kind], path, to);
    if (this.#full && ['create', 'write', 'makeDirectory'].includes(kind)) throw fail('ENOSPC');
    const failure = this.#failures.find(({ isMeant, left }) => left > 0 && isMeant(operation));
    if (failure === undefined) {
      const outcome = act.whole();
      this.#finished.push(operation);
      return outcome;
    }
    failure.left--;
    this.#full ||= failure.options.untilSpaceIsFreed ?? false;
    act.failed?.(failure.options.partial ?? 0);
    throw fail(failure.code);
  }
}
