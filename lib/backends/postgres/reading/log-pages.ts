/** Pages of the log, by position. */
import { Limits } from '../../../core/limits.js';
import type { EventFilter, EventPage, LogQuery } from '../../../core/read-page.js';
import type { Rows } from '../database.js';
import { COLUMN_COUNT, COLUMNS, storedEvent } from './stored-rows.js';

export function logPageQuery(schema: string, { direction, filter }: LogQuery): string {
  const order = direction === 'forward' ? 'asc' : 'desc';
  if (filter === undefined) {
    return `select ${COLUMNS} from ${schema}.events where position > $1 and position <= $2 order by position ${order} limit $3`;
  }
  // A filter looks at so many events and no more: where its page ends is asked first, of the index alone.
  const range =
    direction === 'forward'
      ? 'position > $1 and position <= coalesce(s.bound, $2)'
      : 'position > coalesce(s.bound, $1 + 1) - 1 and position <= $2';
  return `select e.*, s.bound, s.head
    from (select
      (select position from ${schema}.events where position > $1 and position <= $2 order by position ${order}
        offset ${Limits.pageScanEventsMax - 1} limit 1) as bound,
      ${schema}.last_position() as head
    ) s left join lateral (
      select ${COLUMNS} from ${schema}.events
      where ${range} and ${conditions(filter).join(' and ')}
      order by position ${order} limit $3
    ) e on true`;
}

export function logPageValues({ after, upTo, limit, filter }: LogQuery): readonly unknown[] {
  const bounds = [after, upTo, limit + 1];
  if (filter === undefined) return bounds;
  const { types, categories, streamId } = filter;
  const wanted = [types && [...types], categories && [...categories], streamId];
  return [...bounds, ...wanted.filter((value) => value !== undefined)];
}

export function logPage(query: LogQuery, rows: Rows): EventPage {
  const { after, upTo, direction, limit, filter } = query;
  if (filter === undefined) {
    const events = rows.slice(0, limit).map(storedEvent);
    const start = direction === 'forward' ? after : upTo + 1;
    return { events, through: events.at(-1)?.position ?? start, atEnd: rows.length <= limit };
  }
  const [bound, head] = (rows[0] ?? []).slice(COLUMN_COUNT);
  const found = rows[0]?.[0] === null ? [] : rows;
  const events = found.slice(0, limit).map(storedEvent);
  // Full: the page ends with its last event. Otherwise it has looked as far as it may, or to the end.
  if (found.length > limit) return { events, through: events.at(-1)?.position ?? after, atEnd: false };
  if (bound !== null && bound !== undefined) return { events, through: Number(bound), atEnd: false };
  const end = direction === 'forward' ? Math.max(after, Math.min(upTo, Number(head))) : after + 1;
  return { events, through: end, atEnd: true };
}

/** What a filter wants, in SQL; its values are `$4` and on. */
function conditions({ types, categories, streamId }: EventFilter): readonly string[] {
  let next = 4;
  return [
    ...(types === undefined ? [] : [`type = any($${next++}::text[])`]),
    ...(categories === undefined ? [] : [`split_part(stream_id, '-', 1) = any($${next++}::text[])`]),
    ...(streamId === undefined ? [] : [`stream_id = $${next++}`]),
  ];
}
