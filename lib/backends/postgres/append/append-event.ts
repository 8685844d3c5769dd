/**
 * The lean way of a commit that is one event and nothing else, as a lone caller sends it: what `append_commits` does, without
 * arrays, which take a third of the time of such a call.
 */
import type { Commit, StreamCommit } from '../../../core/commit.js';
import type { EncodedEvent } from '../../../core/stored-event.js';
import { timeValue } from '../binary-array.js';
import { APPEND_CHECKS, APPEND_SETTINGS, takeTurn } from './append-turn.js';
import { EXPECTED_ANY, EXPECTED_STREAM_EXISTS, expectedNumber, Outcome } from './codes.js';
import type { KnownVersions } from './known-versions.js';

export const appendEventFunction = (schema: string): string => `
create or replace function ${schema}.append_event(
  known_position bigint, known_version bigint, to_stream text, expected bigint, looks_for_id boolean,
  event_id uuid, event_type text, event_schema_version int, event_data json, event_metadata json, event_recorded_at timestamptz,
  out first_position bigint, out outcomes int[], out refused_by int[], out versions bigint[]
)
${APPEND_SETTINGS}
as $append$
declare
  kept ${schema}.store;
  line text;
  current_version bigint;
begin
  ${APPEND_CHECKS}
    ${takeTurn(schema)}
  if known_position = first_position - 1 and known_version >= 0 then
    current_version := known_version;
  else
    current_version := coalesce(
      (select e.version from ${schema}.events e where e.stream_id = to_stream order by e.version desc limit 1), 0);
  end if;
  versions := array[current_version];
  if looks_for_id and exists (select from ${schema}.events e where e.id = event_id) then
    outcomes := array[${Outcome.idKnown}];
  elsif expected = ${EXPECTED_ANY} or expected = current_version or expected = ${EXPECTED_STREAM_EXISTS} and current_version > 0 then
    insert into ${schema}.events (position, stream_id, version, id, type, schema_version, data, metadata, recorded_at)
      values (first_position, to_stream, current_version + 1, event_id, event_type, event_schema_version, event_data,
        event_metadata, event_recorded_at);
  else
    outcomes := array[${Outcome.wrongVersion}];
    refused_by := array[1];
  end if;
end
$append$`;

export const appendEventCall = (schema: string): string =>
  `select * from ${schema}.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;

/** Whether these are one event and nothing else. */
export function isLoneEvent(commits: readonly Commit[]): boolean {
  const [{ streams, records }] = commits as readonly [Commit];
  return (
    commits.length === 1 && streams.length === 1 && records.length === 0 && streams[0]?.events.length === 1
  );
}

/** The values of the call for a commit that `isLoneEvent`. @param looksForId also for one that the store has just made */
export function eventValues(
  { streams, recordedAt }: Commit,
  known: KnownVersions,
  looksForId: boolean,
): readonly unknown[] {
  const [{ streamId, expectedVersion, events, idsAreNew }] = streams as readonly [StreamCommit];
  const [{ id, type, schemaVersion, data, metadata }] = events as readonly [EncodedEvent];
  return [
    known.position,
    known.of(streamId),
    streamId,
    expectedNumber(expectedVersion),
    looksForId || !idsAreNew,
    id,
    type,
    schemaVersion,
    data,
    metadata,
    timeValue(recordedAt),
  ];
}
