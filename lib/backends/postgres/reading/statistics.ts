/** Figures that cost the same on a hundred million events as on a hundred. */
import { SNAPSHOT_COLLECTION } from '../../../core/commit.js';
import type { Read } from '../database.js';

/** New streams after which the count so far is kept. */
const STREAMS_TO_KEEP = 10_000;
/** Snapshots that are counted one by one; beyond, the server's own estimate is taken. */
const SNAPSHOTS_COUNTED_MAX = 100_000;

export interface Totals {
  readonly events: number;
  readonly streams: number;
  readonly snapshots: number;
  readonly snapshotsAreEstimated: boolean;
  readonly positionsSkipped: number;
}

export async function totalsOf(read: Read, schema: string): Promise<Totals> {
  const [row] = await read(
    'stats',
    `select h.head, s.positions_skipped, c.streams,
       (select count(*) from ${schema}.events where version = 1 and position > c.position and position <= h.head),
       (select count(*) from (
         select from ${schema}.records where collection = '${SNAPSHOT_COLLECTION}' limit ${SNAPSHOTS_COUNTED_MAX + 1}
       ) counted)
     from ${schema}.store s, ${schema}.stream_count c, (select ${schema}.last_position() as head) h`,
  );
  const [head, skipped, counted, more, snapshots] = (row as readonly string[]).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const streams = counted + more;
  if (more > STREAMS_TO_KEEP) await keepStreamCount(read, schema, head, streams);
  const snapshotsAreEstimated = snapshots > SNAPSHOTS_COUNTED_MAX;
  return {
    events: head - skipped,
    streams,
    snapshots: snapshotsAreEstimated ? await estimateSnapshots(read, schema) : snapshots,
    snapshotsAreEstimated,
    positionsSkipped: skipped,
  };
}

async function keepStreamCount(read: Read, schema: string, position: number, streams: number): Promise<void> {
  await read('stats', `update ${schema}.stream_count set position = $1, streams = $2 where position < $1`, [
    position,
    streams,
  ]);
}

async function estimateSnapshots(read: Read, schema: string): Promise<number> {
  const [row] = await read(
    'stats',
    `explain (format json) select from ${schema}.records where collection = '${SNAPSHOT_COLLECTION}'`,
  );
  const [{ Plan: plan }] = JSON.parse(row?.[0] as string) as [{ Plan: Record<string, number> }];
  return plan['Plan Rows'] ?? 0;
}
