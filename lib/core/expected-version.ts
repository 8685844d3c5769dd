import { InvalidArgumentError } from './errors/input.errors.js';

/**
 * What an append expects of its stream: `'any'` never conflicts, `'noStream'` is the same as version 0,
 * `'streamExists'` wants at least one event, a number wants exactly that version.
 * @publicApi
 */
export type ExpectedVersion = 'any' | 'noStream' | 'streamExists' | number;

/**
 * Whether a stream at version `actual` (0 when empty) meets the expectation.
 * @publicApi
 */
export function matchesExpectedVersion(expected: ExpectedVersion, actual: number): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'noStream':
      return actual === 0;
    case 'streamExists':
      return actual > 0;
    default:
      return actual === expected;
  }
}

/**
 * The version after which the append wants to stand, where it names one: `'noStream'` is 0.
 * @publicApi
 */
export function expectedPlace(expected: ExpectedVersion): number | undefined {
  return expected === 'noStream' ? 0 : typeof expected === 'number' ? expected : undefined;
}

/** @throws InvalidArgumentError unless `expected` is one of the words or a whole number of events. */
export function checkExpectedVersion(expected: unknown): asserts expected is ExpectedVersion {
  if (expected === 'any' || expected === 'noStream' || expected === 'streamExists') return;
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return;
  throw new InvalidArgumentError(
    'expectedVersion',
    `${String(expected)} is neither 'any', 'noStream', 'streamExists' nor a whole number from 0 to 2^53 - 1`,
  );
}
