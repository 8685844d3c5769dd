/** Pages of one stream, by version. */
import type { EventPage, StreamQuery } from '../../../core/read-page.js';
import type { Rows } from '../database.js';
import { COLUMNS, storedEvent } from './stored-rows.js';

/** One row more than the page holds tells whether it is the last one. */
export function streamPageQuery(schema: string, { direction }: StreamQuery): string {
  return `select ${COLUMNS} from ${schema}.events where stream_id = $1 and version >= $2 and version <= $3
    order by version ${direction === 'forward' ? 'asc' : 'desc'} limit $4`;
}

export function streamPageValues({
  streamId,
  fromVersion,
  toVersion,
  limit,
}: StreamQuery): readonly unknown[] {
  return [streamId, fromVersion, toVersion, limit + 1];
}

export function streamPage({ fromVersion, toVersion, direction, limit }: StreamQuery, rows: Rows): EventPage {
  const events = rows.slice(0, limit).map(storedEvent);
  const start = direction === 'forward' ? fromVersion - 1 : toVersion + 1;
  return { events, through: events.at(-1)?.version ?? start, atEnd: rows.length <= limit };
}
