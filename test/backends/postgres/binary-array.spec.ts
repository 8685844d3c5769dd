/** Arrays in the server's own format: what goes in is what the server reads. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type BinaryArray,
  bigintArray,
  booleanArray,
  intArray,
  jsonArray,
  textArray,
  timeArray,
  uuidArray,
} from '../../../lib/backends/postgres/binary-array.js';
import { newClient } from '../../postgres/schemas.js';

let client: pg.Client;
beforeEach(async () => {
  client = await newClient();
});

function filled<T>(array: BinaryArray<T>, items: readonly T[]): Buffer {
  for (const item of items) array.push(item);
  return array.end();
}

/** The elements as the server writes them, one by one. */
async function asText(type: string, value: Buffer, element = 'x::text'): Promise<readonly (string | null)[]> {
  const { rows } = await client.query<{ texts: (string | null)[] }>(
    `select array(select ${element} from unnest($1::${type}[]) with ordinality as u(x, n) order by n) as texts`,
    [value],
  );
  return rows[0]?.texts ?? [];
}

const texts = (items: readonly unknown[]): readonly string[] => items.map(String);
const millis = `(extract(epoch from x) * 1000)::bigint::text`;

const TEXTS = [
  '',
  'a',
  'NULL',
  '{},"\\',
  "it's",
  'Grüße, 世界 🎉',
  '\u0001\n\r\t\u007f',
  '\uffff',
  'é'.repeat(10_000),
  'e\u0301',
];

describe('an array', () => {
  it.each([
    ['text', textArray],
    ['json', jsonArray],
    ['boolean', booleanArray],
    ['int', intArray],
    ['bigint', bigintArray],
    ['timestamptz', timeArray],
    ['uuid', uuidArray],
  ] as const)('of %s can be empty', async (type, make) => {
    const { rows } = await client.query(
      `select cardinality($1::${type}[]) as n, $1::${type}[] is null as none`,
      [make().end()],
    );
    expect(rows).toEqual([{ n: 0, none: false }]);
  });

  it('of texts holds every text, and nulls among them', async () => {
    const items = [null, ...TEXTS, null];
    expect(await asText('text', filled(textArray(), items))).toEqual(items);
    expect(await asText('text', filled(textArray(), [null, null]))).toEqual([null, null]);
  });

  it('of JSON keeps the text as it was written', async () => {
    const items = ['{"b": 1,  "a":[1.0,1e3], "a":2}', 'null', '"Grüße 🎉 \\u0000 \\\\ \\""', '[]', null];
    expect(await asText('json', filled(jsonArray(), items))).toEqual(items);
  });

  it('of whole numbers goes to both ends of what is safe', async () => {
    const ints = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
    expect(await asText('int', filled(intArray(), ints))).toEqual(texts(ints));
    const bigints = [
      0,
      1,
      -1,
      -2,
      2 ** 31,
      -(2 ** 31),
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 1,
      -(2 ** 32),
      -(2 ** 32) - 1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ];
    expect(await asText('bigint', filled(bigintArray(), bigints))).toEqual(texts(bigints));
  });

  it('of booleans, and of ids', async () => {
    expect(await asText('boolean', filled(booleanArray(), [true, false, true]))).toEqual([
      'true',
      'false',
      'true',
    ]);
    const ids = [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      ...Array.from({ length: 100 }, () => randomUUID()),
    ];
    expect(await asText('uuid', filled(uuidArray(), ids))).toEqual(ids);
  });

  it('of times goes back before the year 2000, before 1970, and before that', async () => {
    const times = [
      0,
      1,
      -1,
      Date.UTC(1999, 11, 31, 23, 59, 59, 999),
      Date.UTC(2000, 0, 1),
      Date.UTC(2024, 1, 29, 12, 0, 0, 7),
      Date.UTC(1, 0, 1),
      Date.UTC(9999, 11, 31, 23, 59, 59, 999),
    ];
    expect(await asText('timestamptz', filled(timeArray(), times), millis)).toEqual(texts(times));
  });

  it('holds whatever it is given, however much', async () => {
    const text = fc.string({ unit: 'grapheme' }).filter((given) => !given.includes('\0'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(text), { maxLength: 200 }),
        fc.array(fc.maxSafeInteger(), { maxLength: 200 }),
        fc.array(fc.integer(), { maxLength: 200 }),
        fc.array(fc.uuid(), { maxLength: 50 }),
        async (strings, bigints, ints, ids) => {
          expect(await asText('text', filled(textArray(), strings))).toEqual(strings);
          expect(await asText('bigint', filled(bigintArray(), bigints))).toEqual(texts(bigints));
          expect(await asText('int', filled(intArray(), ints))).toEqual(texts(ints));
          expect(await asText('uuid', filled(uuidArray(), ids))).toEqual(ids);
        },
      ),
      { numRuns: 25 },
    );
  });
});
