import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { mergedEntries, type TableEntry } from '../../../../lib/backends/allsource/tables/merged-entries.js';
import { openSortedTable } from '../../../../lib/backends/allsource/tables/sorted-table.js';
import { compareNames } from '../../../../lib/core/text.js';
import { seed, seeded } from '../../../store/seed.js';
import { newCache, writeTable } from './table-file.js';

const source = (text: string, value: string): TableEntry<string>[] =>
  [...text].map((key) => ({ key, value }));
const join = (values: readonly string[]): string => values.join('');

describe('mergedEntries', () => {
  it('gives each key once, with its values in the order of the sources', () => {
    const merged = mergedEntries([source('ace', '1'), source('abc', '2'), [], source('cd', '3')], join);
    expect(Array.from(merged, ({ key, value }) => key + value)).toEqual(['a12', 'b2', 'c123', 'd3', 'e1']);
  });

  it('gives nothing of no sources', () => {
    expect([...mergedEntries([], join)]).toEqual([]);
    expect([...mergedEntries([[], []], join)]).toEqual([]);
  });

  it('leaves out what is picked as undefined, as a newer deletion wants it', () => {
    const newest = (values: readonly string[]): string | undefined =>
      values[0] === 'deleted' ? undefined : values[0];
    const merged = mergedEntries([source('bc', 'deleted'), source('abd', 'old')], newest);
    expect(Array.from(merged, ({ key }) => key)).toEqual(['a', 'd']);
  });

  it('lets go of its sources when it is left early, and when one of them throws', () => {
    const left: string[] = [];
    function* watched(name: string, fails = false): Generator<TableEntry<string>> {
      try {
        yield* source('ab', name);
        if (fails) throw new Error('unreadable');
      } finally {
        left.push(name);
      }
    }
    for (const _first of mergedEntries([watched('one'), watched('two')], join)) break;
    expect(left).toEqual(['one', 'two']);
    left.length = 0;
    expect(() => [...mergedEntries([watched('one', true), watched('two')], join)]).toThrow('unreadable');
    expect(left.sort()).toEqual(['one', 'two']);
  });

  it('merges tables', () => {
    const files = new MemoryFileSystem();
    const tables = [0, 1, 2].map((remainder) => {
      const keys = Array.from({ length: 3_000 }, (_, i) => i).filter(
        (i) => i % 3 === remainder || i % 10 === 0,
      );
      const entries = keys.map((i) => [String(i).padStart(6, '0'), `${remainder}`] as const);
      writeTable(files, `/${remainder}`, entries);
      return openSortedTable(files, `/${remainder}`, newCache());
    });
    const merged = mergedEntries(
      tables.map((table) => table.entries('001000')),
      (values) => Buffer.concat(values),
    );
    expect(Array.from(merged, ({ key, value }) => [Number(key), value.toString()])).toEqual(
      Array.from({ length: 2_000 }, (_, i) => i + 1_000).map((i) => [i, i % 10 === 0 ? '012' : `${i % 3}`]),
    );
  });

  it(seeded('does as sorting everything does'), () => {
    const letter = fc.constantFrom('a', 'b', '\uffff', '𐀀', '\0');
    const keys = fc.uniqueArray(fc.string({ unit: letter, maxLength: 3 }), { maxLength: 15 });
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 9 }), (sets) => {
        const sources = sets.map((set, rank) =>
          set.sort(compareNames).map((key) => ({ key, value: `${rank}` })),
        );
        const expected = new Map<string, string>();
        for (const { key, value } of sources.flat()) expected.set(key, (expected.get(key) ?? '') + value);
        expect(Array.from(mergedEntries(sources, join), ({ key, value }) => [key, value])).toEqual(
          [...expected].sort(([a], [b]) => compareNames(a, b)),
        );
      }),
      { seed, numRuns: 500 },
    );
  });
});
