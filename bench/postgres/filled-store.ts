/** Stores with millions of events, written by the server itself: what is measured is what comes after. */
import type { EventStore } from '@allframe/nestjs';
import { inStore, withPool } from './benched-server.js';

export const STREAM_EVENTS = 100;

/** Gives `work` a store of `total` events, `STREAM_EVENTS` in each of `stream-0`, `stream-1` and so on, turn by turn. */
export function inFilledStore<T>(
  url: string,
  total: number,
  work: (store: EventStore, schema: string) => Promise<T>,
): Promise<T> {
  return inStore(url, async (store, schema) => {
    const streams = Math.ceil(total / STREAM_EVENTS);
    await withPool(url, 1, async (pool) => {
      await pool.query(
        `insert into ${schema}.events (position, stream_id, version, id, type, schema_version, data, metadata, recorded_at)
         select n + 1, 'stream-' || n % $2::bigint, n / $2::bigint + 1, gen_random_uuid(), 'bench.event', 1,
           ('{"index":' || n || ',"data":"payload"}')::json, '{}', now()
         from generate_series(0, $1::bigint - 1) n`,
        [total, streams],
      );
      await pool.query(`vacuum analyze ${schema}.events`);
    });
    return work(store, schema);
  });
}
