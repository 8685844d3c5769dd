const DATE = String.raw`(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))`;
const TIME = String.raw`((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?`;
const OFFSET = String.raw`(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)`;
const TIMESTAMP = new RegExp(`^${DATE}(?:[T ]${TIME}${OFFSET}?)?$`);

/**
 * A point in time as ISO 8601, `2011-10-11T13:45:40.276+02:00`, or `undefined` for a text that is none. `Date.parse`
 * would not do: it takes "case 1" for the first of January 2001, and forgets the offset.
 *
 * A date alone is its midnight, and a time without an offset is UTC.
 */
export function isoTimestamp(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, date = '', minutes = '00:00', seconds = '00', fraction = '', offset = 'Z'] = match;
  // The 30th of February has the right form; the calendar turns it into another day.
  if (new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) return undefined;
  const digits = fraction.replace(/0+$/, '').padEnd(3, '0');
  return `${date}T${minutes}:${seconds}.${digits}${withColon(offset)}`;
}

function withColon(offset: string): string {
  if (offset === 'Z') return offset;
  const [hours, minutes] = [offset.slice(0, 3), offset.slice(3).replace(':', '')];
  return `${hours}:${minutes === '' ? '00' : minutes}`;
}
