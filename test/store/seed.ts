/**
 * Chance that can be replayed: the seed stands in the name of every random test, and `ALLFRAME_SEED` sets it.
 */
export const seed = Number(process.env['ALLFRAME_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** The name of a random test, with what it takes to run it again. */
export function seeded(name: string): string {
  return `${name} (ALLFRAME_SEED=${seed})`;
}

/** Numbers from 0 (inclusive) to 1, always the same for the same seed (mulberry32, by Tommy Ettinger). */
export function seededRandom(from = seed): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
