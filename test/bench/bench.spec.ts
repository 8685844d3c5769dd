/** The benchmarks' own arithmetic, and every scenario once at its smallest, so that they cannot rot; nothing is timed. */
import { describe, expect, it } from 'vitest';
import { type Effort, QUICK, scaled } from '../../bench/harness/effort.js';
import { type Contestant, differenceOf, figureOf, interleave } from '../../bench/harness/interleave.js';
import { type Row, shortfallOf } from '../../bench/harness/row.js';
import { median, percentile, tailOf } from '../../bench/harness/statistics.js';
import { rateOf, timeEach } from '../../bench/harness/stopwatch.js';
import { tableOf } from '../../bench/harness/table.js';
import { SCENARIOS } from '../../bench/scenarios.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('statistics', () => {
  it('takes the middle, or the mean of the two in the middle, whatever the order', () => {
    expect(median([9])).toBe(9);
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4, 1, 10, 2])).toBe(3);
  });

  it('takes percentiles by nearest rank, without touching the samples', () => {
    const samples = upTo(1_000).reverse();
    expect(tailOf(samples)).toEqual({ p50: 500, p99: 990, p999: 999 });
    expect(samples[0]).toBe(1_000);
    expect(percentile([15, 20, 35, 40, 50], 0.3)).toBe(20);
    expect(percentile([7], 0.001)).toBe(7);
    expect(percentile(upTo(10), 1)).toBe(10);
  });

  it('says nothing of no samples', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => tailOf([])).toThrow(RangeError);
  });
});

describe('rounds', () => {
  const effort: Effort = { rounds: 3, warmUpRounds: 2, roundsMax: 5, share: 1 };

  const undisturbed = () => () => 0;
  const counting = (order: string[] = []) => {
    const runs: Record<string, number> = {};
    return (name: string): Contestant<'n'> =>
      async () => {
        order.push(name);
        return { n: (runs[name] = (runs[name] ?? 0) + 1) };
      };
  };

  it('run all contestants, turn the order round each time, and leave the warm-up out', async () => {
    const order: string[] = [];
    const contestant = counting(order);
    const measured = await interleave({ a: contestant('a'), b: contestant('b') }, effort, undisturbed);
    expect(order.join('')).toBe('abbaabbaab');
    expect(measured).toEqual({ a: { n: [3, 4, 5] }, b: { n: [3, 4, 5] } });
  });

  it('are repeated where other processes had the core, up to a bound, and the least disturbed ones count', async () => {
    const waited = async (...shares: readonly number[]): Promise<readonly number[]> => {
      const left = [0, 0, ...shares];
      const { a } = await interleave({ a: counting()('a') }, effort, () => () => left.shift() as number);
      return a.n;
    };
    expect(await waited(0.5, 0.4, 0.3, 0.2, 0.1)).toEqual([7, 6, 5]);
    expect(await waited(0.5, 0.01, 0, 0.02)).toEqual([5, 4, 6]);
    expect(await waited(0, 0, 0)).toEqual([3, 4, 5]);
  });

  it('become a figure by their median, and a difference round by round', () => {
    expect(figureOf([3, 1, 8])).toEqual({ median: 3, lowest: 1, highest: 8 });
    expect(differenceOf([10, 30, 50], [8, 20, 10], 2)).toEqual({ median: 5, lowest: 1, highest: 20 });
  });

  it('shrink with the effort, but never to nothing', () => {
    expect(scaled(1_000, { ...effort, share: 0.25 })).toBe(250);
    expect(scaled(10, { ...effort, share: 0.001 })).toBe(1);
  });
});

describe('the stopwatch', () => {
  it('awaits one call after the other and keeps a sample of each', async () => {
    const seen: number[] = [];
    const samples = await timeEach(3, async (i) => {
      await Promise.resolve();
      seen.push(i);
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(samples).toHaveLength(3);
  });

  it('counts no call that warms up', async () => {
    const seen: number[] = [];
    const samples = await timeEach(3, async (i) => void seen.push(i), 2);
    expect(seen).toEqual([0, 1, 0, 1, 2]);
    expect(samples).toHaveLength(3);
  });

  it('turns microseconds into a rate', () => {
    expect(rateOf(500, 1_000)).toBe(500_000);
  });
});

describe('the table', () => {
  const figure = (value: number) => ({ median: value, lowest: value, highest: value });
  const row: Row = { what: 'read', unit: 'µs', ours: figure(15), target: { atMost: 10 } };

  it('measures a shortfall in the direction of the target', () => {
    expect(shortfallOf(row)).toBeCloseTo(0.5);
    expect(shortfallOf({ ...row, target: { atMost: 15 } })).toBe(0);
    expect(shortfallOf({ ...row, target: { atLeast: 20 } })).toBeCloseTo(0.25);
    expect(shortfallOf({ ...row, target: { atLeast: 15 } })).toBe(0);
  });

  it('is aligned Markdown with a verdict for every target', () => {
    const rates: Row = {
      what: 'append',
      unit: 'events/s',
      ours: figure(1_234_567),
      baseline: { name: 'loop', figure: figure(2_469_134) },
    };
    expect(tableOf([row, rates]).split('\n')).toEqual([
      '| what   | ours        | baseline          | ratio | target  | met?        |',
      '| ------ | ----------- | ----------------- | ----- | ------- | ----------- |',
      '| read   | 15 µs       |                   |       | ≤ 10 µs | no, by 50 % |',
      '| append | 1,230,000/s | loop: 2,470,000/s | 0.5   |         |             |',
    ]);
  });
});

describe('every scenario runs', () => {
  // Those that start a process run compiled, in test/package/bench.spec.ts.
  const here = SCENARIOS.filter(({ startsProcess }) => startsProcess !== true);

  it.each(here.map((scenario) => [scenario.name, scenario] as const))('%s', async (_name, { run }) => {
    const rows = await run(QUICK);
    expect(rows.length).toBeGreaterThan(0);
    for (const { what, ours, baseline } of rows) {
      expect(what).not.toBe('');
      expect(Number.isFinite(ours.median), what).toBe(true);
      expect(baseline === undefined || Number.isFinite(baseline.figure.median), what).toBe(true);
    }
  });

  it('under a name of its own', () => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
  });
});
