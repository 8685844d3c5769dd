/** Numbers as few bytes: seven bits each, the low ones first, the eighth says that more follow (LEB128). */
import { GrowingBuffer } from '../log/growing-buffer.js';

const LOW_BITS = 0x80;
const FIRST_BYTES = 256;

export class ByteWriter {
  readonly #buffer = new GrowingBuffer(FIRST_BYTES);

  /** @param value a safe integer, not negative */
  number(value: number): void {
    this.#buffer.ensure(8);
    let rest = value;
    while (rest >= LOW_BITS) {
      this.#byte((rest % LOW_BITS) + LOW_BITS);
      rest = Math.floor(rest / LOW_BITS);
    }
    this.#byte(rest);
  }

  /** A number that may be negative, close to 0 as a rule. */
  signed(value: number): void {
    this.number(value < 0 ? -value * 2 - 1 : value * 2);
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.ensure(bytes.length);
    this.#buffer.bytes.set(bytes, this.#buffer.length);
    this.#buffer.length += bytes.length;
  }

  /** What was written, copied; it begins anew. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.bytes.subarray(0, this.#buffer.length));
    this.#buffer.length = 0;
    return taken;
  }

  #byte(byte: number): void {
    this.#buffer.bytes[this.#buffer.length++] = byte;
  }
}

/** Reads what ByteWriter wrote. @throws RangeError where it ends too early */
export class ByteReader {
  #at = 0;

  constructor(private readonly source: Buffer) {}

  number(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const byte = this.source[this.#at++];
      if (byte === undefined) throw new RangeError('a number is cut off');
      if (byte < LOW_BITS) return value + byte * weight;
      value += (byte - LOW_BITS) * weight;
      weight *= LOW_BITS;
    }
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.source.length) throw new RangeError('bytes are cut off');
    const bytes = this.source.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
