import { AllFrameError } from '../core/errors/allframe.error.js';
import type { RecordedEvent } from '../core/recorded-event.js';

/**
 * A projection's handler failed at an event on every attempt; the projection stands before that event until a restart
 * tries again. `cause` is what the handler failed with.
 * @publicApi
 */
export class ProjectionBlockedError extends AllFrameError {
  readonly code = 'ProjectionBlockedError';
  override readonly kind = 'unavailable';
  /** The position of the event that it stands before. */
  readonly position: number;
  readonly eventId: string;
  readonly eventType: string;

  constructor(
    readonly projection: string,
    event: RecordedEvent,
    attempts: number,
    cause: unknown,
  ) {
    super(
      `Projection "${projection}" is blocked: its handler of "${event.type}" failed ${attempts} times at position ${event.position} ` +
        `(event ${event.id}). Mend the handler and start the application again; no event is skipped.`,
      { cause },
    );
    this.position = event.position;
    this.eventId = event.id;
    this.eventType = event.type;
  }
}

/**
 * A projection is not running (any more), so it will not reach the position. `cause` tells why, where there is a cause.
 * @publicApi
 */
export class ProjectionStoppedError extends AllFrameError {
  readonly code = 'ProjectionStoppedError';
  override readonly kind = 'unavailable';

  constructor(
    readonly projection: string,
    options?: ErrorOptions,
  ) {
    super(
      `Projection "${projection}" was stopped: ${
        options?.cause === undefined
          ? 'the application is shutting down'
          : 'it could not go on, see the cause'
      }. It goes on from its checkpoint when it is started again.`,
      options,
    );
  }
}

/**
 * A projection did not reach a position in time.
 * @publicApi
 */
export class ProjectionTimeoutError extends AllFrameError {
  readonly code = 'ProjectionTimeoutError';
  override readonly kind = 'timeout';

  /**
   * @param position the position that was waited for
   * @param reached how far the projection has come
   */
  constructor(
    readonly projection: string,
    readonly position: number,
    readonly reached: number,
    readonly timeoutMs: number,
  ) {
    super(
      `Projection "${projection}" did not reach position ${position} within ${timeoutMs} ms; it stands at ${reached}. ` +
        'Wait longer with `timeoutMs`, or look for a slow handler.',
    );
  }
}

/**
 * There is no projection of this name.
 * @publicApi
 */
export class UnknownProjectionError extends AllFrameError {
  readonly code = 'UnknownProjectionError';

  constructor(
    readonly projection: string,
    known: readonly string[],
  ) {
    super(
      `There is no projection "${projection}"; there are ${known.length === 0 ? 'none' : known.map((name) => `"${name}"`).join(', ')}. ` +
        (known.length === 0
          ? 'They are found when the application is initialised: call `await app.init()` first, and put the class among the providers of a module.'
          : 'Correct the name, or put its class among the providers of a module that is imported.'),
    );
  }
}

/**
 * Two projection classes have the same name, so they would share one checkpoint.
 * @publicApi
 */
export class DuplicateProjectionError extends AllFrameError {
  readonly code = 'DuplicateProjectionError';

  constructor(
    readonly projection: string,
    readonly classNames: readonly [string, string],
  ) {
    super(
      `Projection "${projection}" is declared by two classes, ${classNames[0]} and ${classNames[1]}. Rename one of them.`,
    );
  }
}

/**
 * A projection has no `@EventHandler` method, so it would never do anything.
 * @publicApi
 */
export class ProjectionWithoutHandlersError extends AllFrameError {
  readonly code = 'ProjectionWithoutHandlersError';

  constructor(
    readonly projection: string,
    readonly className: string,
  ) {
    super(
      `Projection "${projection}" (class ${className}) handles no event. Mark a method with @EventHandler(SomeEvent).`,
    );
  }
}
