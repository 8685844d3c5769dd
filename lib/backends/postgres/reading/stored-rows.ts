import type { StoredEvent } from '../../../core/stored-event.js';

/** The columns of an event, in the order of `storedEvent`. */
export const COLUMNS =
  "position, stream_id, version, id, type, schema_version, data, metadata, (date_part('epoch', recorded_at) * 1000)::bigint";

/** How many they are. */
export const COLUMN_COUNT = 9;

/** The event of a row that begins with `COLUMNS`. */
export function storedEvent(row: readonly (string | null)[]): StoredEvent {
  return {
    id: row[3] as string,
    streamId: row[1] as string,
    version: Number(row[2]),
    position: Number(row[0]),
    type: row[4] as string,
    schemaVersion: Number(row[5]),
    data: row[6] as string,
    metadata: row[7] as string,
    recordedAt: Number(row[8]),
  };
}
