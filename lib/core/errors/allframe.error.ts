/**
 * The base of every error this library throws on purpose.
 *
 * Errors are data: `code` is a literal that a program can switch over, the fields of each subclass are typed, and
 * the message says what happened, to which thing, and what to do about it. `docs/errors.md` has a heading per code.
 * @publicApi
 */
export abstract class AllFrameError extends Error {
  /** A literal that names the kind of error, the same as the class's name. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
