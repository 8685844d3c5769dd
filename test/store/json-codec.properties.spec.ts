/** What the codec promises of any value, with values that chance makes. */
import { types } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllFrameError } from '../../lib/core/errors/allframe.error.js';
import { decodeJson, encodeJson } from '../../lib/store/json-codec.js';
import { openStore } from './bank.js';
import { seed, seeded } from './seed.js';

/** Texts of any UTF-16 code units: U+0000 and lone surrogates among them. */
const anyText = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff }), fc.constant(0)),
    { maxLength: 6 },
  )
  .map((units) => String.fromCharCode(...units));
const trickyKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toJSON',
  'then',
  'hasOwnProperty',
  '',
  '0',
  '\0',
);

/** JSON texts, not values, so that `__proto__` is a member. */
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'null',
      'true',
      'false',
      '-0',
      '0',
      '1e21',
      '5e-324',
      '-1.7976931348623157e308',
      '9007199254740993',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
    anyText.map((text) => JSON.stringify(text)),
    fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(fc.oneof(trickyKey, anyText), tie('json')), { maxLength: 4 })
      .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
  ),
}));

/** Equal in everything that JSON can say; `toStrictEqual` looks through `__proto__`. */
function expectEqual(actual: unknown, expected: unknown): void {
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected));
  expectPlain(actual);
}

function expectPlain(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.getPrototypeOf(value)).toBe(Array.isArray(value) ? Array.prototype : Object.prototype);
  for (const key of Object.keys(value)) expectPlain(Object.getOwnPropertyDescriptor(value, key)?.value);
}

describe('any JSON', () => {
  it(seeded('comes back equal'), () => {
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        const encoded = encodeJson(value, 'data');
        expect(encoded).toBe(JSON.stringify(value));
        expectEqual(decodeJson(encoded), value);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it(seeded('comes back equal through a store, as data and as metadata'), async () => {
    const store = await openStore();
    await fc.assert(
      fc.asyncProperty(fc.uuid(), json, anyText, async (id, text, key) => {
        const value: unknown = JSON.parse(text);
        const metadata = { [`x${key}`]: value };
        const event = { type: 't', data: value, metadata };
        await store.append(`s-${id}`, [event]);
        const [read] = await store.getEvents(`s-${id}`);
        expectEqual(read?.data, value);
        expectEqual(read?.metadata, metadata);
      }),
      { seed, numRuns: 200 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

/** Whether a value holds something that must be refused. */
function holdsRefused(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null) return false;
  if (types.isDate(value)) return Number.isNaN(value.getTime());
  if (types.isBoxedPrimitive(value)) return holdsRefused(value.valueOf());
  if (types.isMap(value) || types.isSet(value) || ArrayBuffer.isView(value)) return true;
  return Object.values(value).some(holdsRefused);
}

describe('any value', () => {
  it(seeded('is refused, or encoded as JSON.stringify does it'), () => {
    const counts = { accepted: 0, refused: 0 };
    const value = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      withObjectString: true,
      maxDepth: 3,
    });
    fc.assert(
      fc.property(value, (given) => {
        const refuse = given === undefined || holdsRefused(given);
        counts[refuse ? 'refused' : 'accepted']++;
        if (refuse) expect(() => encodeJson(given, 'data')).toThrow(AllFrameError);
        else expect(encodeJson(given, 'data')).toBe(JSON.stringify(given));
      }),
      { seed, numRuns: 3_000 },
    );
    // A property that never sees one side proves nothing about it.
    expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(100);
  });
});
