import { describe, expect, it } from 'vitest';
import { mergeable } from '../../../lib/backends/allsource/mergeable.js';

const merged = (sizes: readonly number[], fanIn = 3, sizeMax = 1_000, gapBefore = -1): readonly number[] => {
  const entries = sizes.map((size, at) => ({ size, at }));
  const found = mergeable(
    entries,
    ({ size }) => size,
    fanIn,
    sizeMax,
    (_, next) => next.at !== gapBefore,
  );
  return found.map(({ at }) => at);
};

describe('which neighbours are merged', () => {
  it('none, until as many as the fan-in are of about one size', () => {
    expect(merged([])).toEqual([]);
    expect(merged([1, 1])).toEqual([]);
    expect(merged([1, 1, 1])).toEqual([0, 1, 2]);
  });

  it('the newest first, and large ones only with large ones', () => {
    expect(merged([30, 30, 30, 2, 2])).toEqual([0, 1, 2]);
    expect(merged([30, 30, 30, 2, 2, 2])).toEqual([3, 4, 5]);
    expect(merged([30, 30, 2, 2])).toEqual([]);
  });

  it('small ones between large ones go along', () => {
    expect(merged([2, 30, 30])).toEqual([0, 1, 2]);
  });

  it('nothing that would become too large, but neighbours that fill it before they are as many', () => {
    expect(merged([900, 900, 900])).toEqual([]);
    expect(merged([400, 400, 400], 8)).toEqual([1, 2]);
    expect(merged([100, 100, 100, 100], 8)).toEqual([]);
  });

  it('nothing across a gap', () => {
    expect(merged([1, 1, 1], 3, 1_000, 1)).toEqual([]);
    expect(merged([1, 1, 1, 1], 3, 1_000, 1)).toEqual([1, 2, 3]);
  });

  it('comes to an end, with a number of entries that grows as the logarithm', () => {
    let entries: { from: number; to: number }[] = [];
    let rewritten = 0;
    for (let n = 0; n < 4_096; n++) {
      entries.push({ from: n, to: n });
      for (;;) {
        const found = mergeable(
          entries,
          ({ from, to }) => to - from + 1,
          8,
          Infinity,
          () => true,
        );
        const [first] = found;
        const last = found.at(-1);
        if (first === undefined || last === undefined) break;
        rewritten += last.to - first.from + 1;
        entries = entries.toSpliced(entries.indexOf(first), found.length, { from: first.from, to: last.to });
      }
      expect(entries.length).toBeLessThanOrEqual(7 * 5);
    }
    expect(rewritten / 4_096, 'times that each was rewritten').toBeLessThanOrEqual(4);
    expect(entries.map(({ from }) => from)).toEqual(entries.map((_, i) => (entries[i - 1]?.to ?? -1) + 1));
  });
});
