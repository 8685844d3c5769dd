/** What is said of many measurements of one thing. */

/** Half, one in a hundred and one in a thousand of the samples are above it. */
export type Tail = 'p50' | 'p99' | 'p999';

/** The middle value; the mean of the two middle ones of an even number. */
export function median(samples: ArrayLike<number>): number {
  const sorted = inOrder(samples);
  const upper = sorted.length >>> 1;
  if (sorted.length % 2 === 1) return sorted[upper] as number;
  return ((sorted[upper - 1] as number) + (sorted[upper] as number)) / 2;
}

/**
 * The smallest sample that at least `fraction` of all samples do not exceed (nearest rank).
 * @param fraction from 0 (exclusive) to 1
 */
export function percentile(samples: ArrayLike<number>, fraction: number): number {
  return rank(inOrder(samples), fraction);
}

export function tailOf(samples: ArrayLike<number>): Record<Tail, number> {
  const sorted = inOrder(samples);
  return { p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), p999: rank(sorted, 0.999) };
}

function rank(sorted: Float64Array, fraction: number): number {
  return sorted[Math.ceil(fraction * sorted.length) - 1] as number;
}

function inOrder(samples: ArrayLike<number>): Float64Array {
  if (samples.length === 0) throw new RangeError('There are no samples');
  // A typed array sorts by value and, with a million samples, several times faster than an array.
  return Float64Array.from(samples).sort();
}
