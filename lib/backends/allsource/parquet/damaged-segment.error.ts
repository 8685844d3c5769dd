/**
 * What a reader of segment files throws when the bytes are not what was written. The engine turns both into its own
 * `StoreCorruptedError`; errors of the file system are passed on untouched, as they say nothing about the data.
 */

/** A segment file whose footer or a row group cannot be what was written. */
export class DamagedSegmentError extends Error {
  override readonly name: string = 'DamagedSegmentError';

  constructor(
    /** The file. */
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The Parquet segment ${path} is damaged: ${reason}`, options);
  }
}

/** A segment file one page of which cannot be what was written. */
export class DamagedPageError extends DamagedSegmentError {
  override readonly name = 'DamagedPageError';

  constructor(
    path: string,
    /** The byte of the file at which the page starts. */
    readonly offset: number,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(path, `the page at byte ${offset} ${reason}`, options);
  }
}
