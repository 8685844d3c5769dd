/** A damaged table says so: it never gives an answer other than that of the table that was written. */
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { DamagedTableError } from '../../../../lib/backends/allsource/tables/damaged-table.error.js';
import { openSortedTable } from '../../../../lib/backends/allsource/tables/sorted-table.js';
import { bytesOf, type Entries, newCache, openBytes, textsOf, writeTable } from './table-file.js';

const small: Entries = [
  ['', 'nothing'],
  ['a', 'one'],
  ['ab', ''],
  ['b\0c', 'two'],
  ['é', 'three'],
  ['😀', 'four'],
];

/** Of several blocks. */
const several: Entries = [...'abcde'].map((letter) => [letter, letter.repeat(5_000)]);

function write(entries: Entries): Buffer {
  const files = new MemoryFileSystem();
  writeTable(files, '/table', entries);
  return bytesOf(files, '/table');
}

/** Reads everything in both ways. */
function read(bytes: Uint8Array, keys: Entries): unknown {
  const table = openBytes(bytes);
  return { listed: textsOf(table), got: keys.map(([key]) => [key, table.get(key)?.toString()]) };
}

function damageOf(bytes: Uint8Array, keys: Entries): DamagedTableError {
  try {
    read(bytes, keys);
  } catch (error) {
    if (error instanceof DamagedTableError) return error;
    throw error;
  }
  throw new Error('the damage was not noticed');
}

describe.each([
  ['a small table', small],
  ['a table of several blocks', several],
])('%s', (_name, entries) => {
  let whole: Buffer;
  beforeAll(() => {
    whole = write(entries);
    expect(read(whole, entries)).toEqual({ listed: entries, got: entries });
  });

  /** Every byte of a small one; of a large one every byte of its ends, and one of 97 between. */
  const places = (): number[] =>
    Array.from(whole, (_byte, at) => at).filter(
      (at) => whole.length < 1_000 || at < 100 || at > whole.length - 200 || at % 97 === 0,
    );

  it('notices every changed byte', () => {
    for (const at of places()) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ flip;
        expect(damageOf(bytes, entries)).toMatchObject({ path: '/table' });
      }
    }
  });

  it('notices every cut', () => {
    for (const at of places())
      expect(damageOf(whole.subarray(0, at), entries)).toMatchObject({ path: '/table' });
  });

  it('notices bytes too many, behind it, before it and within', () => {
    const more = Buffer.alloc(50);
    for (const at of [0, 10, whole.length - 40, whole.length]) {
      const bytes = Buffer.concat([whole.subarray(0, at), more, whole.subarray(at)]);
      expect(damageOf(bytes, entries)).toMatchObject({ path: '/table' });
    }
  });
});

describe('a damaged table', () => {
  it('still gives what is in its other blocks', () => {
    const bytes = write(several);
    bytes[0] = (bytes[0] as number) ^ 1;
    const table = openBytes(bytes);
    expect(() => table.get('a')).toThrow(
      'The sorted table /table is damaged at byte 0: the checksum of the block there is wrong',
    );
    expect(table.get('e')?.length).toBe(5_000);
    expect(() => table.get('a')).toThrow(DamagedTableError);
  });

  it('is one in which a block of another table stands, right as it is by itself', () => {
    const bytes = write(several);
    const other = write(several.map(([key, value]) => [key, value.toUpperCase()]));
    other.copy(bytes, 0, 0, 5_009);
    expect(() => openBytes(bytes).get('a')).toThrow(/at byte 0: the checksum/);
    expect(openBytes(bytes).checksum).not.toBe(openBytes(other).checksum);
  });

  it.each([
    ['is empty', Buffer.alloc(0), /at byte 0: it is shorter than any sorted table/],
    ['is all zeros', Buffer.alloc(500), /at byte 492: it does not end as a sorted table does/],
    ['is another kind of file', Buffer.from('PAR1'.repeat(20)), /it does not end as a sorted table does/],
  ])('says when it %s', (_what, bytes, message) => {
    expect(() => openBytes(bytes)).toThrow(message);
  });

  it('says when it was cut off while it was open', () => {
    class CutFileSystem extends MemoryFileSystem {
      end = Infinity;

      override open(...args: Parameters<MemoryFileSystem['open']>): ReturnType<MemoryFileSystem['open']> {
        const file = super.open(...args);
        const read = file.read.bind(file);
        file.read = (buffer, offset, length, position) =>
          read(buffer, offset, Math.min(length, this.end - position), position);
        return file;
      }
    }
    const files = new CutFileSystem();
    writeTable(files, '/table', several);
    const table = openSortedTable(files, '/table', newCache());
    files.end = 100;
    expect(() => table.get('a')).toThrow(/at byte 100: the file ends there, 4909 bytes too early/);
    expect(() => textsOf(table)).toThrow(/at byte 100: the file ends there/);
  });

  it('says when it is of a newer format', () => {
    const bytes = write(small);
    bytes.writeUInt32LE(2, bytes.length - 16);
    expect(() => openBytes(bytes)).toThrow(
      'it has format version 2, and this release reads version 1; use the newer release',
    );
  });

  it.each([{ entries: small }, { entries: several }])(
    'trusts no length, even where the checksum is right',
    ({ entries }) => {
      const whole = write(entries);
      const tailAt = whole.length - 40;
      const index = tailAt - whole.readUInt32LE(tailAt);
      const lengths = [tailAt, tailAt + 4, tailAt + 8, tailAt + 20, index, index + 8];
      for (const at of lengths) {
        for (const value of [0, 2, 7, 2 ** 31, 2 ** 32 - 1]) {
          const bytes = Buffer.from(whole);
          if (bytes.readUInt32LE(at) === value) continue;
          bytes.writeUInt32LE(value, at);
          bytes.writeUInt32LE(crc32(bytes.subarray(index, tailAt + 28)), tailAt + 28);
          expect(() => openBytes(bytes)).toThrow(DamagedTableError);
        }
      }
    },
  );

  it('trusts no length within a block either', () => {
    const whole = write([['key', 'value']]);
    for (const at of [0, 4]) {
      for (const value of [0, 4, 2 ** 31, 2 ** 32 - 1]) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt32LE(value, at);
        const index = 16;
        bytes.writeUInt32LE(crc32(bytes.subarray(0, index)), index + 4);
        bytes.writeUInt32LE(crc32(bytes.subarray(index, bytes.length - 12)), bytes.length - 12);
        expect(() => openBytes(bytes).get('key')).toThrow(/an entry does not end within its block/);
      }
    }
  });
});
