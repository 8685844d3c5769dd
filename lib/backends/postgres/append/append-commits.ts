/**
 * The function that appends: one call for many commits, one transaction, one answer per commit.
 *
 * Nearly always all commits of a call can be written. So the caller says where everything goes if they can, one
 * statement checks that, and one writes. Only if one of them cannot, they are looked at one by one.
 *
 * A caller that has written the last event itself knows the versions of its streams, and need not have them looked up.
 *
 * The arrays named `commit_*` have an element per commit, `stream_*` per stream of a commit, `event_*` per event, `given_*`
 * per id that may be known already, `record_*` per record; `*_n` are numbers counted from 1.
 */
import { CALL_VALUES } from './append-batch.js';
import { APPEND_CHECKS, APPEND_SETTINGS, takeTurn } from './append-turn.js';
import { EXPECTED_ANY, EXPECTED_STREAM_EXISTS, Outcome } from './codes.js';

export const appendFunction = (schema: string): string => `
create or replace function ${schema}.append_commits(
  known_position bigint, commit_streams int[],
  distinct_streams text[], distinct_known bigint[],
  stream_distinct_n int[], stream_expected bigint[], stream_events int[],
  stream_before int[],  -- events of the same stream that come before, if all commits are written
  stream_offset int[],  -- events of all streams that come before, if all commits are written
  event_stream_n int[], event_offset int[], event_stream text[], event_id uuid[], event_type text[],
  event_schema_version int[], event_data json[], event_metadata json[], event_recorded_at timestamptz[],
  given_commit_n int[], given_id uuid[],
  record_commit_n int[], record_collection text[], record_key text[], record_value json[],
  record_checked boolean[], record_expected text[],
  out first_position bigint, out outcomes int[], out refused_by int[], out versions bigint[]
)
${APPEND_SETTINGS}
as $append$
declare
  kept ${schema}.store;
  line text;
  commits constant int := cardinality(commit_streams);
  known_commits int[];
  conflicts int[];
  conflict_commits int[];
  current_versions bigint[];
  offsets int[] := stream_offset;
  fits boolean;
  written boolean := true;
  accepted boolean[];
  missing bigint;
begin
  ${APPEND_CHECKS}

  if cardinality(event_id) > 0 then
    ${takeTurn(schema)}

    if known_position = first_position - 1 and not -1 = any(distinct_known) then
      current_versions := distinct_known;
    else
      select array_agg(
          coalesce((select e.version from ${schema}.events e where e.stream_id = d.id order by e.version desc limit 1), 0)
          order by d.n)
        into current_versions from unnest(distinct_streams) with ordinality as d(id, n);
    end if;
    select array_agg(current_versions[s.distinct_n] + s.before order by s.n),
        bool_and(s.expected = ${EXPECTED_ANY} or s.expected = current_versions[s.distinct_n] + s.before
          or s.expected = ${EXPECTED_STREAM_EXISTS} and current_versions[s.distinct_n] + s.before > 0)
      into versions, fits
      from unnest(stream_distinct_n, stream_expected, stream_before) with ordinality as s(distinct_n, expected, before, n);
    written := fits;
  end if;
  if cardinality(given_id) > 0 then
    select array_agg(distinct g.commit_n) into known_commits
      from unnest(given_commit_n, given_id) as g(commit_n, id)
      where exists (select from ${schema}.events e where e.id = g.id);
    written := written and known_commits is null;
  end if;
  if cardinality(record_key) > 0 then
    -- In one order, so that writers of the same records wait for each other and none for ever.
    perform from (
      select from ${schema}.records r
      join (select distinct w.c, w.k from unnest(record_collection, record_key) as w(c, k)) w on r.collection = w.c and r.key = w.k
      order by r.collection, r.key for update of r
    ) locked;
    select array_agg(w.n order by w.n), array_agg(w.commit_n order by w.n) into conflicts, conflict_commits
      from unnest(record_commit_n, record_collection, record_key, record_checked, record_expected)
        with ordinality as w(commit_n, collection, key, checked, expected, n)
      where w.checked and w.expected is distinct from
        (select r.value::text from ${schema}.records r where r.collection = w.collection and r.key = w.key);
    written := written and conflicts is null;
  end if;

  if not written then
    select * into outcomes, refused_by, versions, offsets from ${schema}.decide_each(
      commit_streams, stream_distinct_n, stream_expected, stream_events, current_versions, known_commits, conflicts, conflict_commits);
  end if;
  if cardinality(event_id) > 0 then
    insert into ${schema}.events (position, stream_id, version, id, type, schema_version, data, metadata, recorded_at)
      select first_position + offsets[e.stream_n] + e.event_offset, e.stream_id, versions[e.stream_n] + 1 + e.event_offset,
        e.id, e.type, e.schema_version, e.data, e.metadata, e.recorded_at
      from unnest(event_stream_n, event_offset, event_stream, event_id, event_type, event_schema_version, event_data,
          event_metadata, event_recorded_at)
        as e(stream_n, event_offset, stream_id, id, type, schema_version, data, metadata, recorded_at)
      where written or offsets[e.stream_n] >= 0;
  end if;
  if cardinality(record_key) > 0 then
    if written then
      accepted := array_fill(true, array[commits]);
    else
      select array_agg(o = ${Outcome.written} order by n) into accepted from unnest(outcomes) with ordinality as x(o, n);
    end if;
    delete from ${schema}.records r using unnest(record_commit_n, record_collection, record_key, record_value) as w(commit_n, collection, key, value)
      where accepted[w.commit_n] and w.value is null and r.collection = w.collection and r.key = w.key;
    insert into ${schema}.records (collection, key, value)
      select w.collection, w.key, w.value
      from unnest(record_commit_n, record_collection, record_key, record_value, record_checked, record_expected)
        as w(commit_n, collection, key, value, checked, expected)
      where accepted[w.commit_n] and w.value is not null and not (w.checked and w.expected is null)
      order by w.collection, w.key
      on conflict (collection, key) do update set value = excluded.value;
    with wanted as materialized (
      select w.collection, w.key, w.value
      from unnest(record_commit_n, record_collection, record_key, record_value, record_checked, record_expected)
        as w(commit_n, collection, key, value, checked, expected)
      where accepted[w.commit_n] and w.value is not null and w.checked and w.expected is null
    ), written as (
      insert into ${schema}.records (collection, key, value) select * from wanted order by collection, key
      on conflict (collection, key) do nothing returning 1
    )
    select (select count(*) from wanted) - (select count(*) from written) into missing;
    if missing <> 0 then
      raise exception 'a record that was not to exist has just been written by somebody else' using errcode = 'serialization_failure';
    end if;
  end if;
end
$append$`;

export const appendCall = (schema: string): string =>
  `select * from ${schema}.append_commits(${Array.from({ length: CALL_VALUES }, (_, i) => `$${i + 1}`).join(', ')})`;

/** Decides on commits one after the other, each in the light of those before it. */
export const decideFunction = (schema: string): string => `
create or replace function ${schema}.decide_each(
  commit_streams int[], stream_distinct_n int[], stream_expected bigint[], stream_events int[],
  current_versions bigint[], known_commits int[], conflicts int[], conflict_commits int[],
  out outcomes int[], out refused_by int[], out versions bigint[], out offsets int[]
)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $decide$
declare
  streams_before int := 0;
  next_offset int := 0;
  outcome int;
  refusing int;
  actual bigint;
  expected bigint;
begin
  versions := array_fill(0::bigint, array[cardinality(stream_events)]);
  offsets := array_fill(-1, array[cardinality(stream_events)]);
  for c in 1..cardinality(commit_streams) loop
    outcome := ${Outcome.written};
    refusing := 0;
    if c = any(known_commits) then
      outcome := ${Outcome.idKnown};
    else
      for s in streams_before + 1..streams_before + commit_streams[c] loop
        actual := current_versions[stream_distinct_n[s]];
        expected := stream_expected[s];
        if expected <> ${EXPECTED_ANY} and expected <> actual and not (expected = ${EXPECTED_STREAM_EXISTS} and actual > 0) then
          outcome := ${Outcome.wrongVersion};
          refusing := s;
          versions[s] := actual;
          exit;
        end if;
      end loop;
      if outcome = ${Outcome.written} and c = any(conflict_commits) then
        outcome := ${Outcome.recordConflict};
        refusing := conflicts[array_position(conflict_commits, c)];
      end if;
    end if;
    if outcome = ${Outcome.written} then
      for s in streams_before + 1..streams_before + commit_streams[c] loop
        versions[s] := current_versions[stream_distinct_n[s]];
        current_versions[stream_distinct_n[s]] := versions[s] + stream_events[s];
        offsets[s] := next_offset;
        next_offset := next_offset + stream_events[s];
      end loop;
    end if;
    outcomes[c] := outcome;
    refused_by[c] := refusing;
    streams_before := streams_before + commit_streams[c];
  end loop;
end
$decide$`;
