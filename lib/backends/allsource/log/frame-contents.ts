/** Takes the body of a frame apart, as far as its reader wants: whole events, those of one stream, or only names and places. */
import type { StoredEvent } from '../../../core/stored-event.js';
import { DELETED, EMPTY_METADATA, EVENT_ID_BYTES, type FrameHeader } from './frame.js';

/** The events of one stream in a frame, without their contents. */
interface FrameStream {
  readonly streamId: string;
  readonly fromVersion: number;
  readonly previousPosition: number;
  readonly firstPosition: number;
  readonly events: number;
}

export interface FrameRecord {
  readonly collection: string;
  readonly key: string;
  /** `null`: it is deleted. */
  readonly value: string | null;
}

export interface FrameContents {
  readonly streams: readonly FrameStream[];
  readonly records: readonly FrameRecord[];
}

/** All events of a frame, in the order of their positions. */
export function eventsOf(header: FrameHeader, body: Buffer): StoredEvent[] {
  const reader = new BodyReader(header, body);
  const events: StoredEvent[] = [];
  for (let i = 0; i < header.streams; i++) {
    const { streamId, fromVersion, firstPosition, events: count } = reader.stream();
    for (let k = 0; k < count; k++) {
      events.push(reader.event(streamId, fromVersion + k, firstPosition + k));
    }
  }
  return events;
}

/** The events of one stream, and the position of the stream's event before them; `undefined` if it is not in the frame. */
export function eventsOfStream(
  header: FrameHeader,
  body: Buffer,
  streamId: string,
): { readonly events: StoredEvent[]; readonly previousPosition: number } | undefined {
  const reader = new BodyReader(header, body);
  for (let i = 0; i < header.streams; i++) {
    const stream = reader.stream();
    if (stream.streamId !== streamId) {
      reader.skipEvents(stream.events);
      continue;
    }
    const events: StoredEvent[] = [];
    for (let k = 0; k < stream.events; k++) {
      events.push(reader.event(streamId, stream.fromVersion + k, stream.firstPosition + k));
    }
    return { events, previousPosition: stream.previousPosition };
  }
  return undefined;
}

/** What a frame does to streams and records, without the contents of its events. */
export function contentsOf(header: FrameHeader, body: Buffer): FrameContents {
  const reader = new BodyReader(header, body);
  const streams: FrameStream[] = [];
  for (let i = 0; i < header.streams; i++) {
    const stream = reader.stream();
    streams.push(stream);
    reader.skipEvents(stream.events);
  }
  const records: FrameRecord[] = [];
  for (let i = 0; i < header.records; i++) records.push(reader.record());
  return { streams, records };
}

/** Walks a body. Its checksum has been checked, so its lengths are those that were written. */
class BodyReader {
  #at = 0;
  #position: number;

  constructor(
    private readonly header: FrameHeader,
    private readonly body: Buffer,
  ) {
    this.#position = header.firstPosition;
  }

  stream(): FrameStream {
    const streamId = this.#name();
    const fromVersion = this.body.readDoubleLE(this.#at);
    const previousPosition = this.body.readDoubleLE(this.#at + 8);
    const events = this.body.readUInt32LE(this.#at + 16);
    this.#at += 20;
    const firstPosition = this.#position;
    this.#position += events;
    return { streamId, fromVersion, previousPosition, firstPosition, events };
  }

  event(streamId: string, version: number, position: number): StoredEvent {
    const id = this.body.toString('latin1', this.#at, this.#at + EVENT_ID_BYTES);
    this.#at += EVENT_ID_BYTES;
    const type = this.#name();
    const schemaVersion = this.#uint32();
    const data = this.#text(this.#uint32());
    const metadataBytes = this.#uint32();
    const metadata = metadataBytes === 0 ? EMPTY_METADATA : this.#text(metadataBytes);
    const { recordedAt } = this.header;
    return { id, streamId, version, position, type, schemaVersion, data, metadata, recordedAt };
  }

  skipEvents(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#at += EVENT_ID_BYTES;
      this.#at += 2 + this.body.readUInt16LE(this.#at) + 4;
      this.#at += 4 + this.body.readUInt32LE(this.#at);
      this.#at += 4 + this.body.readUInt32LE(this.#at);
    }
  }

  record(): FrameRecord {
    const collection = this.#name();
    const key = this.#name();
    const bytes = this.#uint32();
    return { collection, key, value: bytes === DELETED ? null : this.#text(bytes) };
  }

  #name(): string {
    const bytes = this.body.readUInt16LE(this.#at);
    this.#at += 2;
    return this.#text(bytes);
  }

  #text(bytes: number): string {
    const text = this.body.toString('utf8', this.#at, this.#at + bytes);
    this.#at += bytes;
    return text;
  }

  #uint32(): number {
    const value = this.body.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }
}
