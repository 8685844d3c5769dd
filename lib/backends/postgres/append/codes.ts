/** How the functions that append are told what is expected, and tell what became of it. */
import type { ExpectedVersion } from '../../../core/expected-version.js';

/** What became of a commit. */
export const Outcome = { written: 0, idKnown: 1, wrongVersion: 2, recordConflict: 3 } as const;

/** How 'any' and 'streamExists' are told to the function. */
export const EXPECTED_ANY = -1;
export const EXPECTED_STREAM_EXISTS = -2;

export function expectedNumber(expected: ExpectedVersion): number {
  if (expected === 'any') return EXPECTED_ANY;
  if (expected === 'streamExists') return EXPECTED_STREAM_EXISTS;
  return expected === 'noStream' ? 0 : expected;
}
