import type { KeyedRecord } from '../../core/commit.js';
import { compareNames } from '../../core/text.js';

/** Keyed records in collections, listed in the order of their keys. */
export class RecordTable {
  readonly #collections = new Map<string, Collection>();

  get(collection: string, key: string): string | null {
    return this.#collections.get(collection)?.values.get(key) ?? null;
  }

  count(collection: string): number {
    return this.#collections.get(collection)?.values.size ?? 0;
  }

  /** `null` deletes. */
  set(collection: string, key: string, value: string | null): void {
    let records = this.#collections.get(collection);
    if (records === undefined)
      this.#collections.set(collection, (records = { values: new Map(), sortedKeys: null }));
    if (value === null) {
      if (records.values.delete(key)) records.sortedKeys = null;
      return;
    }
    if (!records.values.has(key)) records.sortedKeys = null;
    records.values.set(key, value);
  }

  list(
    collection: string,
    { prefix, after, limit }: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): KeyedRecord[] {
    const records = this.#collections.get(collection);
    if (records === undefined) return [];
    records.sortedKeys ??= [...records.values.keys()].sort(compareNames);
    const keys = records.sortedKeys;
    const page: KeyedRecord[] = [];
    for (let i = firstIndex(keys, prefix, after); i < keys.length && page.length < limit; i++) {
      const key = keys[i] as string;
      if (!key.startsWith(prefix)) break;
      page.push({ key, value: records.values.get(key) as string });
    }
    return page;
  }
}

interface Collection {
  readonly values: Map<string, string>;
  /** Sorted when a list is asked for, forgotten when a key comes or goes. */
  sortedKeys: readonly string[] | null;
}

/** The index of the first key that is not before `prefix` and is behind `after`, by bisection. */
function firstIndex(keys: readonly string[], prefix: string, after: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = keys[middle] as string;
    if (compareNames(key, prefix) < 0 || compareNames(key, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
