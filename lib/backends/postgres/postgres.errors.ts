import { AllFrameError } from '../../core/errors/allframe.error.js';

/**
 * A package is not installed: `pg`, or what an import copies with, `pg-copy-streams`.
 * @publicApi
 */
export class PostgresDriverMissingError extends AllFrameError {
  readonly code = 'PostgresDriverMissingError';

  /** @param driver the name of the package */
  constructor(
    readonly driver: string,
    options?: ErrorOptions,
  ) {
    super(
      `The PostgreSQL backend needs the package "${driver}" for this, which is not installed. Run \`npm install ${driver}\`.`,
      options,
    );
  }
}

/**
 * The database cannot be reached, or has no connection left. Whatever was asked for has not happened. `cause` is what
 * the driver said.
 * @publicApi
 */
export class PostgresUnavailableError extends AllFrameError {
  readonly code = 'PostgresUnavailableError';
  override readonly kind = 'unavailable';

  /** @param operation what was asked for */
  constructor(
    readonly operation: string,
    options?: ErrorOptions,
  ) {
    super(
      `${operation}: the database cannot be reached, and nothing was written. Check that the server runs, that the address, ` +
        'user and password are right, and that it has connections to spare; the cause has the details.',
      options,
    );
  }
}

/**
 * The database refused a statement. Nothing of it was written. `cause` is the driver's error.
 * @publicApi
 */
export class PostgresRequestError extends AllFrameError {
  readonly code = 'PostgresRequestError';

  /**
   * @param operation what was asked for
   * @param sqlState the server's code, such as `53100` (https://www.postgresql.org/docs/current/errcodes-appendix.html)
   */
  constructor(
    readonly operation: string,
    readonly sqlState: string,
    options?: ErrorOptions,
  ) {
    super(
      `${operation}: PostgreSQL refused it with SQLSTATE ${sqlState}, and nothing was written. ${remedyFor(sqlState)}`,
      options,
    );
  }
}

/**
 * The schema of the database does not fit this version of the library or these options.
 * @publicApi
 */
export class PostgresSchemaError extends AllFrameError {
  readonly code = 'PostgresSchemaError';

  /** @param schema its name */
  constructor(
    readonly schema: string,
    problem: string,
  ) {
    super(`Schema "${schema}": ${problem}`);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  '23505': 'Another event stands there already: import into a schema of its own.',
  '25006': 'The server only reads: it is a standby, or was told to; give the address of the primary.',
  '22P05': "The column is jsonb, which cannot keep \\u0000: leave it out, or keep data as 'json'.",
  '22P02': "The column is jsonb, which cannot keep every JSON text: keep data as 'json'.",
  '42501':
    'The role lacks a right: grant it USAGE on the schema, SELECT, INSERT, UPDATE and DELETE on its tables, EXECUTE on its functions.',
  '53100': "The server's disk is full: make room, and try again.",
  '55P03':
    'Another transaction has held the right to append for a long time: look for it in pg_stat_activity, and end it.',
  AF001:
    "Set default_transaction_isolation of the role to 'read committed', or begin the transaction with it.",
};

function remedyFor(sqlState: string): string {
  return REMEDIES[sqlState] ?? 'The cause says what it found wrong; mend that, and try again.';
}
