/** The tables of a store. Insert-only where it can be: an update leaves a dead row that every reader steps over while any long transaction is open. */

/** How `data` is kept: `json` as it was written, `jsonb` as the server likes it best. */
export type DataType = 'json' | 'jsonb';

export const eventsTable = (schema: string, data: DataType): string => `
create table ${schema}.events (
  position bigint primary key,
  stream_id text collate "C" not null,
  version bigint not null,
  id uuid not null unique,
  type text collate "C" not null,
  schema_version int not null,
  data ${data} not null,
  metadata json not null,
  recorded_at timestamptz not null,
  unique (stream_id, version)
)`;

/** The first event of each stream, so that streams can be counted without looking at the others. */
export const firstEventsIndex = (schema: string): string =>
  `create index events_first on ${schema}.events (position) where version = 1`;

export const recordsTable = (schema: string): string => `
create table ${schema}.records (
  collection text collate "C" not null,
  key text collate "C" not null,
  value json not null,
  primary key (collection, key)
)`;

/**
 * One row: which lock appends take, which timeline of the server the last one was on, and from where positions go on.
 * It changes with a fail-over only; the last position is asked of the events' own index.
 */
export const storeTable = (schema: string): string => `
create table ${schema}.store (
  only_row boolean primary key default true check (only_row),
  append_lock bigint not null,
  timeline text not null,
  position_floor bigint not null default 0,
  positions_skipped bigint not null default 0
)`;

export const leasesTable = (schema: string): string => `
create table ${schema}.leases (
  name text collate "C" primary key,
  owner uuid not null,
  expires_at timestamptz not null
)`;

export const lastPositionFunction = (schema: string): string => `
create or replace function ${schema}.last_position() returns bigint
language sql stable
as $last$ select coalesce((select position from ${schema}.events order by position desc limit 1), 0) $last$`;

/** Some managed servers do not say on which timeline they are; they share their storage and lose nothing by a fail-over. */
export const timelineFunction = (schema: string): string => `
do $check$
begin
  perform pg_walfile_name(pg_current_wal_insert_lsn());
  create or replace function ${schema}.server_timeline() returns text language plpgsql stable
    as 'begin return left(pg_walfile_name(pg_current_wal_insert_lsn()), 8); end';
exception when others then
  create or replace function ${schema}.server_timeline() returns text language plpgsql stable
    as 'begin return ''unknown''; end';
end
$check$`;
