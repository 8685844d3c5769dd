/** Something is wrong with the log that was given: the message says what and where, and repeats nobody's data. */
export abstract class EventLogError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The file cannot be read. */
export class UnreadableLogError extends EventLogError {
  readonly code = 'UnreadableLogError';

  constructor(
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options);
  }
}

/** The header does not have a column that is needed, or has it twice. */
export class LogColumnError extends EventLogError {
  readonly code = 'LogColumnError';

  /**
   * @param option the command line's option that names the column
   * @param available the columns of the header
   */
  constructor(
    readonly file: string,
    readonly column: string,
    readonly option: string,
    readonly available: readonly string[],
  ) {
    const problem = available.includes(column) ? 'stands there more than once' : 'is not there';
    super(
      `${file}: column "${column}" ${problem}. Its columns are: ${available.join(', ')}. Name the right one with ${option}.`,
    );
  }
}

/** A row cannot be imported. Everything before it is imported, nothing after it. */
export class MalformedRowError extends EventLogError {
  readonly code = 'MalformedRowError';

  /** @param line where the row begins, from 1 */
  constructor(
    readonly file: string,
    readonly line: number,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}, line ${line}: ${problem}`, options);
  }
}
