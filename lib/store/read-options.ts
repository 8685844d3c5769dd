/** What readers may ask for, and the checks at the door. */
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';
import type { EventFilter, ReadDirection } from '../core/read-page.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { checkEventType, checkStreamId } from '../core/stream-id.js';
import { checkName } from '../core/text.js';

/**
 * Which events of one stream to read. Both bounds are inclusive.
 * @publicApi
 */
export interface ReadStreamOptions {
  readonly fromVersion?: number;
  readonly toVersion?: number;
  /** Default `'forward'`. */
  readonly direction?: ReadDirection;
  /** Events at the most, at least 1; all unless given. */
  readonly limit?: number;
}

/**
 * Which events of the store to read, by position.
 * @publicApi
 */
export interface ReadAllOptions {
  /** Exclusive; default 0. */
  readonly after?: number;
  /** Inclusive; default the head. */
  readonly upTo?: number;
  readonly types?: readonly string[];
  /** A category is what stands before the first `-` of a stream id. */
  readonly categories?: readonly string[];
  /** Default `'forward'`. */
  readonly direction?: ReadDirection;
  /** Events at the most, at least 1; all unless given. */
  readonly limit?: number;
}

/**
 * From where and to what to subscribe.
 * @publicApi
 */
export interface SubscribeOptions {
  /** A position, exclusive, or `'now'` (the default): only what is appended from now on. */
  readonly after?: number | 'now';
  readonly types?: readonly string[];
  readonly categories?: readonly string[];
  /** One stream; catching up looks through the whole log for it, so for its history alone `readStream` is cheaper. */
  readonly streamId?: string;
  /** For `subscribe` only. Told of each event whose `next` failed; by default the logger is. The next event follows either way. */
  readonly onError?: (error: unknown, event: RecordedEvent) => void;
}

/** @throws InvalidArgumentError unless it is a whole number from `min` to 2^53 - 1. */
export function checkWholeNumber(value: unknown, argument: string, min: 0 | 1): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= min) return;
  throw new InvalidArgumentError(argument, `${String(value)} is not a whole number from ${min} to 2^53 - 1`);
}

/** @throws InvalidArgumentError unless it is a number of milliseconds from 0; `Infinity` is one. */
export function checkMilliseconds(value: unknown, argument: string): asserts value is number {
  if (typeof value === 'number' && value >= 0) return;
  throw new InvalidArgumentError(argument, `${String(value)} is not a number of milliseconds from 0`);
}

/** @throws InvalidArgumentError unless it is a direction. */
export function checkDirection(direction: unknown): asserts direction is ReadDirection {
  if (direction === 'forward' || direction === 'backward') return;
  throw new InvalidArgumentError(
    'options.direction',
    `${String(direction)} is neither 'forward' nor 'backward'`,
  );
}

/** The filter of some options, `undefined` where they want every event. */
export function filterOf(
  options: Pick<SubscribeOptions, 'types' | 'categories' | 'streamId'>,
): EventFilter | undefined {
  const { types, categories, streamId } = options;
  if (types === undefined && categories === undefined && streamId === undefined) return undefined;
  checkList(types, 'options.types', (type, path) => checkEventType(type, path));
  checkList(categories, 'options.categories', (category, path) => {
    // A stream that begins with "-" has the empty category.
    if (category !== '') checkName(category, path, 'streamIdBytesMax', Limits.streamIdBytesMax);
  });
  if (streamId !== undefined) checkStreamId(streamId);
  return {
    ...(types === undefined ? {} : { types: new Set(types) }),
    ...(categories === undefined ? {} : { categories: new Set(categories) }),
    ...(streamId === undefined ? {} : { streamId }),
  };
}

function checkList(
  list: unknown,
  argument: string,
  checkItem: (item: unknown, argument: string) => void,
): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw new InvalidArgumentError(argument, 'an array is wanted');
  list.forEach((item: unknown, i) => checkItem(item, `${argument}[${i}]`));
}
