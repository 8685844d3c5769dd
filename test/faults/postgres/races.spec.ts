/** Two backends on one schema, as two processes have them, after the same streams and records at the same time. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStore, RecordConflictError, WrongExpectedVersionError } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions, PostgresRequestError } from '@allframe/nestjs/postgres';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { seeded, seededRandom } from '../../store/seed.js';
import { expectSound, storedPlaces } from './stored.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

let schema: string;
let opened: EventStore[];
beforeEach(() => {
  schema = `races-${randomUUID()}`;
  opened = [];
});
afterEach(() => Promise.all(opened.map((store) => store.close())));

async function open(options: PostgresOptions = {}): Promise<EventStore> {
  const store = await EventStore.open(
    new PostgresBackend({ connectionString: server.url, schema, ...options }),
  );
  opened.push(store);
  return store;
}

const both = (): Promise<[EventStore, EventStore]> => Promise.all([open(), open()]);
const event = (tag: string): { type: string; data: unknown } => ({ type: 'raced', data: { tag } });

function winnersAndLosers<T>(all: readonly PromiseSettledResult<T>[]): { won: T[]; lost: unknown[] } {
  return {
    won: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    lost: all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])),
  };
}

describe('appends that race over two backends', () => {
  it.each(['noStream', 0] as const)('have one winner of sixteen that expect %s', async (expectedVersion) => {
    const stores = await both();
    for (let round = 0; round < 10; round++) {
      const race = Array.from({ length: 16 }, (_, i) =>
        stores[i % 2 === 0 ? 0 : 1].append(`s-${round}`, [event(`${round}.${i}`)], { expectedVersion }),
      );
      const { won, lost } = winnersAndLosers(await Promise.allSettled(race));
      expect(won).toMatchObject([{ version: 1, idempotent: false }]);
      expect(lost).toHaveLength(15);
      for (const error of lost) {
        expect(error).toBeInstanceOf(WrongExpectedVersionError);
        expect(error).toMatchObject({ streamId: `s-${round}`, expected: expectedVersion, actual: 1 });
      }
    }
    const stored = await storedPlaces(server, schema);
    expect(stored).toHaveLength(10);
    expectSound(stored, 'gapless');
  });

  it('are all accepted where they expect nothing', async () => {
    const stores = await both();
    const race = Array.from({ length: 50 }, (_, i) =>
      stores[i % 2 === 0 ? 0 : 1].append('s-1', [event(`${i}`)]),
    );
    const results = await Promise.all(race);
    const byVersion = results.map(({ version }) => version).sort((a, b) => a - b);
    expect(byVersion).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expectSound(await storedPlaces(server, schema), 'gapless');
  });

  it('leave the stream writable for the losers', async () => {
    const [one, two] = await both();
    await one.append('s-1', [event('a')], { expectedVersion: 'noStream' });
    await expect(two.append('s-1', [event('b')], { expectedVersion: 'noStream' })).rejects.toThrow(
      WrongExpectedVersionError,
    );
    expect(await two.append('s-1', [event('b')], { expectedVersion: 1 })).toMatchObject({ version: 2 });
    expect(await one.append('s-1', [event('c')], { expectedVersion: 2 })).toMatchObject({ version: 3 });
  });
});

describe('appends that take turns over two backends', () => {
  /** Each backend remembers versions, and each append of the other one makes what it remembers wrong. */
  it(seeded('conflict exactly where their version is wrong, whatever a backend remembers'), async () => {
    const stores = await both();
    const random = seededRandom();
    const versions = new Map<string, number>();
    let tag = 0;
    for (let step = 0; step < 400; step++) {
      const store = random() < 0.5 ? stores[0] : stores[1];
      const appends = Array.from({ length: random() < 0.6 ? 1 : 3 }, async () => {
        const streamId = `s-${Math.floor(random() * 6)}`;
        const actual = versions.get(streamId) ?? 0;
        const events = Array.from({ length: random() < 0.7 ? 1 : 2 }, () => event(`${++tag}`));
        if (random() < 0.15) {
          const expectedVersion = actual + (random() < 0.5 && actual > 0 ? -1 : 1);
          const append = store.append(streamId, events, { expectedVersion });
          await expect(append).rejects.toMatchObject({ code: 'WrongExpectedVersionError', streamId, actual });
          return;
        }
        // Those of one turn go with one call, in this order.
        versions.set(streamId, actual + events.length);
        const expectedVersion = random() < 0.8 ? actual : 'any';
        const result = await store.append(streamId, events, { expectedVersion });
        expect(result).toMatchObject({ fromVersion: actual + 1, version: actual + events.length });
      });
      await Promise.all(appends);
    }
    expectSound(await storedPlaces(server, schema), 'gapless');
  });

  it('know what was appended in a transaction, and not what was rolled back there', async () => {
    const [one, two] = await both();
    await one.append('s-1', [event('a')], { expectedVersion: 'noStream' });
    const backend = two.backend as PostgresBackend;
    for (const commits of [true, false]) {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      const done = backend.withTransaction(client, async (transaction) => {
        const version = commits ? 1 : 2;
        const inside = two.within(transaction);
        await inside.append('s-1', [event(`in ${commits}`)], { expectedVersion: version });
        if (!commits) throw new Error('undo');
      });
      await (commits ? done : expect(done).rejects.toThrow('undo'));
      await client.end();
    }
    expect(await one.append('s-1', [event('b')], { expectedVersion: 2 })).toMatchObject({
      version: 3,
      position: 3,
    });
    expectSound(await storedPlaces(server, schema), 'gapless');
  });
});

describe('an append that the server refuses', () => {
  it('fails alone among the two hundred that went with it', async () => {
    const store = await open({ data: 'jsonb' });
    const tags = Array.from({ length: 200 }, (_, i) => `${i}`);
    const all = await Promise.allSettled(
      tags.map((tag, i) =>
        i === 77
          ? store.append('s-bad', [{ type: 'raced', data: { tag: `NUL: \u0000` } }])
          : store.append(`s-${i % 10}`, [event(tag)]),
      ),
    );
    const { won, lost } = winnersAndLosers(all);
    expect(lost).toEqual([expect.any(PostgresRequestError)]);
    expect(lost).toMatchObject([{ sqlState: '22P05' }]);
    expect(won).toHaveLength(199);
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    expect(stored.map(({ tag }) => tag)).toEqual(tags.filter((_, i) => i !== 77));
  });
});

describe('records that are compared and set over two backends', () => {
  it.each([
    ['does not exist', null],
    ['exists', { round: 'before' }],
  ])('have one winner of sixteen where the record %s', async (_, expected) => {
    const stores = await both();
    for (let round = 0; round < 10; round++) {
      const at = { collection: 'raced', key: `r-${round}` };
      if (expected !== null) await stores[0].records.write([{ ...at, value: expected }]);
      const race = Array.from({ length: 16 }, async (__, i) => {
        const store = stores[i % 2 === 0 ? 0 : 1];
        const records = [{ ...at, value: { winner: i }, expected }];
        const tag = `${round}.${i}`;
        // Those with events go another way into the database than those without.
        if (i % 4 < 2) await store.records.write(records);
        else await store.appendAll([{ streamId: `w-${i}`, events: [event(tag)] }], { records });
        return { winner: i, tags: i % 4 < 2 ? [] : [tag] };
      });
      const { won, lost } = winnersAndLosers(await Promise.allSettled(race));
      expect(won).toHaveLength(1);
      for (const error of lost) expect(error).toBeInstanceOf(RecordConflictError);
      expect(await stores[1].records.get(at.collection, at.key)).toEqual({ winner: won[0]?.winner });
      // The events of the losers are not there either.
      const tags = (await storedPlaces(server, schema)).map(({ tag }) => tag);
      expect(tags.filter((tag) => tag.startsWith(`${round}.`))).toEqual(won[0]?.tags);
    }
    expectSound(await storedPlaces(server, schema), 'gapless');
  });
});
