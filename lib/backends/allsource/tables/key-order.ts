/** The order of keys in a table: that of their bytes, which for UTF-8 is the order of code points. */

/**
 * Compares the key in `bytes` between `from` and `to` with another.
 *
 * A loop, for `Buffer.compare` takes its time to get out of JavaScript: a key of 20 bytes it compares 3 times slower.
 */
export function compareKey(bytes: Uint8Array, from: number, to: number, key: Uint8Array): number {
  const length = Math.min(to - from, key.length);
  for (let at = 0; at < length; at++) {
    const difference = (bytes[from + at] as number) - (key[at] as number);
    if (difference !== 0) return difference;
  }
  return to - from - key.length;
}
