import type { StoredEvent } from '../../../core/stored-event.js';

/** What stands for something else in a line of `COPY`, and how it is written (https://www.postgresql.org/docs/current/sql-copy.html). */
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** An event as a line of `COPY` in text format, its columns in the order of the table. */
export function copyLine(event: StoredEvent): string {
  const { position, streamId, version, id, type, schemaVersion, data, metadata, recordedAt } = event;
  const at = new Date(recordedAt).toISOString().replace('+0', '');
  const columns = [position, streamId, version, id, type, schemaVersion, data, metadata, at];
  return `${columns.map((column) => String(column).replace(/[\\\t\n\r]/g, (sign) => ESCAPES[sign] ?? sign)).join('\t')}\n`;
}
