/** Figures that cost no more on a hundred million events than on a hundred thousand. */
import { SNAPSHOT_COLLECTION } from '../../../core/commit.js';
import type { Read } from '../database.js';

/** Streams and snapshots that are counted one by one; beyond, the server's own estimate is taken. */
const COUNTED_MAX = 100_000;

export interface Totals {
  readonly events: number;
  readonly streams: Count;
  readonly snapshots: Count;
  readonly positionsSkipped: number;
}

/** How many there are. */
interface Count {
  readonly total: number;
  readonly isEstimated: boolean;
}

export async function totalsOf(read: Read, schema: string): Promise<Totals> {
  const [row] = await read(
    'stats',
    `select greatest(${schema}.last_position(), position_floor) - positions_skipped, positions_skipped from ${schema}.store`,
  );
  return {
    events: Number(row?.[0]),
    positionsSkipped: Number(row?.[1]),
    streams: await countOf(read, `select from ${schema}.events where version = 1`),
    snapshots: await countOf(
      read,
      `select from ${schema}.records where collection = '${SNAPSHOT_COLLECTION}'`,
    ),
  };
}

async function countOf(read: Read, query: string): Promise<Count> {
  const [row] = await read('stats', `select count(*) from (${query} limit ${COUNTED_MAX + 1}) counted`);
  const counted = Number(row?.[0]);
  if (counted <= COUNTED_MAX) return { total: counted, isEstimated: false };
  const [plan] = await read('stats', `explain (format json) ${query}`);
  const [{ Plan: root }] = JSON.parse(plan?.[0] as string) as [{ Plan: { readonly 'Plan Rows': number } }];
  return { total: Math.max(counted, root['Plan Rows']), isEstimated: true };
}
