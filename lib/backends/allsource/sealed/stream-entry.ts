/**
 * What the stream index of a segment says of one stream: everything about its events but their texts, and where these
 * are. So reading a stream costs one look into the index of each segment that holds it, and one page per event.
 */
import type { PageAddress } from '../parquet/text-pages.js';
import { ByteReader, ByteWriter } from './byte-writer.js';

/** An event without its texts. */
export interface IndexedEvent {
  readonly row: number;
  /** The 16 bytes of its UUID. */
  readonly id: Uint8Array;
  /** Its type's place in the list of types of the segment. */
  readonly type: number;
  readonly schemaVersion: number;
  readonly recordedAt: number;
  readonly data: PageAddress;
  /** `undefined`: it is `{}`, as most are. */
  readonly metadata: PageAddress | undefined;
}

/** Whose key holds the types of a segment: streams have other names. */
export const TYPES_KEY = '\0types';
/** A long stream has several entries, so that reading a page of it does not read all of it. */
export const ENTRY_EVENTS_MAX = 256;
const ID_BYTES = 16;
const VERSION_DIGITS = 14;

/**
 * The key of an entry. From the key of any version on, the first entry of the stream is the one that holds it.
 * @param lastVersion of the events in the entry
 */
export function streamKey(streamId: string, lastVersion: number): string {
  return `${streamId}\0${lastVersion.toString(16).padStart(VERSION_DIGITS, '0')}`;
}

export function streamOfKey(key: string): { readonly streamId: string; readonly lastVersion: number } {
  const end = key.length - VERSION_DIGITS;
  return { streamId: key.slice(0, end - 1), lastVersion: Number.parseInt(key.slice(end), 16) };
}

/** Writes an entry event by event. */
export class StreamEntryWriter {
  readonly #out = new ByteWriter();
  #row = 0;
  #recordedAt = 0;
  #data = 0;
  #metadata = 0;

  begin(firstVersion: number, events: number): void {
    this.#row = this.#recordedAt = this.#data = this.#metadata = 0;
    this.#out.number(firstVersion);
    this.#out.number(events);
  }

  add({ row, id, type, schemaVersion, recordedAt, data, metadata }: IndexedEvent): void {
    const out = this.#out;
    out.number(row - this.#row);
    out.bytes(id);
    out.number(type);
    out.number(schemaVersion);
    out.signed(recordedAt - this.#recordedAt);
    this.#row = row;
    this.#recordedAt = recordedAt;
    this.#data = this.#address(data, this.#data);
    // A page begins with a header, so none is without length.
    if (metadata === undefined) out.number(0);
    else this.#metadata = this.#address(metadata, this.#metadata);
  }

  take(): Buffer {
    return this.#out.take();
  }

  #address({ length, offset, index }: PageAddress, before: number): number {
    this.#out.number(length);
    this.#out.signed(offset - before);
    this.#out.number(index);
    return offset;
  }
}

/** Reads an entry event by event. */
export class StreamEntry {
  readonly firstVersion: number;
  readonly events: number;
  readonly #reader: ByteReader;
  #row = 0;
  #recordedAt = 0;
  #data = 0;
  #metadata = 0;

  constructor(bytes: Buffer) {
    this.#reader = new ByteReader(bytes);
    this.firstVersion = this.#reader.number();
    this.events = this.#reader.number();
  }

  get lastVersion(): number {
    return this.firstVersion + this.events - 1;
  }

  /** The next event: they come in the order of their versions. */
  next(): IndexedEvent {
    const row = (this.#row += this.#reader.number());
    const id = this.#reader.bytes(ID_BYTES);
    const type = this.#reader.number();
    const schemaVersion = this.#reader.number();
    const recordedAt = (this.#recordedAt += this.#reader.signed());
    const data = this.#address(this.#reader.number(), this.#data);
    this.#data = data.offset;
    const length = this.#reader.number();
    const metadata = length === 0 ? undefined : this.#address(length, this.#metadata);
    if (metadata !== undefined) this.#metadata = metadata.offset;
    return { row, id, type, schemaVersion, recordedAt, data, metadata };
  }

  #address(length: number, before: number): PageAddress {
    const offset = before + this.#reader.signed();
    return { length, offset, index: this.#reader.number() };
  }
}

/** @param id in its usual form, 36 characters */
export function idBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

export function idText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, ID_BYTES).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
