/** Reads several sorted sources as one: runs of records, of which the newest wins. */
import { compareNames } from '../../../core/text.js';

export interface TableEntry<V> {
  readonly key: string;
  readonly value: V;
}

/** A source, and the entry that it gives next. */
interface Head<V> {
  readonly source: Iterator<TableEntry<V>>;
  /** Its place among the sources. */
  readonly rank: number;
  key: string;
  value: V;
}

/**
 * Merges sources, each of strictly increasing keys, into one. It reads one entry ahead of each source.
 * @param pick what a key stands for, of its values in the order of the sources that have it; `undefined` leaves it out
 */
export function* mergedEntries<V>(
  sources: readonly Iterable<TableEntry<V>>[],
  pick: (values: readonly V[]) => V | undefined,
): Generator<TableEntry<V>, void, undefined> {
  // A heap: its first is the least, and 2n + 1 and 2n + 2 are never less than n.
  const heap: Head<V>[] = [];
  const iterators = sources.map((source) => source[Symbol.iterator]());
  try {
    for (const [rank, source] of iterators.entries()) {
      const next = source.next();
      if (next.done !== true) heap.push({ source, rank, key: next.value.key, value: next.value.value });
    }
    for (let index = heap.length >>> 1; index-- > 0;) sink(heap, index);
    for (let least = heap[0]; least !== undefined; least = heap[0]) {
      const { key } = least;
      const values: V[] = [];
      // The rank decides between equal keys, so the values come in the order of the sources.
      for (let same: Head<V> | undefined = least; same?.key === key; same = heap[0]) {
        values.push(same.value);
        advance(heap, same);
      }
      const value = pick(values);
      if (value !== undefined) yield { key, value };
    }
  } finally {
    for (const source of iterators) source.return?.();
  }
}

/** Puts the next entry of the first source in its place. */
function advance<V>(heap: Head<V>[], first: Head<V>): void {
  const next = first.source.next();
  if (next.done === true) {
    const last = heap.pop();
    if (last === undefined || last === first) return;
    heap[0] = last;
  } else {
    first.key = next.value.key;
    first.value = next.value.value;
  }
  sink(heap, 0);
}

function sink<V>(heap: Head<V>[], from: number): void {
  const moving = heap[from] as Head<V>;
  let index = from;
  for (;;) {
    let child = 2 * index + 1;
    let least = heap[child];
    if (least === undefined) break;
    const other = heap[child + 1];
    if (other !== undefined && isBefore(other, least)) {
      least = other;
      child++;
    }
    if (!isBefore(least, moving)) break;
    heap[index] = least;
    index = child;
  }
  heap[index] = moving;
}

function isBefore<V>(a: Head<V>, b: Head<V>): boolean {
  const order = compareNames(a.key, b.key);
  return order === 0 ? a.rank < b.rank : order < 0;
}
