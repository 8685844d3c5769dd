import { crc32 } from 'node:zlib';
import type { StoredEvent } from '../../../core/stored-event.js';

/** A checksum over whole events in their order: what was to be written and what can be read back must agree. */
export class EventDigest {
  value = 0;
  events = 0;

  add({
    id,
    streamId,
    version,
    position,
    type,
    schemaVersion,
    recordedAt,
    data,
    metadata,
  }: StoredEvent): void {
    // No name holds a NUL, and no JSON text either, so fields cannot run into each other.
    const numbers = `${version}\0${position}\0${schemaVersion}\0${recordedAt}`;
    this.value = crc32(`${id}\0${streamId}\0${type}\0${numbers}\0${data}\0${metadata}\0`, this.value);
    this.events++;
  }
}
