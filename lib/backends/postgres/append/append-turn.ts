/**
 * What all functions that write events have in common: one lock per store, taken before anything else.
 *
 * So positions are given out and become visible in one order: whoever reads `position > P` misses nothing, and needs no
 * logic for gaps. Statements of a volatile function see what is committed when they begin (READ COMMITTED), so what comes
 * after the lock sees every commit before it.
 */
import { Limits } from '../../../core/limits.js';

/** Raised where the transaction's isolation would hide what others have committed meanwhile. */
const ISOLATION_SQLSTATE = 'AF001';

/** How far positions jump where the server may have lost the last ones: more than any replica can be behind. */
const POSITION_GAP = 1_000_000_000;

/** How the functions are run: plans by index however the table grows, and no wait without an end. */
export const APPEND_SETTINGS = `language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set lock_timeout = '${Limits.appendLockTimeoutMs}ms'`;

/** How they begin. Acknowledged has to mean durable, whatever the role or the database has been set to. */
export const APPEND_CHECKS = `if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'an append needs the isolation level READ COMMITTED, and this transaction has another one'
      using errcode = '${ISOLATION_SQLSTATE}';
  end if;
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;`;

/**
 * Waits for this store's turn to append, and sets `first_position` to the next one. It is part of other functions, which
 * declare `kept`, `line` and `first_position`, so that an append does not pay for a call.
 */
export const takeTurn = (schema: string): string => `select * into kept from ${schema}.store;
    perform pg_advisory_xact_lock(kept.append_lock);
    select * into kept from ${schema}.store;
    first_position := greatest(kept.position_floor,
      (select position from ${schema}.events order by position desc limit 1)) + 1;
    line := ${schema}.server_timeline();
    if kept.timeline <> line then
      first_position := ${schema}.enter_timeline(line, first_position);
    end if;`;

/**
 * Called when the server has become another one: a standby was promoted, a backup restored to a point in time. The newest
 * events may have been lost with the old one, and readers may have seen their positions, so none is used again. A timeline that
 * this copy of the store has not been on leaves room for its events as well.
 */
export const enterTimelineFunction = (schema: string): string => `
create or replace function ${schema}.enter_timeline(line text, next_position bigint, out first_position bigint)
${APPEND_SETTINGS}
as $enter$
declare
  kept ${schema}.store;
  timelines bigint := 1;
begin
  select * into kept from ${schema}.store;
  if line ~ '^[0-9A-F]{8}$' and kept.timeline ~ '^[0-9A-F]{8}$' then
    timelines := greatest(1, ('x' || line)::bit(32)::bigint - ('x' || kept.timeline)::bit(32)::bigint);
  end if;
  first_position := ((next_position - 1) / ${POSITION_GAP} + timelines) * ${POSITION_GAP} + 1;
  update ${schema}.store set
    timeline = line,
    position_floor = first_position - 1,
    positions_skipped = positions_skipped + first_position - next_position;
end
$enter$`;

/** The turn alone, for those who write events by other means. */
export const appendTurnFunction = (schema: string): string => `
create or replace function ${schema}.take_append_turn(out first_position bigint)
${APPEND_SETTINGS}
as $turn$
declare
  kept ${schema}.store;
  line text;
begin
  ${APPEND_CHECKS}
    ${takeTurn(schema)}
end
$turn$`;
