import { AllFrameError } from '../core/errors/allframe.error.js';

/**
 * There is no such aggregate: its stream has no events.
 * @publicApi
 */
export class AggregateNotFoundError extends AllFrameError {
  readonly code = 'AggregateNotFoundError';
  override readonly kind = 'notFound';

  constructor(
    readonly aggregate: string,
    readonly id: string,
  ) {
    super(
      `There is no ${aggregate} "${id}": stream "${aggregate}-${id}" is empty. Check the id, or create it with \`update\`.`,
    );
  }
}
