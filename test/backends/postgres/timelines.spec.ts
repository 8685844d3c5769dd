/** A server that has become another one: what a store's positions do then, with or without events in between. */
import type { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { beforeEach, expect, it } from 'vitest';
import { newSchema, serverUrl, sql } from '../../postgres/schemas.js';
import { numbered, openStore } from '../../store/bank.js';

const GAP = 1_000_000_000;

let schema: string;
let store: EventStore;
beforeEach(async () => {
  schema = newSchema();
  store = await openStore(new PostgresBackend({ connectionString: serverUrl(), schema }));
});

/** The server is on timeline `n` from now on. */
const enter = (n: number): Promise<unknown> =>
  sql(
    serverUrl(),
    `create or replace function ${schema}.server_timeline() returns text language sql stable as $$ select '${n.toString(16).toUpperCase().padStart(8, '0')}' $$`,
  );

const appended = async (): Promise<number> => (await store.append('s', numbered(1))).position;

async function figures(): Promise<readonly [number, string | undefined]> {
  const { totalEvents, backendSpecific } = await store.stats();
  return [totalEvents, backendSpecific['positionsSkipped']];
}

it('goes on behind everything that the one before may have given out', async () => {
  await store.append('s', numbered(3));
  await enter(2);
  expect([await appended(), await appended()]).toEqual([GAP + 1, GAP + 2]);
  expect(await figures()).toEqual([5, String(GAP - 3)]);
  await enter(3);
  expect(await appended()).toBe(2 * GAP + 1);
  expect(await figures()).toEqual([6, String(2 * GAP - 5)]);
});

it('leaves room for a timeline of which it has heard nothing', async () => {
  await appended();
  // A standby that was behind: another one was promoted before it, and has given out what begins at GAP.
  await enter(3);
  expect(await appended()).toBe(2 * GAP + 1);
});

it('counts right where the first append there is refused, or a repetition, twice', async () => {
  const [event] = numbered(1);
  const known = { ...event!, id: '018f4a5e-7c1a-7000-8000-000000000001' };
  await store.append('s', [known]);
  for (const timeline of [2, 3]) {
    await enter(timeline);
    await store.append('s', numbered(1), { expectedVersion: 'noStream' }).catch(() => undefined);
    expect((await store.append('s', [known])).idempotent).toBe(true);
    expect(await figures()).toEqual([1, String((timeline - 1) * GAP - 1)]);
  }
  expect(await appended()).toBe(2 * GAP + 1);
  expect(await figures()).toEqual([2, String(2 * GAP - 1)]);
});

it('jumps where timelines have no number, or a smaller one', async () => {
  await enter(9);
  expect(await appended()).toBeGreaterThan(GAP);
  const before = await appended();
  await enter(4);
  expect(await appended()).toBe(Math.ceil(before / GAP) * GAP + 1);
  await sql(serverUrl(), `update ${schema}.store set timeline = 'unknown'`);
  expect(await appended()).toBe((Math.ceil(before / GAP) + 1) * GAP + 1);
});
