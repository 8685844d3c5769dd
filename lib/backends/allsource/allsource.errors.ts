import { AllFrameError } from '../../core/errors/allframe.error.js';

/**
 * Data that the store had acknowledged is damaged or gone. It was not opened, or the read was not answered, so that
 * nothing is taken for the whole that is only a part of it.
 * @publicApi
 */
export class StoreCorruptedError extends AllFrameError {
  readonly code = 'StoreCorruptedError';

  /**
   * @param path the damaged file
   * @param offset where in the file, in bytes
   * @param problem what is wrong there
   * @param lost what cannot be read because of it
   */
  constructor(
    readonly path: string,
    readonly offset: number,
    readonly problem: string,
    readonly lost: string,
    options?: ErrorOptions,
  ) {
    super(
      `The store is damaged: ${path}, byte ${offset}: ${problem}. Lost is ${lost}. Restore a backup; or, if there is none, ` +
        'AllSourceBackend.repair(directory) keeps what comes before the damage, and the damaged files beside it.',
      options,
    );
  }
}

/**
 * Another backend has the directory open, in this process or another one.
 * @publicApi
 */
export class StoreLockedError extends AllFrameError {
  readonly code = 'StoreLockedError';

  /**
   * @param directory the store's directory
   * @param owner who has it open, in words
   */
  constructor(
    readonly directory: string,
    readonly owner: string,
  ) {
    super(
      `${directory} is open already, by ${owner}. One process at a time writes to a store: stop the other one, or give ` +
        'this one a directory of its own.',
    );
  }
}

/**
 * The store was written by a newer version of the library.
 * @publicApi
 */
export class UnsupportedFormatError extends AllFrameError {
  readonly code = 'UnsupportedFormatError';

  /**
   * @param path the file that says so
   * @param found its format
   * @param supported the newest format that this version reads
   */
  constructor(
    readonly path: string,
    readonly found: number,
    readonly supported: number,
  ) {
    super(
      `${path} has format ${found}, and this version of the library reads formats up to ${supported}. Nothing was changed: ` +
        'install the version that wrote it, or a newer one.',
    );
  }
}

/**
 * The store's directory cannot be used.
 * @publicApi
 */
export class StorageUnavailableError extends AllFrameError {
  readonly code = 'StorageUnavailableError';
  override readonly kind = 'unavailable';

  /**
   * @param path the directory or file
   * @param problem why, and what to do
   */
  constructor(
    readonly path: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${problem}`, options);
  }
}

/**
 * There is no space left for a new piece of the log. Nothing was written; the store stays readable, and appends go
 * through again as soon as there is space.
 * @publicApi
 */
export class DiskFullError extends AllFrameError {
  readonly code = 'DiskFullError';
  override readonly kind = 'unavailable';

  /** @param path the file that could not be made larger */
  constructor(
    readonly path: string,
    options?: ErrorOptions,
  ) {
    super(
      `The disk of ${path} is full, and nothing was written: free some space and append again, or flush again.`,
      options,
    );
  }
}

/**
 * A write or sync failed, so what is on the disk is not known any more. What was acknowledged stays readable; appends
 * are refused until the backend is closed and opened again, which finds out.
 * @publicApi
 */
export class StoreFailedError extends AllFrameError {
  readonly code = 'StoreFailedError';
  override readonly kind = 'unavailable';

  /** @param path the file that could not be written or synced */
  constructor(
    readonly path: string,
    options?: ErrorOptions,
  ) {
    super(
      `${path} could not be written or synced, so the store takes no more appends. Close it and open it again: what was ` +
        'acknowledged is kept, and the log says what else was written.',
      options,
    );
  }
}
