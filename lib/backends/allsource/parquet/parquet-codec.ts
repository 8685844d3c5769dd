/**
 * How events become a Parquet file. Which library does it is a choice; what the file holds is not (event-columns.ts), so
 * that one reader reads them all.
 */
import type { StoredEvent } from '../../../core/stored-event.js';
import type { OpenFile } from '../files/file-system.js';

export type ParquetCodecName = 'hyparquet' | 'parquetjs-lite';

export interface ParquetCodec {
  readonly name: ParquetCodecName;
  /**
   * Starts a segment in a new, empty file.
   * @throws Error if the library has to be installed first; the message says how.
   */
  create(file: OpenFile): Promise<SegmentWriter>;
}

/** Writes one segment, from its first byte on. It never syncs and never closes the file: the caller does. */
export interface SegmentWriter {
  /**
   * Writes a row group: 1 to `ROW_GROUP_EVENTS_MAX` events, whose positions go on where the last group ended.
   * Calls may overlap; they are done in order.
   * @throws RangeError for events that the file could not give back as they are. Nothing of them is written, and the writer goes on.
   */
  write(events: readonly StoredEvent[]): Promise<void>;
  /** Writes the footer, without which the file is nothing. */
  finish(): Promise<void>;
}
