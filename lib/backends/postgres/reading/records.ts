/** Records by their key, and pages of them in the order of their keys' bytes: the columns have the collation "C". */
import type { KeyedRecord } from '../../../core/commit.js';
import { Limits } from '../../../core/limits.js';
import type { Rows } from '../database.js';

export const recordQuery = (schema: string): string =>
  `select value from ${schema}.records where collection = $1 and key = $2`;

export const recordPageQuery = (schema: string): string =>
  `select key, value from ${schema}.records
   where collection = $1 and key > $2 and key >= $3 and key <= $4 and starts_with(key, $3) order by key limit $5`;

/** Behind every key that begins with what it is put to: no key is longer, and no character comes later. */
const LAST = String.fromCodePoint(0x10ffff).repeat(Limits.recordKeyBytesMax / 4);

export interface RecordQuery {
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

export function recordPageValues(
  collection: string,
  { prefix, after, limit }: RecordQuery,
): readonly unknown[] {
  return [collection, after, prefix, prefix + LAST, limit];
}

export function keyedRecords(rows: Rows): readonly KeyedRecord[] {
  return rows.map(([key, value]) => ({ key: key as string, value: value as string }));
}
