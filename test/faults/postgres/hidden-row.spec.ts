/**
 * An append that has taken its position and stays invisible for as long as the test wants: no other event may become
 * visible before it, or readers that have gone past its position would never see it.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStore, RecordConflictError } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { Follower } from './follower.js';
import { expectSound, storedPlaces } from './stored.js';

/** The advisory lock that keeps the row back. */
const KEPT_BACK = 4711;

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

let schema: string;
let one: EventStore;
let two: EventStore;
let followers: readonly Follower[];
let own: pg.Client;
beforeEach(async () => {
  schema = `hidden-${randomUUID()}`;
  const open = (): Promise<EventStore> =>
    EventStore.open(new PostgresBackend({ connectionString: server.url, schema }));
  [one, two] = await Promise.all([open(), open()]);
  followers = [new Follower(one).start(), new Follower(two).start()];
  own = new pg.Client({ connectionString: server.url });
  await own.connect();
});
afterEach(async () => {
  await own.end();
  await Promise.all([one.close(), two.close()]);
});

const noted = (tag: string): { type: string; data: { tag: string } } => ({ type: 'noted', data: { tag } });
const tagsOf = (places: readonly { readonly tag: string }[]): string[] => places.map(({ tag }) => tag);

/** Resolves when so many connections wait for a lock that others have. */
async function waiters(count: number): Promise<void> {
  await eventually(async () => {
    const rows = await server.query("select from pg_locks where not granted and locktype = 'advisory'");
    expect(rows).toHaveLength(count);
  });
}

/** Appends of other streams by both backends, none of which may overtake; they wait. */
function appendBehind(): Promise<unknown> {
  return Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? one : two).append(`s-${i % 3}`, [noted(`behind ${i}`)]),
    ),
  );
}

/** Nothing is visible but what was there before, and what needs no position goes on. */
async function expectOthersGoOn(): Promise<void> {
  for (const store of [one, two]) {
    expect(await store.head()).toBe(1);
    expect(tagsOf((await store.getEvents('s-0')).map(({ data }) => data as { tag: string }))).toEqual([
      'before',
    ]);
    await store.records.write([{ collection: 'c', key: 'k', value: 'written' }]);
    expect(await store.records.get('c', 'k')).toBe('written');
    const conflict = store.records.write([{ collection: 'c', key: 'k', value: 1, expected: 2 }]);
    await expect(conflict).rejects.toThrow(RecordConflictError);
  }
  expect(tagsOf(await storedPlaces(server, schema))).toEqual(['before']);
  for (const { seen } of followers) expect(tagsOf(seen)).toEqual(['before']);
}

/** Everything has been delivered to both readers, in order, each once. */
async function expectAllDelivered(count: number): Promise<readonly string[]> {
  const stored = await storedPlaces(server, schema);
  expect(stored).toHaveLength(count);
  expectSound(stored, 'gapless');
  for (const follower of followers) {
    await follower.reaches(count);
    expect(follower.seen).toEqual(stored);
  }
  return tagsOf(stored);
}

describe('a row that is inserted and not yet visible', () => {
  it('holds back what comes after it, and is delivered before it', async () => {
    const name = pg.escapeIdentifier(schema);
    await server.query(
      `create function ${name}.keep_back() returns trigger language plpgsql as $$
       begin perform pg_advisory_xact_lock_shared(${KEPT_BACK}); return new; end $$`,
    );
    await server.query(
      `create trigger keep_back before insert on ${name}.events for each row when (new.stream_id = 'held')
       execute function ${name}.keep_back()`,
    );
    await one.append('s-0', [noted('before')]);
    for (const follower of followers) await follower.reaches(1);
    await own.query('select pg_advisory_lock($1)', [KEPT_BACK]);
    const held = one.append('held', [noted('held')]);
    await waiters(1);
    const behind = appendBehind();
    // One's own wait for the call that is under way, the other's for the right to append.
    await waiters(2);
    await expectOthersGoOn();
    await own.query('select pg_advisory_unlock($1)', [KEPT_BACK]);
    expect(await held).toMatchObject({ position: 2 });
    await behind;
    const tags = await expectAllDelivered(22);
    expect(tags.slice(0, 2)).toEqual(['before', 'held']);
  });
});

describe.each(['committed', 'rolled back'] as const)(
  'a transaction that has appended, stays open and is %s',
  (end) => {
    it('holds back what comes after it, and leaves no gap', async () => {
      await one.append('s-0', [noted('before')]);
      for (const follower of followers) await follower.reaches(1);
      let finish: () => void = () => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      let begun: () => void = () => undefined;
      const hasAppended = new Promise<void>((resolve) => (begun = resolve));
      const transaction = (one.backend as PostgresBackend).withTransaction(own, async (inside) => {
        const store = one.within(inside);
        await store.append('held', [noted('held')], { expectedVersion: 'noStream' });
        await store.append('held', [noted('held, too')], { expectedVersion: 1 });
        begun();
        await finished;
        if (end === 'rolled back') throw new Error('undo');
      });
      await hasAppended;
      const behind = appendBehind();
      await waiters(2);
      await expectOthersGoOn();
      finish();
      if (end === 'committed') await transaction;
      else await expect(transaction).rejects.toThrow('undo');
      await behind;
      const tags = await expectAllDelivered(end === 'committed' ? 23 : 21);
      const held = end === 'committed' ? ['held', 'held, too'] : [];
      expect(tags.filter((tag) => tag.startsWith('held'))).toEqual(held);
      expect(tags.slice(1, 1 + held.length)).toEqual(held);
      // Nobody who was kept waiting believes in versions that were taken back.
      const version = held.length;
      expect(await two.append('held', [noted('last')], { expectedVersion: version })).toMatchObject({
        version: version + 1,
      });
    });
  },
);
