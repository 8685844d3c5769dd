import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, LimitExceededError } from '../../lib/core/errors/input.errors.js';
import { checkName, compareNames, exceedsBytes } from '../../lib/core/text.js';
import { seed, seeded } from '../store/seed.js';

/** Few characters, so that names often begin alike; on both sides of the surrogates, and beyond U+FFFF. */
const tricky = fc.constantFrom(
  'a',
  'b',
  '\u007f',
  '\u0080',
  '\u07ff',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '𐀀',
  '😀',
  '😁',
  '\u{10ffff}',
);
const name = fc.oneof(
  fc.string({ unit: tricky, minLength: 1, maxLength: 6 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
);

describe('compareNames', () => {
  it(seeded('orders as the UTF-8 bytes do'), () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { seed, numRuns: 3_000 },
    );
  });

  it('puts U+FFFF before U+10000, where UTF-16 puts it behind', () => {
    expect('\uffff' < '\u{10000}').toBe(false);
    expect(compareNames('\uffff', '\u{10000}')).toBeLessThan(0);
    expect(['\u{10000}', '\uffff', '', '\ue000', 'z'].sort(compareNames)).toEqual([
      '',
      'z',
      '\ue000',
      '\uffff',
      '\u{10000}',
    ]);
  });

  it('calls only equal names equal', () => {
    expect(compareNames('a', 'a')).toBe(0);
    expect(compareNames('a', 'a\u0001')).toBeLessThan(0);
    expect(compareNames('😁', '😀')).toBeGreaterThan(0);
  });
});

describe('exceedsBytes', () => {
  it(seeded('counts bytes of UTF-8'), () => {
    fc.assert(
      fc.property(name, fc.integer({ min: 0, max: 40 }), (text, max) => {
        expect(exceedsBytes(text, max)).toBe(Buffer.byteLength(text) > max);
      }),
      { seed },
    );
  });
});

describe('checkName', () => {
  const check = (value: unknown): void => checkName(value, 'key', 'recordKeyBytesMax', 6);

  it.each(['a', '-', ' ', '\u0001', 'ab😀', '\ufffd', 'ééé', '日本'])('accepts %j', (value) => {
    expect(() => check(value)).not.toThrow();
  });

  it.each([
    ['', /empty/],
    ['a\0b', /NUL/],
    ['a\ud800', /lone surrogate/],
    ['\udc00\ud800', /lone surrogate/],
    [null, /not null/],
    [undefined, /not undefined/],
    [7, /not number/],
    [new String('a'), /not object/],
  ])('refuses %j', (value, why) => {
    expect(() => check(value)).toThrow(InvalidArgumentError);
    expect(() => check(value)).toThrow(why);
    expect(() => check(value)).toThrow(/^key: /);
  });

  it.each([
    ['abcdefg', 7],
    ['日本語', 9],
    ['éééé', 8],
    ['😀😀', 8],
  ])('counts %j as bytes and refuses it', (value, bytes) => {
    expect(() => check(value)).toThrow(LimitExceededError);
    expect(() => check(value)).toThrow(
      expect.objectContaining({ limit: 'recordKeyBytesMax', value: bytes, max: 6 }),
    );
  });
});
