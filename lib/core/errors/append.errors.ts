import type { ExpectedVersion } from '../expected-version.js';
import { AllFrameError } from './allframe.error.js';

/**
 * The stream was not at the version the append expected; nothing was written and the stream stays writable.
 * @publicApi
 */
export class WrongExpectedVersionError extends AllFrameError {
  readonly code = 'WrongExpectedVersionError';
  override readonly kind = 'conflict';

  /**
   * @param streamId the stream that was to be appended to
   * @param expected what the append expected
   * @param actual the stream's true version, 0 for an empty stream
   */
  constructor(
    readonly streamId: string,
    readonly expected: ExpectedVersion,
    readonly actual: number,
  ) {
    super(
      `Stream "${streamId}" is at version ${actual}, but the append expected ${
        typeof expected === 'number' ? `version ${expected}` : `'${expected}'`
      }. Read the stream again, decide on what it holds now, and append with version ${actual}.`,
    );
  }
}

/**
 * Event ids of this append are already used at another place, or only some of them are; nothing was written.
 * @publicApi
 */
export class DuplicateEventError extends AllFrameError {
  readonly code = 'DuplicateEventError';
  override readonly kind = 'conflict';

  /**
   * @param streamId the stream that was to be appended to
   * @param eventIds the ids that are already used
   */
  constructor(
    readonly streamId: string,
    readonly eventIds: readonly string[],
  ) {
    super(
      `Event id ${eventIds.join(', ')} is already used, and not by a whole append to this place of stream "${streamId}". ` +
        'An id names one event for ever: leave ids out for new events, and repeat an append with all of its ids or none.',
    );
  }
}

/**
 * The store cannot say whether the append happened (a fault while syncing, a lost connection).
 * A retry with the same event ids within the backend's duplicate window is safe.
 * @publicApi
 */
export class AppendOutcomeUnknownError extends AllFrameError {
  readonly code = 'AppendOutcomeUnknownError';
  override readonly kind = 'unavailable';

  /** @param eventIds the ids of the events whose fate is unknown: append them again with these ids */
  constructor(
    readonly eventIds: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      `It is unknown whether an append of ${eventIds.length} event(s) happened. ` +
        'Append the same events again with the ids in `eventIds`: if they were written, the result is the first one.',
      options,
    );
  }
}

/**
 * A record did not hold the value that a compare-and-set expected; nothing of its commit was written.
 * @publicApi
 */
export class RecordConflictError extends AllFrameError {
  readonly code = 'RecordConflictError';
  override readonly kind = 'conflict';

  constructor(
    readonly collection: string,
    readonly key: string,
  ) {
    super(
      `Record "${key}" of collection "${collection}" does not hold the expected value: another owner wrote it first. ` +
        'Read the record again before writing it.',
    );
  }
}
