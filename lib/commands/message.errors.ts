import { AllFrameError, type ErrorKind } from '../core/errors/allframe.error.js';

/**
 * The base of errors by which your own rules say no. Its message is for the caller, as a problem's `detail` for one.
 * @example
 * ```ts
 * class InsufficientFundsError extends DomainError {
 *   readonly code = 'InsufficientFundsError';
 *   constructor(readonly balance: number) {
 *     super(`There are only ${balance} in the account`);
 *   }
 * }
 * ```
 * @publicApi
 */
export abstract class DomainError extends AllFrameError {
  override readonly kind: ErrorKind = 'rejected';
}

/**
 * Nothing handles the command or query.
 * @publicApi
 */
export class HandlerNotFoundError extends AllFrameError {
  readonly code = 'HandlerNotFoundError';

  /** @param decorated what is decorated for it but not part of the application */
  constructor(
    readonly messageName: string,
    readonly decorated: readonly string[],
    remedy: string,
  ) {
    super(`No handler is registered for ${messageName}. ${remedy}`);
  }
}

/**
 * Two handlers want one command or query, so it would go to one or the other by chance.
 * @publicApi
 */
export class DuplicateHandlerError extends AllFrameError {
  readonly code = 'DuplicateHandlerError';

  constructor(
    readonly messageName: string,
    readonly handlers: readonly [string, string],
  ) {
    super(
      `${messageName} is handled by ${handlers[0]} and by ${handlers[1]}. Keep one of them: a command or query has one ` +
        'handler, and whatever else should happen follows from its events.',
    );
  }
}

/**
 * What a schema does not accept, and where.
 * @publicApi
 */
export interface ValidationIssue {
  /** Such as `lines[2].amount`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/**
 * A command does not satisfy its schema. It was not handled.
 * @publicApi
 */
export class CommandValidationError extends AllFrameError {
  readonly code = 'CommandValidationError';
  override readonly kind = 'validation';

  constructor(
    readonly command: string,
    readonly issues: readonly ValidationIssue[],
  ) {
    super(invalid(command, issues));
  }
}

/**
 * A query does not satisfy its schema. It was not handled.
 * @publicApi
 */
export class QueryValidationError extends AllFrameError {
  readonly code = 'QueryValidationError';
  override readonly kind = 'validation';

  constructor(
    readonly query: string,
    readonly issues: readonly ValidationIssue[],
  ) {
    super(invalid(query, issues));
  }
}

function invalid(name: string, issues: readonly ValidationIssue[]): string {
  const told = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return `${name} is not valid: ${told.join('; ')}. Correct what is named and send it again.`;
}

/**
 * The answer did not come in the time that the caller gave. The handler was told by its signal; it may go on, and what
 * it does may have happened.
 * @publicApi
 */
export class ExecutionTimeoutError extends AllFrameError {
  readonly code = 'ExecutionTimeoutError';
  override readonly kind = 'timeout';

  constructor(
    readonly messageName: string,
    readonly timeoutMs: number,
  ) {
    super(
      `${messageName} was not answered within ${timeoutMs} ms. It may still be done: send it again with the same ` +
        'commandId if it had one, or look whether it happened.',
    );
  }
}

/**
 * A command id was used before for a command of this class with other contents. Nothing was done.
 * @publicApi
 */
export class IdempotencyConflictError extends AllFrameError {
  readonly code = 'IdempotencyConflictError';
  override readonly kind = 'conflict';

  constructor(
    readonly command: string,
    readonly commandId: string,
  ) {
    super(
      `Command id "${commandId}" was used before for another ${command}. ` +
        'An id names one request: repeat it with the same contents, or take a new id.',
    );
  }
}

/**
 * Events that a handler has appended for a command.
 * @publicApi
 */
export interface CommandAppend {
  readonly streamId: string;
  /** The id of the first of them. */
  readonly firstEventId: string;
  /** How many they are. */
  readonly events: number;
}

/**
 * A command has been handled as far as `appends` say, but what its handler answered was not recorded: the process
 * ended in between, the handler failed after it had appended, or it is still at work elsewhere. It is not run again.
 * @publicApi
 */
export class CommandResultLostError extends AllFrameError {
  readonly code = 'CommandResultLostError';
  override readonly kind = 'conflict';

  constructor(
    readonly command: string,
    readonly commandId: string,
    /** The first 100 of them; the last one may have been on its way only. */
    readonly appends: readonly CommandAppend[],
    /** How many there were. */
    readonly appendCount: number = appends.length,
  ) {
    super(
      `${command} "${commandId}" has appended events (${toldAppends(appends, appendCount)}), ` +
        'but its answer is not known; it is not run again. Read the streams to see what happened; if it is still at ' +
        'work in another process, ask again later.',
    );
  }
}

const APPENDS_TOLD = 5;

function toldAppends(appends: readonly CommandAppend[], count: number): string {
  const told = appends.slice(0, APPENDS_TOLD).map(({ streamId, events }) => `${events} to "${streamId}"`);
  return count > told.length ? `${told.join(', ')}, and ${count - told.length} more` : told.join(', ');
}

/**
 * A handler appends besides the one commit that its command's id is recorded with, so that a crash could leave it half done.
 * @publicApi
 */
export class SecondAppendError extends AllFrameError {
  readonly code = 'SecondAppendError';

  constructor(
    readonly handler: string,
    readonly commandId: string,
    readonly streamId: string,
  ) {
    super(
      `${handler} appends to "${streamId}" besides the one commit that command "${commandId}" is recorded with. Append ` +
        'everything with one appendAll; or declare { severalAppends: true } if a crash may leave the command half done, ' +
        'and { store } if it is another store than the default one.',
    );
  }
}

/**
 * A handler has failed, and what that run had left behind appends only now. It is refused: the handler is run again after
 * a conflict, or when the command is sent again by its id, and both runs would have appended.
 * @publicApi
 */
export class AttemptAbandonedError extends AllFrameError {
  readonly code = 'AttemptAbandonedError';

  constructor(
    readonly handler: string,
    readonly streamId: string,
  ) {
    super(
      `${handler} has failed, and what that run has left behind appends to "${streamId}" only now. ` +
        'Let the handler wait for everything it begins before it fails: Promise.allSettled in place of Promise.all, for one.',
    );
  }
}

/**
 * Two classes of commands have one name, so records of the one would be taken for those of the other.
 * @publicApi
 */
export class AmbiguousCommandNameError extends AllFrameError {
  readonly code = 'AmbiguousCommandNameError';

  constructor(
    readonly commandName: string,
    readonly handlers: readonly string[],
  ) {
    super(
      `Several classes of commands are called "${commandName}" (handled by ${handlers.join(' and ')}), and command ids ` +
        "are kept by that name. Name all but one: @CommandHandler(Class, { name: 'billing.open' }).",
    );
  }
}
