/** The small words of core: stream ids, categories, expected versions, filters, back-off. */
import { describe, expect, it } from 'vitest';
import { backOffMs } from '../../lib/core/clock.js';
import { passesFilter } from '../../lib/core/event-filter.js';
import {
  checkExpectedVersion,
  type ExpectedVersion,
  expectedPlace,
  matchesExpectedVersion,
} from '../../lib/core/expected-version.js';
import { InvalidArgumentError, LimitExceededError } from '../../lib/core/errors/input.errors.js';
import { Limits } from '../../lib/core/limits.js';
import { categoryOf, checkEventType, checkStreamId } from '../../lib/core/stream-id.js';
import type { StoredEvent } from '../../lib/core/stored-event.js';

describe('expected versions', () => {
  it.each<[ExpectedVersion, number[], number[]]>([
    ['any', [0, 1, 7], []],
    ['noStream', [0], [1, 7]],
    ['streamExists', [1, 7], [0]],
    [0, [0], [1, 7]],
    [7, [7], [0, 1, 6, 8]],
  ])('%s', (expected, met, unmet) => {
    expect(met.filter((actual) => !matchesExpectedVersion(expected, actual))).toEqual([]);
    expect(unmet.filter((actual) => matchesExpectedVersion(expected, actual))).toEqual([]);
  });

  it('name a place where they can', () => {
    expect((['any', 'noStream', 'streamExists', 0, 7] as const).map(expectedPlace)).toEqual([
      undefined,
      0,
      undefined,
      0,
      7,
    ]);
  });

  it.each([0, 1, 2 ** 53 - 1, 'any', 'noStream', 'streamExists'])('accept %s', (value) => {
    expect(() => checkExpectedVersion(value)).not.toThrow();
  });

  it.each([
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    '1',
    'ANY',
    'nostream',
    null,
    undefined,
    true,
    1n,
    {},
    Symbol('v'),
  ])('refuse %s', (value) => {
    expect(() => checkExpectedVersion(value)).toThrow(InvalidArgumentError);
    expect(() => checkExpectedVersion(value)).toThrow(/^expectedVersion: /);
  });
});

describe('stream ids and event types', () => {
  it('may fill their limit exactly, in bytes', () => {
    const { streamIdBytesMax, eventTypeBytesMax } = Limits;
    for (const letter of ['a', 'é', '😀']) {
      const bytes = Buffer.byteLength(letter);
      expect(() => checkStreamId(letter.repeat(streamIdBytesMax / bytes))).not.toThrow();
      expect(() => checkStreamId(`${letter.repeat(streamIdBytesMax / bytes)}a`)).toThrow(LimitExceededError);
      expect(() => checkEventType(letter.repeat(eventTypeBytesMax / bytes))).not.toThrow();
      expect(() => checkEventType(`${letter.repeat(eventTypeBytesMax / bytes)}a`)).toThrow(
        LimitExceededError,
      );
    }
  });

  it.each([
    ['account-1', 'account'],
    ['account', 'account'],
    ['account-1-2', 'account'],
    ['-1', ''],
    ['account-', 'account'],
  ])('the category of %j is %j', (streamId, category) => {
    expect(categoryOf(streamId)).toBe(category);
  });
});

describe('passesFilter', () => {
  const event = { streamId: 'account-1', type: 'opened' } as StoredEvent;

  it('wants every given field to hold', () => {
    expect(passesFilter(event, undefined)).toBe(true);
    expect(passesFilter(event, {})).toBe(true);
    const right = {
      types: new Set(['opened', 'x']),
      categories: new Set(['account']),
      streamId: 'account-1',
    };
    expect(passesFilter(event, right)).toBe(true);
    expect(passesFilter(event, { ...right, types: new Set(['x']) })).toBe(false);
    expect(passesFilter(event, { ...right, types: new Set() })).toBe(false);
    expect(passesFilter(event, { ...right, categories: new Set(['account-1']) })).toBe(false);
    expect(passesFilter(event, { ...right, streamId: 'account-11' })).toBe(false);
  });
});

describe('backOffMs', () => {
  it('doubles from the first delay to the longest, and stays there for ever', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100, 5_000].map((attempt) => backOffMs(attempt, 50, 2_000));
    expect(delays).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000]);
  });
});
