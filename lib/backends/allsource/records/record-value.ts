/** How a record is kept in a sorted run: collection and key as one key, and a value that says whether it was deleted. */

const DELETED = Buffer.from([0]);
const PUT = Buffer.from([1]);

/** Names hold no NUL, so collections do not mix, and keys keep their order. */
export function recordKey(collection: string, key: string): string {
  return `${collection}\0${key}`;
}

/** @param value `null`: deleted */
export function encodeRecord(value: string | null): Buffer {
  return value === null ? DELETED : Buffer.concat([PUT, Buffer.from(value)]);
}

export function decodeRecord(bytes: Buffer): string | null {
  return bytes[0] === 0 ? null : bytes.toString('utf8', 1);
}
