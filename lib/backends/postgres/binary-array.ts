/**
 * Arrays as values of a statement, in PostgreSQL's binary format (`array_recv` of src/backend/utils/adt/arrayfuncs.c):
 * dimensions, a flag for nulls, the element type's oid, length and lower bound, then each element behind its length.
 *
 * `pg` would write them as text, every quote and backslash of JSON escaped here and unescaped there; a Buffer goes
 * through as it is.
 */

const OID = { bool: 16, int8: 20, int4: 23, text: 25, json: 114, timestamptz: 1184, uuid: 2950 } as const;
const HEAD_BYTES = 20;
const EMPTY_HEAD_BYTES = 12;
const FIRST_BYTES = 256;
/** A UTF-16 unit becomes at most so many bytes of UTF-8. */
const BYTES_PER_UNIT_MAX = 3;
/** 2000-01-01, from which the server counts microseconds. */
const SERVER_EPOCH_MS = 946_684_800_000;

/** An array that grows by one element after the other. */
export abstract class BinaryArray<T> {
  protected buffer = Buffer.allocUnsafe(FIRST_BYTES);
  protected at = HEAD_BYTES;
  #length = 0;
  #hasNulls = false;

  constructor(private readonly oid: number) {}

  push(item: T): void {
    this.#length++;
    if (item !== null && item !== undefined) return this.write(item);
    this.#hasNulls = true;
    this.reserve(4);
    this.at = this.buffer.writeInt32BE(-1, this.at);
  }

  /** The value; nothing can be pushed any more. */
  end(): Buffer {
    const { buffer } = this;
    const isEmpty = this.#length === 0;
    buffer.writeInt32BE(isEmpty ? 0 : 1, 0);
    buffer.writeInt32BE(this.#hasNulls ? 1 : 0, 4);
    buffer.writeInt32BE(this.oid, 8);
    if (isEmpty) return buffer.subarray(0, EMPTY_HEAD_BYTES);
    buffer.writeInt32BE(this.#length, 12);
    buffer.writeInt32BE(1, 16);
    return buffer.subarray(0, this.at);
  }

  /** Appends an element: its length, then its bytes. */
  protected abstract write(item: NonNullable<T>): void;

  protected reserve(bytes: number): void {
    const wanted = this.at + bytes;
    if (wanted <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}

class Texts extends BinaryArray<string | null> {
  protected write(text: string): void {
    this.reserve(4 + text.length * BYTES_PER_UNIT_MAX);
    const bytes = this.buffer.write(text, this.at + 4);
    this.at = this.buffer.writeInt32BE(bytes, this.at) + bytes;
  }
}

/** Elements of so many bytes each. */
class Fixed<T extends string | number | boolean> extends BinaryArray<T> {
  constructor(
    oid: number,
    private readonly bytes: number,
    private readonly put: (buffer: Buffer, item: T, at: number) => unknown,
  ) {
    super(oid);
  }

  protected write(item: NonNullable<T>): void {
    this.reserve(4 + this.bytes);
    this.buffer.writeInt32BE(this.bytes, this.at);
    this.put(this.buffer, item, this.at + 4);
    this.at += 4 + this.bytes;
  }
}

export const textArray = (): BinaryArray<string | null> => new Texts(OID.text);

export const jsonArray = (): BinaryArray<string | null> => new Texts(OID.json);

export const booleanArray = (): BinaryArray<boolean> =>
  new Fixed(OID.bool, 1, (buffer, item, at) => buffer.writeUInt8(item ? 1 : 0, at));

/** Whole numbers of 32 bits. */
export const intArray = (): BinaryArray<number> =>
  new Fixed(OID.int4, 4, (buffer, item, at) => buffer.writeInt32BE(item, at));

/** Safe integers. */
export const bigintArray = (): BinaryArray<number> => new Fixed(OID.int8, 8, writeSafeInteger);

/** Times in milliseconds since 1970. */
export const timeArray = (): BinaryArray<number> => new Fixed(OID.timestamptz, 8, writeTime);

/** A time of its own, in milliseconds since 1970. */
export function timeValue(ms: number): Buffer {
  const buffer = Buffer.allocUnsafe(8);
  writeTime(buffer, ms, 0);
  return buffer;
}

/** Ids as they are written, in lower case with dashes. */
export const uuidArray = (): BinaryArray<string> =>
  new Fixed(OID.uuid, 16, (buffer, id: string, at) => buffer.write(id.replaceAll('-', ''), at, 'hex'));

function writeTime(buffer: Buffer, ms: number, at: number): void {
  buffer.writeBigInt64BE(BigInt(ms - SERVER_EPOCH_MS) * 1000n, at);
}

function writeSafeInteger(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}
