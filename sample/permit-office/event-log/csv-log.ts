import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { type CsvError, type Info, parse } from 'csv-parse';
import type { EventLog, LogRow } from './event-log.js';
import { LogColumnError, MalformedRowError, UnreadableLogError } from './event-log.errors.js';
import { isoTimestamp } from './timestamp.js';

/** Which column of a log holds what. */
export interface LogColumns {
  readonly case: string;
  readonly activity: string;
  readonly resource: string;
  readonly time: string;
}

/** The columns as event logs are usually published: the names that XES gives them. */
export const XES_COLUMNS: LogColumns = {
  case: 'case:concept:name',
  activity: 'concept:name',
  resource: 'org:resource',
  time: 'time:timestamp',
};

/** A quote that is never closed would otherwise make one row of the rest of the file. */
const ROW_BYTES_MAX = 1024 * 1024;

/** In our own words, because csv-parse's messages repeat what stands in the row. */
const FAULTS: Partial<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened here and never closed',
  CSV_MAX_RECORD_SIZE: `it is longer than ${ROW_BYTES_MAX} bytes; perhaps a quote is opened here and never closed`,
  CSV_INVALID_CLOSING_QUOTE: 'a closing quote is followed by neither a comma nor the end of the line',
  INVALID_OPENING_QUOTE:
    'a quote stands in the middle of a value; quote the whole value, and write "" for a quote',
};

interface ParsedRecord {
  readonly record: readonly string[];
  readonly info: Info;
}

/** A log in a CSV file with a header, read as it is imported. */
export class CsvLog implements EventLog {
  private constructor(
    readonly name: string,
    /** Bytes. */
    readonly size: number,
    private readonly columns: LogColumns,
  ) {}

  /** @throws UnreadableLogError if there is no such file */
  static async open(file: string, columns: LogColumns = XES_COLUMNS): Promise<CsvLog> {
    const found = await stat(file).catch((error: unknown) => {
      throw unreadable(file, error);
    });
    if (found.isDirectory())
      throw new UnreadableLogError(file, 'this is a directory; name the CSV file in it');
    return new CsvLog(file, found.size, columns);
  }

  /** @throws UnreadableLogError, LogColumnError, MalformedRowError */
  async *rows(): AsyncGenerator<LogRow, void, undefined> {
    let columnCount = 0;
    let cells: Record<keyof LogColumns, number> | undefined;
    for await (const { record, line, end } of this.#records()) {
      if (cells === undefined) {
        cells = this.#cellsOf(record);
        columnCount = record.length;
        continue;
      }
      if (record.length !== columnCount) {
        const problem = `it has ${record.length} columns, the header has ${columnCount}`;
        throw new MalformedRowError(this.name, line, problem);
      }
      const resource = record[cells.resource] ?? '';
      const completedAt = isoTimestamp(record[cells.time] ?? '');
      if (completedAt === undefined) {
        const wanted = 'a date and time such as 2011-10-11T13:45:40+02:00';
        throw new MalformedRowError(this.name, line, `column "${this.columns.time}" is not ${wanted}`);
      }
      yield {
        caseId: this.#filled(record, cells, 'case', line),
        activity: this.#filled(record, cells, 'activity', line),
        resource: resource === '' ? null : resource,
        completedAt,
        line,
        end,
      };
    }
    if (cells === undefined)
      throw new UnreadableLogError(this.name, 'the file is empty; a header and rows are wanted');
  }

  /** The records of the file with the line that each begins on, the header being the first. */
  async *#records(): AsyncGenerator<{ record: readonly string[]; line: number; end: number }> {
    let fault: CsvError | undefined;
    const parser = parse({
      bom: true,
      info: true,
      max_record_size: ROW_BYTES_MAX,
      relax_column_count: true,
      skip_empty_lines: true,
      // A stream that fails throws away the records it holds, so a fault waits here until those before it are out.
      skip_records_with_error: true,
      on_skip: (error) => {
        fault ??= error;
        return undefined;
      },
    });
    // A file that fails ends the parser, and with it the loop below.
    pipeline(createReadStream(this.name), parser, () => undefined);
    const lines = new LineCount();
    try {
      for await (const { record, info } of parser as AsyncIterable<ParsedRecord>) {
        if (fault !== undefined && info.records > Number(fault['records'])) break;
        yield { record, line: lines.next(info, record), end: info.bytes };
      }
    } catch (error) {
      throw unreadable(this.name, error);
    }
    if (fault === undefined) return;
    const place = { lines: Number(fault['lines']), empty_lines: Number(fault['empty_lines']) };
    throw new MalformedRowError(this.name, lines.next(place, []), FAULTS[fault.code] ?? 'it is not CSV');
  }

  #cellsOf(header: readonly string[]): Record<keyof LogColumns, number> {
    const cell = (role: keyof LogColumns): number => {
      const column = this.columns[role];
      const index = header.indexOf(column);
      if (index === -1 || index !== header.lastIndexOf(column)) {
        throw new LogColumnError(this.name, column, `--${role}`, header);
      }
      return index;
    };
    return { case: cell('case'), activity: cell('activity'), resource: cell('resource'), time: cell('time') };
  }

  #filled(
    record: readonly string[],
    cells: Record<keyof LogColumns, number>,
    role: 'case' | 'activity',
    line: number,
  ): string {
    const text = record[cells[role]] ?? '';
    if (text === '') throw new MalformedRowError(this.name, line, `column "${this.columns[role]}" is empty`);
    return text;
  }
}

/** Tells on which line a record begins; csv-parse tells where it ends. */
class LineCount {
  #lines = 0;
  #emptyLines = 0;
  #countedTwice = 0;

  next(info: Pick<Info, 'lines' | 'empty_lines'>, record: readonly string[]): number {
    const begin = this.#lines + 1 + info.empty_lines - this.#emptyLines - this.#countedTwice;
    this.#lines = info.lines;
    this.#emptyLines = info.empty_lines;
    // Inside quotes csv-parse counts a line break of two characters as two lines.
    for (const field of record) this.#countedTwice += field.split('\r\n').length - 1;
    return begin;
  }
}

function unreadable(file: string, error: unknown): Error {
  if (!(error instanceof Error) || !('code' in error)) return error as Error;
  const problem =
    error.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${String(error.code)})`;
  return new UnreadableLogError(file, problem, { cause: error });
}
