/**
 * The columns of a segment, and which events fit into them. Both codecs write them and the reader insists on them, so that
 * a segment is the same table whoever wrote it, for us and for any other Parquet reader.
 */
import type { SchemaElement } from 'hyparquet';
import type { StoredEvent } from '../../../core/stored-event.js';

/** The most events in a row group: what a reader decodes at once. */
export const ROW_GROUP_EVENTS_MAX = 5_120;

/** Where a page of values ends, in bytes before compression: what has to be read to get at one event. */
export const PAGE_BYTES = 4_096;

/** The key of the footer's metadata under which the codec is named; a file without it is none of ours. */
export const CODEC_KEY = 'allframe.segment.codec';

/** All are required (never null), so that pages hold values and nothing else. */
export type EventColumn = IntegerColumn | TextColumn;

interface IntegerColumn {
  readonly name: string;
  readonly field: 'position' | 'version' | 'schemaVersion' | 'recordedAt';
  readonly kind: 'int64' | 'int32' | 'timestamp';
  /** Whether row groups say the least and the greatest, for readers that look for a part. */
  readonly statistics: boolean;
}

interface TextColumn {
  readonly name: string;
  readonly field: 'streamId' | 'id' | 'type' | 'data' | 'metadata';
  readonly kind: 'text';
  readonly statistics: false;
  /** Whether most values differ, so that a dictionary would only cost; `data` and `metadata` must be plain to be read one by one. */
  readonly plain: boolean;
}

/** In the order of the file. */
export const EVENT_COLUMNS = [
  { name: 'position', field: 'position', kind: 'int64', statistics: true },
  { name: 'stream_id', field: 'streamId', kind: 'text', statistics: false, plain: false },
  { name: 'version', field: 'version', kind: 'int32', statistics: true },
  { name: 'event_id', field: 'id', kind: 'text', statistics: false, plain: true },
  { name: 'event_type', field: 'type', kind: 'text', statistics: false, plain: false },
  { name: 'schema_version', field: 'schemaVersion', kind: 'int32', statistics: false },
  { name: 'recorded_at', field: 'recordedAt', kind: 'timestamp', statistics: true },
  { name: 'data', field: 'data', kind: 'text', statistics: false, plain: true },
  { name: 'metadata', field: 'metadata', kind: 'text', statistics: false, plain: true },
] as const satisfies readonly EventColumn[];

/** The columns as the footer says them, with the root that Parquet wants in front. */
export function eventSchema(): SchemaElement[] {
  return [{ name: 'events', num_children: EVENT_COLUMNS.length }, ...EVENT_COLUMNS.map(schemaElement)];
}

function schemaElement({ name, kind }: EventColumn): SchemaElement {
  const repetition_type = 'REQUIRED';
  switch (kind) {
    case 'int64':
      return { name, repetition_type, type: 'INT64' };
    case 'int32':
      return { name, repetition_type, type: 'INT32' };
    case 'timestamp':
      return {
        name,
        repetition_type,
        type: 'INT64',
        converted_type: 'TIMESTAMP_MILLIS',
        // The converted type leaves it to the reader whether this is UTC; the logical type says so.
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
      };
    case 'text':
      // Not the JSON type, not for `data` either: writers and readers would parse and print it, and the text would change.
      return {
        name,
        repetition_type,
        type: 'BYTE_ARRAY',
        converted_type: 'UTF8',
        logical_type: { type: 'STRING' },
      };
  }
}

const INT32_MAX = 2 ** 31 - 1;

/** The earliest moment that a `Date` can say; the latest one is beyond what is safe as an integer of the columns anyway. */
const TIME_MIN = -8.64e15;

/**
 * Refuses what a segment could not give back as it is: numbers that Parquet would cut or round, text that UTF-8 cannot say.
 *
 * @param next the position that has to come first; `undefined` for the first row group of a file.
 * @throws RangeError
 */
export function checkEvents(events: readonly StoredEvent[], next: number | undefined): void {
  if (events.length < 1 || events.length > ROW_GROUP_EVENTS_MAX) {
    throw new RangeError(`A row group holds 1 to ${ROW_GROUP_EVENTS_MAX} events, not ${events.length}`);
  }
  let expected = next ?? events[0]?.position;
  for (const event of events) {
    if (event.position !== expected) {
      throw new RangeError(`A segment has no gaps: position ${event.position} where ${expected} was due`);
    }
    for (const column of EVENT_COLUMNS) {
      const fault = column.kind === 'text' ? textFault(event[column.field]) : integerFault(column, event);
      if (fault === undefined) continue;
      throw new RangeError(`${column.field} of the event at position ${event.position} ${fault}`);
    }
    expected = event.position + 1;
  }
}

function textFault(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'is no text';
  return text.isWellFormed() ? undefined : 'has half a surrogate pair, which UTF-8 cannot say';
}

function integerFault({ kind, field }: IntegerColumn, event: StoredEvent): string | undefined {
  const value: unknown = event[field];
  const least = kind === 'timestamp' ? TIME_MIN : 0;
  const greatest = kind === 'int32' ? INT32_MAX : Number.MAX_SAFE_INTEGER;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= greatest) {
    return undefined;
  }
  return `is ${String(value)}, no integer from ${least} to ${greatest}`;
}
