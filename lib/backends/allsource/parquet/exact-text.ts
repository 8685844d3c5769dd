/**
 * Bytes to text without a change: a leading U+FEFF stays, and bytes that are no UTF-8 are an error instead of U+FFFD.
 */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws TypeError where the bytes are no UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
