/**
 * Which neighbours are to be merged: as soon as `fanIn` of about one size follow each other, so that every event is
 * rewritten only as often as the logarithm of their number (size-tiered compaction).
 * @param sizeMax what a merged one may not exceed; neighbours that come close to it are merged before they are `fanIn`
 * @param follows whether one can be merged with the one behind it
 */
export function mergeable<T>(
  entries: readonly T[],
  sizeOf: (entry: T) => number,
  fanIn: number,
  sizeMax: number,
  follows: (entry: T, next: T) => boolean,
): readonly T[] {
  const tierOf = (entry: T): number => Math.floor(Math.log(Math.max(sizeOf(entry), 1)) / Math.log(fanIn));
  let group: T[] = [];
  let size = 0;
  // The newest are the smallest, so they are looked at first.
  for (const entry of entries.toReversed()) {
    const [next] = group;
    const fits = next !== undefined && follows(entry, next) && tierOf(entry) <= highestTier(group, tierOf);
    const isTooMuch = size + sizeOf(entry) > sizeMax;
    // No more would fit, so there is nothing to wait for.
    if (fits && isTooMuch && group.length > 1 && size * 2 >= sizeMax) return group;
    if (!fits || isTooMuch) {
      group = [];
      size = 0;
    }
    group.unshift(entry);
    size += sizeOf(entry);
    if (group.length === fanIn) return group;
  }
  return [];
}

function highestTier<T>(group: readonly T[], tierOf: (entry: T) => number): number {
  return Math.max(...group.map(tierOf));
}
