/** A server that is gone without a word: its machine lost power, or the network lost its way to it. */
import { EventStore, Limits } from '@allframe/nestjs';
import { PostgresBackend, type PostgresPool } from '@allframe/nestjs/postgres';
import { FakeClock } from '@allframe/nestjs/testing';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../eventually.js';
import { connectionLost, FaultyPool, isAppend } from '../../postgres/faulty-pool.js';
import { newSchema, serverUrl } from '../../postgres/schemas.js';

const silence = (): Promise<never> => new Promise(() => undefined);

it.each([
  ['begin', 'PostgresUnavailableError'],
  ['commit', 'AppendOutcomeUnknownError'],
])('a transaction does not wait for the answer to its %s for ever', async (statement, code) => {
  const clock = new FakeClock();
  const pool = new FaultyPool({ connectionString: serverUrl(), max: 4 });
  onTestFinished(() => pool.end());
  const backend = new PostgresBackend({ pool, schema: newSchema() }, clock);
  const store = await EventStore.open(backend);
  let isSilent = false;
  pool.next(
    ({ text }) => text === statement,
    () => {
      isSilent = true;
      return silence();
    },
  );
  let failure: unknown;
  const transaction = backend.transactions
    .run(async () => undefined)
    .catch((error: unknown) => (failure = error));
  await eventually(() => expect(isSilent).toBe(true));
  await eventually(async () => {
    await clock.advance(5_000);
    expect(failure).toMatchObject({ code });
  });
  await transaction;
  await store.close();
});

it.each([
  ['an append', isAppend, (store: EventStore) => store.append('s-1', [{ type: 'noted', data: {} }])],
  [
    'a record',
    isAppend,
    (store: EventStore) => store.records.write([{ collection: 'c', key: 'k', value: 1 }]),
  ],
  [
    'a read',
    ({ text }: { readonly text: string }) => text.includes('stream_id = $1'),
    (store: EventStore) => store.getEvents('s-1'),
  ],
] as const)(
  '%s does not wait for its answer for ever, and those behind it go on',
  async (what, matches, call) => {
    const clock = new FakeClock();
    const pool = new FaultyPool({ connectionString: serverUrl(), max: 4 });
    onTestFinished(() => pool.end());
    const store = await EventStore.open(new PostgresBackend({ pool, schema: newSchema() }, clock));
    let isSilent = false;
    pool.next(matches, () => {
      isSilent = true;
      return silence();
    });
    const outcome = call(store).then(
      () => 'done',
      (error: unknown) => (error as { code?: string }).code,
    );
    await eventually(() => expect(isSilent).toBe(true));
    const behind = store.append('s-2', [{ type: 'noted', data: {} }]);
    let ended = false;
    void Promise.all([outcome, behind]).then(() => (ended = true));
    await eventually(async () => {
      await clock.advance(5_000);
      expect(ended).toBe(true);
    });
    // An append is repeated by its ids; a record has none, and a read has waited long enough.
    const told = {
      'an append': 'done',
      'a record': 'AppendOutcomeUnknownError',
      'a read': 'PostgresUnavailableError',
    };
    expect(await outcome).toBe(told[what]);
    expect((await behind).version).toBe(1);
    await store.close();
  },
);

it('appends of many calls wait for a database that is away together, and not one after the other', async () => {
  const clock = new FakeClock();
  const pool = new FaultyPool({ connectionString: serverUrl(), max: 4 });
  onTestFinished(() => pool.end());
  let isAway = false;
  const flaky: PostgresPool = {
    connect: () => (isAway ? Promise.reject(connectionLost()) : pool.connect()),
    on: (...args) => pool.on(...args),
    off: (...args) => pool.off(...args),
    end: () => pool.end(),
  };
  const options = { pool: flaky, schema: newSchema(), unavailableTimeoutMs: 10_000, connectTimeoutMs: 1_000 };
  const store = await EventStore.open(new PostgresBackend(options, clock));
  isAway = true;
  const since = clock.now();
  const calls = Array.from({ length: 5 }, () =>
    store
      .append(
        's-1',
        Array.from({ length: Limits.appendBatchEventsMax }, () => ({ type: 'noted', data: {} })),
      )
      .catch((error: unknown) => ({ error, at: clock.now() - since })),
  );
  let ended = false;
  void Promise.all(calls).then(() => (ended = true));
  await eventually(async () => {
    await clock.advance(500);
    expect(ended).toBe(true);
  });
  for (const outcome of await Promise.all(calls)) {
    expect(outcome).toMatchObject({ error: { code: 'PostgresUnavailableError' } });
    expect((outcome as { at: number }).at).toBeLessThan(2 * options.unavailableTimeoutMs);
  }
  await store.close();
});
