/** Times work. `performance.now()` reads the same clock as `process.hrtime` and, unlike `hrtime.bigint()`, allocates nothing. */

/** Microseconds that `work` takes. */
export async function timeWhole(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) * 1000;
}

/**
 * Microseconds of each of `calls` calls, one awaited after the other.
 * @param warmUpCalls made before, and not counted: the collection of garbage before a round leaves cold caches and
 * compiles some code anew, which the slowest of a hundred calls would then show instead of the call itself
 */
export async function timeEach(
  calls: number,
  call: (i: number) => Promise<unknown>,
  warmUpCalls = 0,
): Promise<Float64Array> {
  for (let i = 0; i < warmUpCalls; i++) await call(i);
  const samples = new Float64Array(calls);
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await call(i);
    samples[i] = (performance.now() - start) * 1000;
  }
  return samples;
}

/** Events per second. */
export function rateOf(events: number, us: number): number {
  return (events / us) * 1e6;
}
