import { compareNames } from '../../../core/text.js';
import { firstIndex } from '../first-index.js';
import { encodeRecord } from './record-value.js';

/** The records of one file of the log, in memory until it is sealed. */
export class RecordTable {
  readonly #values = new Map<string, string | null>();
  /** Sorted when somebody lists records, forgotten when a key comes. */
  #sortedKeys: readonly string[] | undefined;

  /** The text, `null` if it is deleted, `undefined` if this table says nothing of it. */
  get(key: string): string | null | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: string | null): void {
    if (!this.#values.has(key)) this.#sortedKeys = undefined;
    this.#values.set(key, value);
  }

  /** In the order of the keys, from the first that is not before `from`. */
  *entries(from = ''): Generator<{ readonly key: string; readonly value: Buffer }> {
    const keys = (this.#sortedKeys ??= [...this.#values.keys()].sort(compareNames));
    const first = firstIndex(keys.length, (i) => compareNames(keys[i] as string, from) >= 0);
    for (let i = first; i < keys.length; i++) {
      const key = keys[i] as string;
      yield { key, value: encodeRecord(this.#values.get(key) ?? null) };
    }
  }
}
