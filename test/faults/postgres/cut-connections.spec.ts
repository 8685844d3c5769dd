/** Connections that are cut at every step of an append, a read and a transaction: nothing is lost, doubled or denied. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppendOutcomeUnknownError, EventStore } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions, PostgresUnavailableError } from '@allframe/nestjs/postgres';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { eventually } from '../../eventually.js';
import { type Cut, Relay } from './relay.js';
import { expectSound, storedPlaces } from './stored.js';

const CUTS: readonly Cut[] = ['before', 'after'];
/** To connect, to say who is there, to be let in, to ask and to be answered. */
const STEPS_LEAST = 5;

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

let schema: string;
let relay: Relay;
let pool: pg.Pool;
let store: EventStore;
beforeEach(async () => {
  schema = `cut-${randomUUID()}`;
  relay = await Relay.start(server.port);
  pool = new pg.Pool({ connectionString: relay.url });
});
afterEach(async () => {
  await store.close();
  await pool.end();
  await relay.close();
});

/** Without notifications, each of which takes a connection of its own. */
async function open(options: PostgresOptions = {}): Promise<EventStore> {
  return EventStore.open(new PostgresBackend({ pool, schema, wakeUp: 'poll', ...options }));
}

interface Noted {
  readonly type: string;
  readonly id?: string;
  readonly data: { readonly tag: string };
}

const noted = (tag: string, id?: string): Noted => ({
  type: 'noted',
  data: { tag },
  ...(id === undefined ? {} : { id }),
});

/** Does something again and again, with the connection cut one step later each time, until no step is left to be cut. */
async function atEachStep(cut: Cut, act: (step: number) => Promise<void>): Promise<void> {
  for (let step = 1; ; step++) {
    // It begins with connecting, and not with a connection of which nobody knows yet that it is none.
    relay.cutAll();
    await eventually(() => expect(pool.totalCount).toBe(0));
    relay.cutAt(step, cut);
    await act(step);
    relay.disarm();
    if (relay.hasCut) continue;
    expect(step - 1).toBeGreaterThanOrEqual(STEPS_LEAST);
    return;
  }
}

/** What a promise is rejected with, if it is. */
function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

async function isStored(wanted: string): Promise<boolean> {
  return (await storedPlaces(server, schema)).some(({ tag }) => tag === wanted);
}

describe.each(CUTS)('a connection that is cut %s each step', (cut) => {
  it('is made up for by an append that waits for the database', async () => {
    store = await open();
    const tags: string[] = [];
    await atEachStep(cut, async (step) => {
      const [any, expected, given] = [`${step} any`, `${step} expected`, `${step} given`] as const;
      tags.push(any, expected, given);
      const results = await Promise.all([
        store.append('any', [noted(any)]),
        store.append('expected', [noted(expected)], { expectedVersion: step - 1 }),
        store.append('given', [noted(given, randomUUID())], { expectedVersion: step - 1 }),
      ]);
      // Whoever gives no ids repeats nothing, whatever had to be done for it.
      for (const result of results.slice(0, 2)) {
        expect(result).toMatchObject({ version: step, idempotent: false });
      }
      expect(results[2]).toMatchObject({ version: step });
    });
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    expect(stored.map(({ tag }) => tag)).toEqual(tags);
  });

  it('is made up for by a lone append, which goes another way', async () => {
    store = await open();
    const tags: string[] = [];
    await atEachStep(cut, async (step) => {
      tags.push(`${step}`);
      const result = await store.append('s-1', [noted(`${step}`)], { expectedVersion: step - 1 });
      expect(result).toMatchObject({ version: step, idempotent: false });
    });
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    expect(stored.map(({ tag }) => tag)).toEqual(tags);
  });

  it('is told of truly by an append that does not wait, and a repetition doubles nothing', async () => {
    store = await open({ unavailableTimeoutMs: 0 });
    const outcomes = new Set<unknown>();
    const tags: string[] = [];
    await atEachStep(cut, async (step) => {
      const tag = `${step}`;
      tags.push(tag);
      const id = randomUUID();
      const error = await failureOf(store.append('s-1', [noted(tag, id)]));
      relay.disarm();
      const { code } = (error ?? {}) as { code?: string };
      outcomes.add(code);
      if (error instanceof AppendOutcomeUnknownError) expect(error.eventIds).toEqual([id]);
      else {
        if (error !== undefined) expect(error).toBeInstanceOf(PostgresUnavailableError);
        expect(await isStored(tag)).toBe(error === undefined);
      }
      const again = await store.append('s-1', [noted(tag, id)]);
      expect(again).toMatchObject({ version: step });
      if (error === undefined) expect(again.idempotent).toBe(true);
    });
    const stored = await storedPlaces(server, schema);
    expectSound(stored, 'gapless');
    expect(stored.map(({ tag }) => tag)).toEqual(tags);
    expect(outcomes).toContain(undefined);
    expect(outcomes).toContain('AppendOutcomeUnknownError');
  });

  it('is made up for by a read that waits for the database', async () => {
    store = await open();
    await store.append('s-1', [noted('a'), noted('b')]);
    await store.records.write([{ collection: 'c', key: 'k', value: 1 }]);
    await atEachStep(cut, async () => {
      expect(await store.getEvents('s-1')).toHaveLength(2);
      expect(await store.records.get('c', 'k')).toBe(1);
      expect(await store.head()).toBe(2);
    });
  });

  it('is called unavailability by a read that does not wait', async () => {
    store = await open({ unavailableTimeoutMs: 0 });
    await store.append('s-1', [noted('a'), noted('b')]);
    await atEachStep(cut, async () => {
      const error = await failureOf(store.getEvents('s-1'));
      if (error !== undefined) expect(error).toBeInstanceOf(PostgresUnavailableError);
    });
  });

  it('leaves a transaction done or undone, with the rows that went with it, and says so', async () => {
    store = await open();
    const table = pg.escapeIdentifier(`rows of ${schema}`);
    await server.query(`create table ${table} (tag text)`);
    const backend = store.backend as PostgresBackend;
    const client = (): pg.Client => new pg.Client({ connectionString: relay.url });
    const outcomes = new Set<unknown>();
    await atEachStep(cut, async (step) => {
      const tag = `${step}`;
      const own = client();
      own.on('error', () => undefined);
      const error = await failureOf(
        own.connect().then(() =>
          backend.withTransaction(own, async (transaction) => {
            await own.query(`insert into ${table} values ($1)`, [tag]);
            await store.within(transaction).append('s-1', [noted(tag)]);
          }),
        ),
      );
      relay.disarm();
      await failureOf(own.end());
      const { code } = (error ?? {}) as { code?: string };
      outcomes.add(code);
      // Nobody appends while the server has not noticed, so the next append shows what has become of it.
      await store.append('s-2', [noted(`behind ${tag}`)]);
      const rows = await server.query(`select from ${table} where tag = $1`, [tag]);
      expect(await isStored(tag)).toBe(rows.length === 1);
      if (!(error instanceof AppendOutcomeUnknownError)) expect(rows.length === 1).toBe(error === undefined);
    });
    expectSound(await storedPlaces(server, schema), 'gapless');
    expect(outcomes).toContain(undefined);
    expect(outcomes).toContain('AppendOutcomeUnknownError');
  });
});
