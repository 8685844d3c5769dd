import { Command } from 'commander';
import { DEFAULT_STORE_URL } from './environment.js';
import { type LogColumns, XES_COLUMNS } from './event-log/csv-log.js';

/** What the office is told on its command line. */
export interface CommandLine {
  /** The CSV file; `undefined` for a log of its own. */
  readonly file: string | undefined;
  readonly columns: LogColumns;
}

/** The words of the command line, and how it prints its help. */
export function officeCommand(): Command {
  return new Command('npm start --')
    .description(
      'Imports an event log into an event store, keeps figures about it, and serves them over HTTP.',
    )
    .argument(
      '[log.csv]',
      'an event log with a header, one row per event; without it a log of 2,000 cases is made up',
    )
    .option('--case <column>', 'the column that says which case an event belongs to', XES_COLUMNS.case)
    .option('--activity <column>', 'the column that says what was done', XES_COLUMNS.activity)
    .option('--resource <column>', 'the column that says who did it', XES_COLUMNS.resource)
    .option('--time <column>', 'the column that says when, in ISO 8601', XES_COLUMNS.time)
    .addHelpText(
      'after',
      `
Environment:
  PORT             where to listen; 0 takes any free port (default: 3000)
  EVENT_STORE_URL  where events are kept: allsource:<directory>, or memory: for this run only
                   (default: ${DEFAULT_STORE_URL})`,
    );
}

/** @param argv as in `process.argv` */
export function readCommandLine(argv: readonly string[], command = officeCommand()): CommandLine {
  command.parse(argv);
  return { file: command.args[0], columns: command.opts<LogColumns & Record<string, unknown>>() };
}
