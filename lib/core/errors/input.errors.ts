import { AllFrameError } from './allframe.error.js';

/**
 * An argument cannot be accepted. Nothing was done.
 * @publicApi
 */
export class InvalidArgumentError extends AllFrameError {
  readonly code = 'InvalidArgumentError';
  override readonly kind = 'validation';

  /**
   * @param argument which argument, in words a caller knows: `streamId`, `options.limit`, `events[2].id`
   * @param problem what is wrong with it, and what is accepted
   */
  constructor(
    readonly argument: string,
    problem: string,
  ) {
    super(`${argument}: ${problem}`);
  }
}

/**
 * A value has no JSON form that would come back equal; it was refused rather than changed silently.
 * @publicApi
 */
export class UnserialisableDataError extends AllFrameError {
  readonly code = 'UnserialisableDataError';

  /**
   * @param path where the value is, such as `events[0].data.items[3].price`
   * @param found what was found there, such as `a function` or `NaN`; never the value itself
   */
  constructor(
    readonly path: string,
    readonly found: string,
  ) {
    super(
      `${path} is ${found}, which has no JSON form. Store a string, a finite number, a boolean, null, an array or a plain object instead.`,
    );
  }
}

/**
 * A named limit was exceeded. Nothing was done.
 * @publicApi
 */
export class LimitExceededError extends AllFrameError {
  readonly code = 'LimitExceededError';
  override readonly kind = 'validation';

  /**
   * @param limit the limit's name as in `Limits`, its unit last
   * @param value the value that was given
   * @param max the largest accepted value
   */
  constructor(
    readonly limit: string,
    readonly value: number,
    readonly max: number,
    subject: string,
  ) {
    super(
      `${subject} exceeds the limit ${limit}: ${value} is more than ${max}. Split it, or store large content elsewhere and its address here.`,
    );
  }
}
