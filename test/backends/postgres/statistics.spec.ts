/** Totals that are counted as far as that is cheap, and estimated beyond. */
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { expect, it } from 'vitest';
import { newSchema, serverUrl, sql } from '../../postgres/schemas.js';
import { openStore } from '../../store/bank.js';

it('streams and snapshots are counted up to 100,000, and estimated beyond', async () => {
  const schema = newSchema();
  const store = await openStore(new PostgresBackend({ connectionString: serverUrl(), schema }));
  const add = async (from: number, to: number): Promise<void> => {
    await sql(
      serverUrl(),
      `insert into ${schema}.events
         select 2 * n - 1 + v, 's-' || n, 1 + v, gen_random_uuid(), 'n', 1, '{}', '{}', now()
         from generate_series(${from}, ${to}) n, generate_series(0, 1) v`,
    );
    await sql(
      serverUrl(),
      `insert into ${schema}.records select 'snapshots', 's-' || n, '{}' from generate_series(${from}, ${to}) n`,
    );
    await sql(serverUrl(), `analyze ${schema}.events`);
    await sql(serverUrl(), `analyze ${schema}.records`);
  };
  await add(1, 100_000);
  expect(await store.stats()).toMatchObject({
    totalEvents: 200_000,
    totalAggregates: 100_000,
    totalSnapshots: 100_000,
    backendSpecific: { streamsAreEstimated: 'false', snapshotsAreEstimated: 'false' },
  });
  await add(100_001, 120_000);
  const { totalEvents, totalAggregates, totalSnapshots, backendSpecific } = await store.stats();
  expect(totalEvents).toBe(240_000);
  expect(backendSpecific).toMatchObject({ streamsAreEstimated: 'true', snapshotsAreEstimated: 'true' });
  for (const total of [totalAggregates, totalSnapshots]) {
    expect(total).toBeGreaterThan(100_000);
    expect(total).toBeLessThan(140_000);
  }
});
