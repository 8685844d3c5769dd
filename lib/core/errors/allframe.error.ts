/**
 * What kind of thing went wrong, seen by a caller:
 *
 * - `validation`: what was given cannot be accepted as it is
 * - `notFound`: there is no such thing
 * - `conflict`: somebody else was first, or the same was asked for in another way
 * - `rejected`: the rules of the domain say no
 * - `unauthorised`: the caller may not
 * - `timeout`: it took too long, and may have happened or not
 * - `unavailable`: not now; the same call may succeed later
 * - `unexpected`: a fault of the program or its setup, nothing a caller can mend
 * @publicApi
 */
export type ErrorKind =
  | 'validation'
  | 'notFound'
  | 'conflict'
  | 'rejected'
  | 'unauthorised'
  | 'timeout'
  | 'unavailable'
  | 'unexpected';

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

  /** What a caller can do about it, whatever the code. */
  readonly kind: ErrorKind = 'unexpected';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
