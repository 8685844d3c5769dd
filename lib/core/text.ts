/** The alphabet of names that are stored: well-formed Unicode without NUL, measured in bytes of UTF-8. */
import { InvalidArgumentError, LimitExceededError } from './errors/input.errors.js';

/** A UTF-16 code unit becomes at most three bytes of UTF-8, so most texts need no counting. */
export const BYTES_PER_UNIT_MAX = 3;

/** Whether `text` takes more than `maxBytes` of UTF-8, counted only where its length leaves a doubt. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  return text.length * BYTES_PER_UNIT_MAX > maxBytes && Buffer.byteLength(text) > maxBytes;
}

/**
 * Checks a name that is to be stored: a stream id, an event type, a record's collection or key.
 * @param subject the argument's name, for the error
 * @param limit the limit's name, for the error
 * @throws InvalidArgumentError if it is not a non-empty, well-formed string without NUL
 * @throws LimitExceededError if it takes more than `maxBytes`
 */
export function checkName(
  name: unknown,
  subject: string,
  limit: string,
  maxBytes: number,
): asserts name is string {
  if (typeof name !== 'string')
    throw new InvalidArgumentError(
      subject,
      `a string is wanted, not ${name === null ? 'null' : typeof name}`,
    );
  if (name.length === 0)
    throw new InvalidArgumentError(subject, 'it is empty; give it at least one character');
  // First, so that the messages below stay short.
  if (exceedsBytes(name, maxBytes))
    throw new LimitExceededError(limit, Buffer.byteLength(name), maxBytes, subject);
  if (!name.isWellFormed()) {
    throw new InvalidArgumentError(
      subject,
      `${JSON.stringify(name)} holds a lone surrogate, which UTF-8 cannot keep; use well-formed Unicode`,
    );
  }
  if (name.includes('\0'))
    throw new InvalidArgumentError(subject, `${JSON.stringify(name)} holds a NUL character; leave it out`);
}

/**
 * The order of names: by their UTF-8 bytes, which is the order of code points. JavaScript's own order differs
 * beyond U+FFFF, and every backend must page through keys in the same order.
 */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Surrogates (U+D800 to U+DFFF) stand for code points above every other unit, so they rank last. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
