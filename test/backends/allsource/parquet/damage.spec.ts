/** Damaged files: whatever bit is wrong, a reader either says so or gives what was written, and soon. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import {
  DamagedPageError,
  DamagedSegmentError,
} from '../../../../lib/backends/allsource/parquet/damaged-segment.error.js';
import { ParquetSegment } from '../../../../lib/backends/allsource/parquet/parquet-segment.js';
import { TextPages, type PageAddress } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import { allAddresses, changed, CODECS, events, newFile, segmentOf } from './segments.js';

/** What an action gives, or that it told of damage; any other error fails the test. */
async function outcome<T>(act: () => T | Promise<T>): Promise<T | 'damaged'> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof DamagedSegmentError) return 'damaged';
    throw error;
  }
}

/** The file with one bit turned, in memory. */
function withBitTurned(bytes: Uint8Array, path: string, bit: number): OpenFile {
  const turned = Uint8Array.from(bytes);
  turned[bit >> 3]! ^= 1 << (bit & 7);
  return inMemory(turned, path);
}

function inMemory(bytes: Uint8Array, path: string): OpenFile {
  const refuse = (): never => expect.fail('readers only read');
  return {
    path,
    size: () => bytes.length,
    read: (into, offset, length, position) => {
      const part = bytes.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    },
    write: refuse,
    sync: refuse,
    writeOnThread: refuse,
    syncOnThread: refuse,
    close: refuse,
  };
}

function bytesOf(file: OpenFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

describe.each(CODECS)('a damaged segment by %s', (codec) => {
  it('with any bit of a text page turned: the value is told damaged or is unchanged', async () => {
    const { file, segment } = await segmentOf(codec, events(400));
    const bytes = bytesOf(file);
    const all = await segment.readRows(0, 400);
    const { data } = allAddresses(segment);
    // A page in the middle, so that there are pages before and behind.
    const { offset, length } = data[200]!;
    const rows = data.flatMap((address, row) => (address.offset === offset ? [row] : []));
    let damaged = 0;
    for (let bit = offset * 8; bit < (offset + length) * 8; bit++) {
      const pages = new TextPages(withBitTurned(bytes, file.path, bit));
      for (const row of rows.slice(0, 2)) {
        const value = await outcome(() => pages.valueAt(data[row]!));
        if (value === 'damaged') damaged++;
        else expect(value, `bit ${bit - offset * 8} of the page`).toBe(all[row]!.data);
      }
    }
    expect(damaged).toBeGreaterThan(length * 8);
  });

  it('with any bit of the file turned: opening and reading is told damaged or gives what can be', async () => {
    const given = events(20);
    const { file } = await segmentOf(codec, given);
    const bytes = bytesOf(file);
    const wrong: number[] = [];
    let damaged = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const read = await outcome(async () => {
        const segment = new ParquetSegment(withBitTurned(bytes, file.path, bit));
        allAddresses(segment);
        return segment.readRows(0, segment.rows);
      });
      if (read === 'damaged') damaged++;
      else if (JSON.stringify(read) !== JSON.stringify(given)) wrong.push(bit);
    }
    expect(damaged).toBeGreaterThan(bytes.length * 4);
    expect(wrong).toEqual([]);
  });

  it('cut off anywhere cannot be opened', async () => {
    const { file } = await segmentOf(codec, events(30));
    const bytes = bytesOf(file);
    for (let length = 0; length < bytes.length; length++) {
      const cut = inMemory(bytes.subarray(0, length), file.path);
      expect(() => new ParquetSegment(cut), `cut to ${length}`).toThrow(DamagedSegmentError);
    }
  });

  it('cut off after it was opened is told, by row and by address', async () => {
    const { file, segment } = await segmentOf(codec, events(30));
    const { data } = allAddresses(segment);
    const bytes = bytesOf(file);
    const cut = inMemory(bytes.subarray(0, 40), file.path);
    const reading: OpenFile = { ...inMemory(bytes, file.path) };
    const [opened, pages] = [new ParquetSegment(reading), new TextPages(reading)];
    reading.read = cut.read;
    await expect(opened.readRows(0, 30)).rejects.toThrow(DamagedSegmentError);
    expect(() => opened.addressesOf(0)).toThrow(DamagedSegmentError);
    expect(() => pages.valueAt(data[0]!)).toThrow('is cut off after');
  });

  it('is told with its path and the byte', async () => {
    const { file, segment } = await segmentOf(codec, events(30));
    const [address] = allAddresses(segment).data;
    const { offset, length } = address!;
    const broken = changed(file, (bytes) => bytes.fill(0xff, offset + length - 8, offset + length));
    const error = await caught(() => new TextPages(broken).valueAt(address!));
    expect(error).toBeInstanceOf(DamagedPageError);
    expect(error).toMatchObject({ name: 'DamagedPageError', path: broken.path, offset });
    expect((error as Error).message).toContain(`${broken.path} is damaged: the page at byte ${offset}`);
    const rows = await caught(() => new ParquetSegment(broken).readRows(0, 30));
    expect(rows).toMatchObject({ name: 'DamagedSegmentError', path: broken.path });
    expect((rows as Error).message).toContain('rows 0 to 29');
  });

  it('with a page exchanged for another one of the same length is told by row', async () => {
    const same = events(200).map((one) => ({ ...one, data: `"${'d'.repeat(300)}"` }));
    const { file, segment } = await segmentOf(codec, same.slice(0, 100), same.slice(100));
    // The first group's rows in the place of the second's: every page is whole, and the positions are wrong.
    const { offset } = segment.addressesOf(1).data[0]!;
    const start = segment.addressesOf(0).data[0]!.offset;
    const shift = offset - start;
    const broken = changed(file, (bytes) => bytes.copyWithin(4 + shift, 4, start));
    await expect(new ParquetSegment(broken).readRows(100, 200)).rejects.toThrow(DamagedSegmentError);
  });
});

async function caught(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  return expect.fail('nothing was thrown');
}

describe('an address that is none of the file', () => {
  it.each<[string, (address: PageAddress, size: number) => PageAddress]>([
    ['behind the file', (address, size) => ({ ...address, offset: size })],
    ['over its end', (address, size) => ({ ...address, length: size - address.offset + 1 })],
    ['of absurd length', (address) => ({ ...address, length: 2 ** 52 })],
    ['of no length', (address) => ({ ...address, length: 0 })],
    ['before the file', (address) => ({ ...address, offset: -1 })],
    ['beside the page', (address) => ({ ...address, offset: address.offset + 1 })],
    ['too short', (address) => ({ ...address, length: address.length - 1 })],
    ['too long', (address) => ({ ...address, length: address.length + 1 })],
    ['of no value', (address) => ({ ...address, index: 9_999 })],
    ['before the first value', (address) => ({ ...address, index: -1 })],
    ['between values', (address) => ({ ...address, index: 0.5 })],
  ])('%s is told', async (_name, change) => {
    const { file, segment } = await segmentOf('hyparquet', events(30));
    const pages = new TextPages(file);
    const [address] = allAddresses(segment).data;
    const wrong = change(address!, file.size());
    expect(() => pages.valueAt(wrong)).toThrow(DamagedPageError);
    // Nor once the right page is kept.
    expect(pages.valueAt(address!)).toBe(events(1)[0]!.data);
    expect(() => pages.valueAt(wrong)).toThrow(DamagedPageError);
  });
});

describe('what is no segment', () => {
  it.each([
    ['an empty file', ''],
    ['a short one', 'PAR1'],
    ['some other file', 'x'.repeat(100)],
    ['one whose footer is longer than the file', `PAR1${'x'.repeat(20)}\xff\xff\xff\x7fPAR1`],
    ['one without a footer', 'PAR1\0\0\0\0PAR1'],
  ])('%s is told', (_name, content) => {
    const file = newFile();
    const descriptor = openSync(file.path, 'r+');
    writeSync(descriptor, Buffer.from(content, 'latin1'));
    closeSync(descriptor);
    expect(() => new ParquetSegment(file)).toThrow(DamagedSegmentError);
  });

  it('a failing disk is not called damage', async () => {
    const { file, segment } = await segmentOf('hyparquet', events(30));
    const [address] = allAddresses(segment).data;
    const failure = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    const failing: OpenFile = { ...inMemory(bytesOf(file), file.path) };
    const [opened, pages] = [new ParquetSegment(failing), new TextPages(failing)];
    failing.read = () => {
      throw failure;
    };
    await expect(opened.readRows(0, 30)).rejects.toBe(failure);
    expect(await caught(() => pages.valueAt(address!))).toBe(failure);
    expect(await caught(() => new ParquetSegment(failing))).toBe(failure);
  });
});
