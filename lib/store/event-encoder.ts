/** From what callers append to what backends store: checked, named, encoded once, and within the limits. */
import type { StreamCommit } from '../core/commit.js';
import { DuplicateEventError } from '../core/errors/append.errors.js';
import { InvalidArgumentError, LimitExceededError } from '../core/errors/input.errors.js';
import { checkEventId, type EventIdSource } from '../core/event-id.js';
import { checkExpectedVersion, type ExpectedVersion } from '../core/expected-version.js';
import { Limits } from '../core/limits.js';
import { isPlainObject } from '../core/plain-object.js';
import type { EventMetadata } from '../core/recorded-event.js';
import { checkEventType, checkStreamId } from '../core/stream-id.js';
import type { EncodedEvent } from '../core/stored-event.js';
import { BYTES_PER_UNIT_MAX, exceedsBytes } from '../core/text.js';
import { checkSchemaVersion, type Type } from './domain-event.decorator.js';
import { passedMetadata, runningCall } from './event-context.js';
import { type EventInput, isPlainEvent, type PlainEventInput, type StreamAppend } from './event-input.js';
import type { EventTypes } from './event-types.js';
import { encodeJson } from './json-codec.js';

/** Metadata of every event of a store, or what gives it at each append. @publicApi */
export type DefaultMetadata = EventMetadata | (() => EventMetadata);

const EMPTY_METADATA = '{}';

export class EventEncoder {
  constructor(
    private readonly types: EventTypes,
    private readonly newEventId: EventIdSource,
    /** Whether the source makes nothing but new UUIDs, so that its ids need neither be checked nor looked for. */
    private readonly idsAreNew: boolean,
    private readonly defaultMetadata: DefaultMetadata | undefined,
  ) {}

  /** The events of one stream. @param recordedAt when they are recorded, milliseconds since 1970 */
  encodeStream(
    streamId: string,
    events: readonly EventInput[],
    expectedVersion: ExpectedVersion,
    metadata: EventMetadata | undefined,
    recordedAt: number,
  ): StreamCommit {
    checkStreamId(streamId);
    checkExpectedVersion(expectedVersion);
    if (!Array.isArray(events)) throw new InvalidArgumentError('events', 'an array of events is wanted');
    if (events.length === 0) {
      throw new InvalidArgumentError(
        'events',
        `the append to "${streamId}" has no events; append at least one, or do not call`,
      );
    }
    if (events.length > Limits.commitEventsMax) {
      throw new LimitExceededError('commitEventsMax', events.length, Limits.commitEventsMax, 'events');
    }
    const shared = this.#sharedMetadata(metadata);
    const sharedText = shared === undefined ? EMPTY_METADATA : encodeMetadata(shared, 'metadata');
    let { idsAreNew } = this;
    const encoded: EncodedEvent[] = [];
    for (let i = 0; i < events.length; i++) {
      const input = events[i] as EventInput;
      if (isPlainEvent(input)) {
        if (input.id !== undefined) idsAreNew = false;
        encoded.push(this.#encodePlain(input, i, shared, sharedText, recordedAt));
      } else {
        encoded.push(this.#encodeInstance(input, i, sharedText, recordedAt));
      }
    }
    if (!idsAreNew) assertIdsDiffer([{ streamId, events: encoded }]);
    return { streamId, expectedVersion, events: encoded, idsAreNew };
  }

  /** The events of several streams, to be committed together. */
  encodeStreams(
    appends: readonly StreamAppend[],
    metadata: EventMetadata | undefined,
    recordedAt: number,
  ): readonly StreamCommit[] {
    if (!Array.isArray(appends)) throw new InvalidArgumentError('appends', 'an array is wanted');
    if (appends.length === 0)
      throw new InvalidArgumentError(
        'appends',
        'there are none; append to at least one stream, or do not call',
      );
    const streams = (appends as readonly StreamAppend[]).map((append, i) => {
      assertIsObject(append, `appends[${i}]`);
      const { streamId, events, expectedVersion } = append;
      return this.encodeStream(streamId, events, expectedVersion ?? 'any', metadata, recordedAt);
    });
    const seen = new Set<string>();
    for (const { streamId } of streams) {
      if (seen.has(streamId)) {
        throw new InvalidArgumentError(
          'appends',
          `stream "${streamId}" stands twice in one commit; put its events into one append`,
        );
      }
      seen.add(streamId);
    }
    const total = streams.reduce((sum, stream) => sum + stream.events.length, 0);
    if (total > Limits.commitEventsMax) {
      throw new LimitExceededError('commitEventsMax', total, Limits.commitEventsMax, 'appends');
    }
    if (streams.some((stream) => !stream.idsAreNew)) assertIdsDiffer(streams);
    return streams;
  }

  #encodeInstance(input: object, i: number, metadata: string, recordedAt: number): EncodedEvent {
    if (typeof input !== 'object' || input === null) {
      throw new InvalidArgumentError(
        `events[${i}]`,
        `an event is an object, not ${input === null ? 'null' : typeof input}`,
      );
    }
    const { type, schemaVersion } = this.types.describe(input.constructor as Type<object>, `events[${i}]`);
    const data = encodeJson(input, `events[${i}]`);
    return sized({ id: this.#makeId(recordedAt), type, schemaVersion, data, metadata }, i);
  }

  #encodePlain(
    input: PlainEventInput,
    i: number,
    shared: EventMetadata | undefined,
    sharedText: string,
    recordedAt: number,
  ): EncodedEvent {
    const { type, id, metadata } = input;
    if (metadata !== undefined) assertIsObject(metadata, `events[${i}].metadata`);
    checkEventType(type, `events[${i}].type`);
    if (!('data' in input))
      throw new InvalidArgumentError(`events[${i}].data`, 'it is missing; a plain event is { type, data }');
    if (id !== undefined) checkEventId(id, `events[${i}].id`);
    const schemaVersion = input.schemaVersion ?? this.types.schemaVersionOf(type);
    checkSchemaVersion(schemaVersion, `events[${i}].schemaVersion`);
    return sized(
      {
        id: id ?? this.#makeId(recordedAt),
        type,
        schemaVersion,
        data: encodeJson(input.data, `events[${i}].data`),
        metadata:
          metadata === undefined
            ? sharedText
            : encodeMetadata({ ...shared, ...metadata }, `events[${i}].metadata`),
      },
      i,
    );
  }

  #makeId(recordedAt: number): string {
    const id = this.newEventId(recordedAt);
    if (!this.idsAreNew) checkEventId(id, 'newEventId');
    return id;
  }

  /** What every event of an append carries: the store's own, then the running call's, then the append's. */
  #sharedMetadata(given: EventMetadata | undefined): EventMetadata | undefined {
    const standing =
      typeof this.defaultMetadata === 'function' ? this.defaultMetadata() : this.defaultMetadata;
    const ambient = passedMetadata(runningCall());
    if (given !== undefined) assertIsObject(given, 'metadata');
    if (standing === undefined && ambient === undefined) return given;
    return { ...standing, ...ambient, ...given };
  }
}

function encodeMetadata(metadata: EventMetadata, path: string): string {
  const text = encodeJson(metadata, path);
  if (text.startsWith('{')) return text;
  throw new InvalidArgumentError(path, 'its toJSON gives something else than an object');
}

/** A Map or a Date would lose what is in it when it is merged with other metadata. */
function assertIsObject(value: unknown, path: string): void {
  if (!isPlainObject(value)) throw new InvalidArgumentError(path, 'a plain object is wanted');
}

function sized(event: EncodedEvent, i: number): EncodedEvent {
  const { data, metadata } = event;
  if (exceedsBytes(data, Limits.eventBytesMax - metadata.length * BYTES_PER_UNIT_MAX)) {
    const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata);
    if (bytes > Limits.eventBytesMax) {
      throw new LimitExceededError('eventBytesMax', bytes, Limits.eventBytesMax, `events[${i}]`);
    }
  }
  return event;
}

function assertIdsDiffer(streams: readonly { streamId: string; events: readonly EncodedEvent[] }[]): void {
  const seen = new Set<string>();
  for (const { streamId, events } of streams) {
    for (const { id } of events) {
      if (seen.has(id)) throw new DuplicateEventError(streamId, [id]);
      seen.add(id);
    }
  }
}
