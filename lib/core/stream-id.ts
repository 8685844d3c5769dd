import { Limits } from './limits.js';
import { checkName } from './text.js';

/**
 * Checks a stream id: 1 to 512 bytes of UTF-8, well-formed Unicode, no NUL.
 * @throws InvalidArgumentError and LimitExceededError
 */
export function checkStreamId(streamId: unknown): asserts streamId is string {
  checkName(streamId, 'streamId', 'streamIdBytesMax', Limits.streamIdBytesMax);
}

/**
 * Checks an event type: 1 to 256 bytes, the same alphabet as a stream id.
 * @throws InvalidArgumentError and LimitExceededError
 */
export function checkEventType(type: unknown, subject = 'type'): asserts type is string {
  checkName(type, subject, 'eventTypeBytesMax', Limits.eventTypeBytesMax);
}

/**
 * A stream's category: what stands before the first `-`, the whole id where there is none.
 * @publicApi
 */
export function categoryOf(streamId: string): string {
  const end = streamId.indexOf('-');
  return end === -1 ? streamId : streamId.slice(0, end);
}
