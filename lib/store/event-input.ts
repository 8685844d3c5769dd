import type { ExpectedVersion } from '../core/expected-version.js';
import { isPlainObject } from '../core/plain-object.js';
import type { EventMetadata } from '../core/recorded-event.js';

/**
 * An event to be appended: an instance of a `@DomainEvent` class, or a plain object that says everything itself.
 * @publicApi
 */
export type EventInput = object | PlainEventInput;

/**
 * An event that needs no class.
 * @publicApi
 */
export interface PlainEventInput {
  readonly type: string;
  readonly data: unknown;
  /** A UUID in lower case; made by the store unless given. Give ids to be able to repeat an append safely. */
  readonly id?: string;
  /** From 1; by default the version of the type's class, or 1. */
  readonly schemaVersion?: number;
  readonly metadata?: EventMetadata;
}

/** @publicApi */
export interface AppendOptions {
  /** Default `'any'`. */
  readonly expectedVersion?: ExpectedVersion;
  /** For every event of the append; an event's own metadata wins. */
  readonly metadata?: EventMetadata;
}

/**
 * The events of one stream in a commit over several.
 * @publicApi
 */
export interface StreamAppend {
  readonly streamId: string;
  readonly events: readonly EventInput[];
  /** Default `'any'`. */
  readonly expectedVersion?: ExpectedVersion;
}

/** Plain objects describe an event, instances of a class are one. */
export function isPlainEvent(input: EventInput): input is PlainEventInput {
  return isPlainObject(input);
}
