/** What is imported: one completed activity. */
export interface LogRow {
  readonly caseId: string;
  readonly activity: string;
  /** Who did it; `null` where the log does not say. */
  readonly resource: string | null;
  /** ISO 8601 with an offset. */
  readonly completedAt: string;
  /** The line of the log that it begins on, from 1. */
  readonly line: number;
  /** How much of the log has been read when this row has, in the unit of the log's `size`. */
  readonly end: number;
}

/** A log of events, read from its first row to its last, never whole. */
export interface EventLog {
  /** What errors call it. */
  readonly name: string;
  /** Bytes or rows, whichever it knows: progress is shown as a part of it. */
  readonly size: number;
  rows(): AsyncIterable<LogRow>;
}
