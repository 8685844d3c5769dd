/** Calls with many commits that the server refuses as a whole: for one of them, or for none of them in particular. */
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { expect, it, onTestFinished } from 'vitest';
import { FaultyPool, isAppend, refusedWith } from '../../postgres/faulty-pool.js';
import { newSchema, serverUrl } from '../../postgres/schemas.js';

async function opened() {
  const pool = new FaultyPool({ connectionString: serverUrl(), max: 3 });
  const store = await EventStore.open(new PostgresBackend({ pool, schema: newSchema() }));
  onTestFinished(async () => {
    await store.close();
    await pool.end();
  });
  const appends = (): Promise<PromiseSettledResult<unknown>[]> =>
    Promise.allSettled(
      Array.from({ length: 5 }, (_, i) => store.append(`s-${i}`, [{ type: 'noted', data: {} }])),
    );
  return { pool, store, appends };
}

it.each([
  ['takes longer than the role may', '57014'],
  ['holds something that the server does not take', '22P05'],
])('are sent one by one where a call %s', async (_, sqlState) => {
  const { pool, store, appends } = await opened();
  pool.next(isAppend, () => Promise.reject(refusedWith(sqlState)));
  for (const { status } of await appends()) expect(status).toBe('fulfilled');
  expect(await store.head()).toBe(5);
});

it.each(['53100', '55P03', '42501'])('are all refused by what concerns everybody (%s)', async (sqlState) => {
  const { pool, store, appends } = await opened();
  pool.next(isAppend, () => Promise.reject(refusedWith(sqlState)));
  for (const outcome of await appends()) {
    expect(outcome).toMatchObject({ reason: { code: 'PostgresRequestError', sqlState } });
  }
  expect(await store.head()).toBe(0);
});
