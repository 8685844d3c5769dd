import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { CommandBus, EventStore, InvalidArgumentError, LimitExceededError } from '@allframe/nestjs';
import { ActivityCompleted } from '../permits/activity-completed.event.js';
import { CompleteActivity } from '../permits/complete-activity.command.js';
import { HistoryDiffersError } from '../permits/permit-application.aggregate.js';
import type { EventLog, LogRow } from './event-log.js';
import { MalformedRowError } from './event-log.errors.js';

/** A store in memory answers without ever waiting, so sockets and signals get their turn after so many rows. */
const ROWS_PER_TURN = 256;

export interface ImportOptions {
  /** Stops the import between two rows. */
  readonly signal?: AbortSignal;
  /** Told how far into the log the import is, in the unit of the log's size. */
  readonly onProgress?: (done: number) => void;
}

export interface ImportResult {
  readonly rows: number;
  /** Rows that were not in the store before. */
  readonly recorded: number;
  /** The position that projections have to reach to have seen every row. */
  readonly position: number;
}

/**
 * An import in words: `0 of 12,558 rows were new`, and how many events of other logs the figures cover as well.
 * @param events in the store
 */
export function whatWasNew({ rows, recorded }: ImportResult, events: number): string {
  const said = (count: number): string => count.toLocaleString('en-US');
  const words = `${said(recorded)} of ${said(rows)} rows were new`;
  if (events <= rows) return words;
  return `${words}; the figures cover ${said(events - rows)} more events that the store holds of other logs`;
}

/**
 * Brings a log into the store, row by row.
 *
 * The n-th row of a case is the n-th activity of its application, so a row that was imported before is recognised by
 * its place and changes nothing. What is remembered meanwhile is one number per case.
 */
@Injectable()
export class LogImporter {
  constructor(
    private readonly commands: CommandBus,
    private readonly store: EventStore,
  ) {}

  /** @throws EventLogError for the log, and what the store throws; the rows before stay imported */
  async import(log: EventLog, { signal, onProgress }: ImportOptions = {}): Promise<ImportResult> {
    const rowsOf = new Map<string, number>();
    let rows = 0;
    let recorded = 0;
    for await (const row of log.rows()) {
      const place = (rowsOf.get(row.caseId) ?? 0) + 1;
      rowsOf.set(row.caseId, place);
      if (await this.#record(log, row, place)) recorded++;
      rows++;
      if (rows % ROWS_PER_TURN === 0) await setImmediate();
      onProgress?.(row.end);
      signal?.throwIfAborted();
    }
    // The head, and not the last append: a log that was there already is waited for as well.
    return { rows, recorded, position: await this.store.head() };
  }

  /** @returns whether the row was new */
  async #record(log: EventLog, row: LogRow, place: number): Promise<boolean> {
    const { caseId, activity, resource, completedAt, line } = row;
    try {
      const completed = new ActivityCompleted(activity, resource, completedAt);
      return (await this.commands.execute(new CompleteActivity(caseId, place, completed))) !== null;
    } catch (error) {
      const isRowsFault =
        error instanceof HistoryDiffersError ||
        error instanceof InvalidArgumentError ||
        error instanceof LimitExceededError;
      throw isRowsFault ? new MalformedRowError(log.name, line, error.message, { cause: error }) : error;
    }
  }
}
