/** Pages are kept while they are likely to be asked for again, and no more of them than the budget. */
import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import { TextPages } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import { allAddresses, CODECS, events, segmentOf } from './segments.js';

/** The same file, counting reads. */
function counted(file: OpenFile): { readonly file: OpenFile; reads: number } {
  const self = {
    reads: 0,
    file: {
      path: file.path,
      size: () => file.size(),
      read: (...args: Parameters<OpenFile['read']>) => {
        self.reads++;
        return file.read(...args);
      },
    } as OpenFile,
  };
  return self;
}

describe.each(CODECS)('pages of %s', (codec) => {
  it('are read once for neighbouring events', async () => {
    const given = events(2_000);
    const { file, segment } = await segmentOf(codec, given);
    const { data } = allAddresses(segment);
    const counting = counted(file);
    const pages = new TextPages(counting.file);
    for (const [row, address] of data.entries()) expect(pages.valueAt(address)).toBe(given[row]!.data);
    expect(counting.reads).toBe(new Set(data.map(({ offset }) => offset)).size);
  });

  it('are let go, the one not used for longest first', async () => {
    const given = events(300).map((one) => ({ ...one, data: `"${'d'.repeat(5_000)}"` }));
    const { file, segment } = await segmentOf(codec, given);
    const { data } = allAddresses(segment);
    const counting = counted(file);
    const pages = new TextPages(counting.file);
    pages.valueAt(data[0]!);
    for (const address of data.slice(1)) {
      pages.valueAt(address);
      pages.valueAt(data[0]!);
    }
    // The first page was used all the time, so it was read once; 128 KB hold 26 of the others.
    expect(counting.reads).toBe(300);
    pages.valueAt(data[299]!);
    expect(counting.reads).toBe(300);
    pages.valueAt(data[1]!);
    expect(counting.reads).toBe(301);
  });

  it('that are larger than the budget are not kept', async () => {
    const given = events(2).map((one) => ({ ...one, data: `"${'d'.repeat(300_000)}"` }));
    const { file, segment } = await segmentOf(codec, given);
    const { data } = allAddresses(segment);
    const counting = counted(file);
    const pages = new TextPages(counting.file);
    expect(pages.valueAt(data[1]!)).toBe(given[1]!.data);
    expect(pages.valueAt(data[1]!)).toBe(given[1]!.data);
    expect(counting.reads).toBe(2);
  });
});
