import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../../lib/backends/allsource/files/file-system.js';
import { MemoryFileSystem } from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { openSortedTable } from '../../../../lib/backends/allsource/tables/sorted-table.js';
import {
  BLOCK_BYTES,
  SortedTableWriter,
} from '../../../../lib/backends/allsource/tables/sorted-table-writer.js';
import { compareNames } from '../../../../lib/core/text.js';
import { FailingFileSystem } from '../../../faults/failing-file-system.js';
import { seed, seeded } from '../../../store/seed.js';
import { type Entries, newCache, textsOf, writeTable } from './table-file.js';

/** A file system that counts what is read of it. */
class CountingFileSystem extends MemoryFileSystem {
  readonly reads: number[] = [];

  override open(...args: Parameters<FileSystem['open']>): ReturnType<MemoryFileSystem['open']> {
    const file = super.open(...args);
    const read = file.read.bind(file);
    file.read = (buffer, offset, length, position) => {
      this.reads.push(length);
      return read(buffer, offset, length, position);
    };
    return file;
  }
}

const numbered = (count: number, value = 'value '.repeat(10)): Entries =>
  Array.from({ length: count }, (_, i) => [`key ${String(i).padStart(8, '0')}`, `${value}${i}`]);

describe('a sorted table', () => {
  it('gives back what was written', () => {
    const files = new MemoryFileSystem();
    const entries = numbered(5_000);
    const summary = writeTable(files, '/t', entries);
    expect(summary.entries).toBe(5_000);
    expect(summary.bytes).toBe(files.stat('/t')?.size);

    const table = openSortedTable(files, '/t', newCache());
    expect(table).toMatchObject({
      path: '/t',
      entryCount: 5_000,
      bytes: summary.bytes,
      checksum: summary.checksum,
    });
    expect(textsOf(table)).toEqual(entries);
    for (const [key, value] of entries) expect(table.get(key)?.toString()).toBe(value);
    for (const absent of ['', 'key', 'key 00000001x', 'key 00004999x', 'kez']) {
      expect(table.get(absent)).toBeUndefined();
    }
    expect(textsOf(table, 'key 00004998')).toEqual(entries.slice(4998));
    expect(textsOf(table, 'key 00002500x')).toEqual(entries.slice(2501));
    expect(textsOf(table, 'kez')).toEqual([]);
  });

  it('may be empty', () => {
    const files = new MemoryFileSystem();
    expect(writeTable(files, '/t', [])).toMatchObject({ entries: 0, bytes: 40 });
    const table = openSortedTable(files, '/t', newCache());
    expect(table.get('')).toBeUndefined();
    expect(table.get('a')).toBeUndefined();
    expect(textsOf(table)).toEqual([]);
    expect(textsOf(table, 'a')).toEqual([]);
    expect(table.entryCount).toBe(0);
  });

  it.each([1, 2, 3])('keeps entries around the size of a block whole (with %i of them)', (count) => {
    for (let bytes = BLOCK_BYTES - 40; bytes < BLOCK_BYTES + 4; bytes++) {
      const files = new MemoryFileSystem();
      const entries = Array.from({ length: count }, (_, i) => [`k${i}`, `${i}`.repeat(bytes)] as const);
      writeTable(files, '/t', entries);
      expect(textsOf(openSortedTable(files, '/t', newCache()))).toEqual(entries);
    }
  });

  it('takes entries of 16 MiB and more among small ones', () => {
    const files = new MemoryFileSystem();
    const large = 'x'.repeat(17 * 1024 * 1024);
    const longKey = 'd'.repeat(100_000);
    const entries: Entries = [
      ['a', 'small'],
      ['b', large],
      ['c', ''],
      [longKey, 'long'],
      ['e', large],
    ];
    writeTable(files, '/t', entries);
    const table = openSortedTable(files, '/t', newCache());
    expect(table.get('a')?.toString()).toBe('small');
    expect(table.get('b')?.equals(Buffer.from(large))).toBe(true);
    expect(table.get('c')).toEqual(Buffer.alloc(0));
    expect(table.get(longKey)?.toString()).toBe('long');
    expect(table.get('e')?.length).toBe(large.length);
    expect(textsOf(table, 'c').map(([key, value]) => [key.length, value.length])).toEqual([
      [1, 0],
      [100_000, 4],
      [1, large.length],
    ]);
  });

  it('refuses keys that are not in order, or not text', () => {
    const writer = new SortedTableWriter(new MemoryFileSystem().open('/t', 'create'));
    const none = Buffer.alloc(0);
    writer.add('b', none);
    expect(() => writer.add('b', none)).toThrow(/strictly increasing/);
    expect(() => writer.add('a', none)).toThrow(/strictly increasing/);
    expect(() => writer.add('c\ud800', none)).toThrow(/well-formed/);
    writer.add('\uffff', none);
    writer.add('\u{10000}', none);
    expect(() => writer.add('\ufffe', none)).toThrow(/strictly increasing/);
    expect(writer.finish().entries).toBe(3);
    expect(() => writer.add('z', none)).toThrow(/finished/);
    expect(() => writer.finish()).toThrow(/finished/);
  });

  it('never ends a table of which a write failed', () => {
    const files = new FailingFileSystem();
    const file = files.open('/t', 'create');
    const writer = new SortedTableWriter(file);
    files.failAt(3, { code: 'ENOSPC' });
    expect(() => writer.add('a', Buffer.alloc(BLOCK_BYTES))).toThrow(/^ENOSPC/);
    expect(() => writer.add('b', Buffer.alloc(1))).toThrow(/a write failed/);
    expect(() => writer.finish()).toThrow(/a write failed/);
    expect(() => new SortedTableWriter(file)).toThrow(/new file/);
  });

  it('syncs nothing', () => {
    const files = new FailingFileSystem();
    const writer = new SortedTableWriter(files.open('/t', 'create'));
    for (const [key, value] of numbered(500)) writer.add(key, Buffer.from(value));
    writer.finish();
    expect(new Set(files.log.map(({ kind }) => kind))).toEqual(new Set(['create', 'write']));
  });

  it('is not to be used after it was closed', () => {
    const files = new MemoryFileSystem();
    writeTable(files, '/t', numbered(2_000));
    const cache = newCache();
    const table = openSortedTable(files, '/t', cache);
    const reading = table.entries();
    reading.next();
    table.get('key 00000001');
    expect(cache.bytes).toBeGreaterThan(0);
    table.close();
    expect(cache.bytes).toBe(0);
    expect(() => table.get('key 00000001')).toThrow(/closed/);
    expect(() => [...reading]).toThrow(/closed/);
  });
});

describe('the reads of a sorted table', () => {
  it('are one per block that get has to look into, and none for what the cache has', () => {
    const files = new CountingFileSystem();
    writeTable(files, '/t', numbered(5_000));
    const table = openSortedTable(files, '/t', newCache());
    files.reads.length = 0;
    table.get('key 00001000');
    expect(files.reads).toHaveLength(1);
    expect(files.reads[0]).toBeLessThanOrEqual(BLOCK_BYTES);
    table.get('key 00001000');
    table.get('key 00001000x');
    expect(files.reads).toHaveLength(1);
    table.get('a');
    table.get('z');
    expect(files.reads).toHaveLength(1);
    table.get('key 00004000');
    expect(files.reads).toHaveLength(2);
  });

  it('are few and large in order, small for a short look, and leave the cache alone', () => {
    const files = new CountingFileSystem();
    const { bytes } = writeTable(files, '/t', numbered(20_000));
    const cache = newCache();
    const table = openSortedTable(files, '/t', cache);
    files.reads.length = 0;
    expect(table.entries('key 00010000').next().value).toMatchObject({ key: 'key 00010000' });
    expect(files.reads).toHaveLength(1);
    expect(files.reads[0]).toBeLessThanOrEqual(BLOCK_BYTES);
    files.reads.length = 0;
    expect(textsOf(table)).toHaveLength(20_000);
    expect(files.reads.length).toBeLessThan(6 + bytes / (240 * 1024));
    expect(Math.max(...files.reads)).toBeLessThanOrEqual(256 * 1024);
    expect(cache.bytes).toBe(0);
  });

  it('of tables that share a cache are not confused', () => {
    const files = new MemoryFileSystem();
    const cache = newCache();
    const tables = ['one', 'two', 'three'].map((name) => {
      writeTable(files, `/${name}`, numbered(1_000, `${name} `));
      return openSortedTable(files, `/${name}`, cache);
    });
    for (let round = 0; round < 2; round++) {
      expect(tables.map((table) => table.get('key 00000500')?.toString())).toEqual([
        'one 500',
        'two 500',
        'three 500',
      ]);
    }
    const before = cache.bytes;
    tables[0]?.close();
    expect(cache.bytes).toBeCloseTo((before * 2) / 3, -3);
    expect(tables[1]?.get('key 00000500')?.toString()).toBe('two 500');
  });

  it('keep the budget of the cache', () => {
    const files = new MemoryFileSystem();
    writeTable(files, '/t', numbered(5_000));
    const cache = newCache(30_000);
    const table = openSortedTable(files, '/t', cache);
    for (const [key, value] of numbered(5_000)) {
      expect(table.get(key)?.toString()).toBe(value);
      expect(cache.bytes).toBeLessThanOrEqual(30_000);
    }
    expect(cache.bytes).toBeGreaterThan(15_000);
  });
});

describe('a sorted table is a sorted array', () => {
  const letter = fc.constantFrom(
    '\0',
    'a',
    'b',
    '\u007f',
    '\u0080',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '𐀀',
    '\u{10ffff}',
  );
  const key = fc.oneof(
    fc.string({ unit: letter, maxLength: 6 }),
    fc.string({ unit: letter, maxLength: 2 }).map((end) => 'a'.repeat(3_000) + end),
  );
  const value = fc.oneof(
    { weight: 8, arbitrary: fc.string({ maxLength: 20 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1_000, max: 20_000 }).map((length) => 'v'.repeat(length)) },
  );

  it(seeded('in what it gets and lists'), () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, value), { maxLength: 80 }),
        fc.array(key, { maxLength: 20 }),
        (written, asked) => {
          const entries = [...new Map(written)].sort(([a], [b]) => compareNames(a, b));
          const files = new MemoryFileSystem();
          writeTable(files, '/t', entries);
          const table = openSortedTable(files, '/t', newCache(20_000));
          expect(textsOf(table)).toEqual(entries);
          for (const [known, text] of entries) expect(table.get(known)?.toString()).toBe(text);
          for (const from of [...asked, ...entries.slice(0, 5).map(([known]) => known)]) {
            expect(table.get(from)?.toString()).toBe(entries.find(([known]) => known === from)?.[1]);
            expect(textsOf(table, from)).toEqual(entries.filter(([known]) => compareNames(known, from) >= 0));
          }
        },
      ),
      { seed, numRuns: 300 },
    );
  });
});
