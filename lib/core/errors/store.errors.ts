import { AllFrameError } from './allframe.error.js';

/**
 * The store was used before it was open or after it was closed.
 * @publicApi
 */
export class StoreClosedError extends AllFrameError {
  readonly code = 'StoreClosedError';
  override readonly kind = 'unavailable';

  constructor(operation: string, options?: ErrorOptions) {
    super(
      `${operation} was called on an event store that is not open. ` +
        'Use a store between `EventStore.open` (or the start of the application) and `close`.',
      options,
    );
  }
}

/**
 * A transaction was refused when it was to be committed, because of what was done in it: a constraint that is checked at the
 * end, or a statement whose failure went unnoticed. Everything in it is rolled back.
 * @publicApi
 */
export class TransactionRefusedError extends AllFrameError {
  readonly code = 'TransactionRefusedError';
  override readonly kind = 'conflict';

  constructor(options?: ErrorOptions) {
    super(
      'The transaction was refused, and all of it is rolled back. See the cause: await every statement in it, let those that fail ' +
        'reject, and mend the data that its constraints refuse.',
      options,
    );
  }
}

/**
 * A reader asked for events after a position that the store has not reached. The store was restored from an older
 * copy or lost its tail, or the reader belongs to another store.
 * @publicApi
 */
export class PositionBeyondHeadError extends AllFrameError {
  readonly code = 'PositionBeyondHeadError';

  /**
   * @param position the position that was asked for
   * @param head the store's last position
   */
  constructor(
    readonly position: number,
    readonly head: number,
  ) {
    super(
      `Position ${position} is beyond the head of the store, ${head}. The store was restored from an older copy, or the position ` +
        'belongs to another store: check which store is open, then start this reader again from a position it has.',
    );
  }
}
