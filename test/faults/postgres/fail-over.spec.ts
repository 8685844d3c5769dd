/**
 * The primary dies under load and its standby takes over: by synchronous replication nothing is lost, by asynchronous the
 * newest events may be, and in neither case does a position stand for two events.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { installedPrograms, PostgresServer, type ServerPrograms } from '../../postgres/server.js';
import { isSkipped } from '../real/machine.js';
import { Follower } from './follower.js';
import { Load } from './load.js';
import { expectSound, type Place, storedPlaces } from './stored.js';

const [programs] = installedPrograms();
/** A standby begins as a copy that pg_basebackup makes, and the npm package has none. */
const reason =
  programs === undefined && process.env['CI'] === undefined ? 'apt-get install postgresql' : undefined;

const SCHEMA = 'replicated';
/** Positions behind a fail-over begin at a multiple of it. */
const GAP = 1_000_000_000;
const CALLERS = 32;
const quiet = { warn: () => undefined, error: () => undefined };

let primary: PostgresServer;
let standby: PostgresServer;
let stores: EventStore[];
beforeEach(async () => {
  stores = [];
  primary = await PostgresServer.start(programs as ServerPrograms);
  standby = await PostgresServer.standbyOf(primary, 'standby');
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all([primary.remove(), standby.remove()]);
});

/** A store that is told of both servers. */
async function open(): Promise<EventStore> {
  const hosts = [primary, standby].map(({ port }) => `127.0.0.1:${port}`).join(',');
  const connectionString = `postgres://postgres@${hosts}/postgres`;
  const backend = new PostgresBackend({ connectionString, schema: SCHEMA, connectTimeoutMs: 1_000 });
  const store = await EventStore.open(backend, { logger: quiet });
  stores.push(store);
  return store;
}

async function replicates(state: 'async' | 'sync'): Promise<void> {
  await eventually(async () => {
    const rows = await primary.query('select sync_state, state from pg_stat_replication');
    expect(rows).toEqual([{ sync_state: state, state: 'streaming' }]);
  });
}

const isBehindGap = ({ position }: Place): boolean => position > GAP;

/** Positions count from 1, and from the gap's other side again. */
function expectOneGap(stored: readonly Place[]): void {
  const behind = stored.findIndex(isBehindGap);
  expect(behind).toBeGreaterThan(0);
  expect(stored.map(({ position }) => position)).toEqual(
    stored.map((_, i) => (i < behind ? i + 1 : GAP + i - behind + 1)),
  );
}

describe.skipIf(isSkipped('fail-over', reason))('a primary that dies', () => {
  it('takes nothing with it that was acknowledged, where its standby is synchronous', async () => {
    await primary.query("alter system set synchronous_standby_names = 'standby'");
    await primary.query('select pg_reload_conf()');
    await replicates('sync');
    const [writing, reading] = [await open(), await open()];
    const followers = [new Follower(writing).start(), new Follower(reading).start()];
    const load = new Load(writing, CALLERS);
    await load.progresses();
    await primary.stop('immediate');
    await standby.promote();
    await load.progresses();
    await load.stop();
    const stored = await storedPlaces(standby, SCHEMA);
    for (const follower of followers) await follower.reaches(stored.at(-1)?.position ?? 0);

    expectSound(stored, 'rising');
    expectOneGap(stored);
    load.expectKept(stored);
    for (const { seen } of followers) expect(seen).toEqual(stored);
    expect(load).toMatchObject({ unknown: 0, conflicts: 0 });
    expect(load.acknowledged.size).toBe(stored.length);
    expect(await writing.stats()).toMatchObject({
      totalEvents: stored.length,
      totalAggregates: new Set(stored.map(({ streamId }) => streamId)).size,
    });
  });

  it('may take the newest events with it, but not their positions, where its standby is behind', async () => {
    await replicates('async');
    const [writing, reading] = [await open(), await open()];
    const followers = [new Follower(writing).start(), new Follower(reading).start()];
    const load = new Load(writing, CALLERS);
    await load.progresses();
    // From here on it misses everything.
    await standby.stop();
    await load.progresses();
    const seenBefore = Math.max(...[...load.acknowledged.values()].map(({ position }) => position));
    for (const follower of followers) await follower.reaches(seenBefore);
    await primary.stop('immediate');
    await standby.start();
    await standby.promote();
    await load.progresses();
    await load.stop();
    const stored = await storedPlaces(standby, SCHEMA);
    const last = stored.at(-1)?.position ?? 0;
    for (const follower of followers) await follower.reaches(last);

    expectSound(stored, 'rising');
    expectOneGap(stored);
    expect(load.failures).toEqual([]);
    const kept = new Set(stored.map(({ tag }) => tag));
    const lost = [...load.acknowledged.values()].filter(({ tag }) => !kept.has(tag));
    // Otherwise it has not been tested what becomes of them.
    expect(lost.length).toBeGreaterThan(50);
    expect(stored.length + lost.length).toBeGreaterThan(seenBefore);
    const places = new Map(stored.map(({ position, tag }) => [position, tag]));
    for (const { position, tag } of lost)
      expect([position, places.get(position), tag]).toEqual([position, undefined, tag]);
    for (const { seen } of followers) {
      // What was seen and lost stands between what was kept and what came after.
      expect(seen.filter(({ tag }) => kept.has(tag))).toEqual(stored);
      expect(seen.map(({ position }) => position)).toEqual(
        [...new Set(seen.map(({ position }) => position))].sort((a, b) => a - b),
      );
      expect(seen.filter(isBehindGap)).toEqual(stored.filter(isBehindGap));
    }
    // One that had seen lost events before it was stopped goes on behind the gap.
    const late = new Follower(reading);
    late.seen.push(lost.at(-1) as Place);
    await late.start().reaches(last);
    expect(late.seen.slice(1)).toEqual(stored.filter(isBehindGap));
    expect(await writing.stats()).toMatchObject({ totalEvents: stored.length });
  });
});
