/** How a process hears of events: told by others, by asking, and without much of either when nothing happens. */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EventStore, Limits } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions } from '@allframe/nestjs/postgres';
import { FakeClock } from '@allframe/nestjs/testing';
import { eventually } from '../../eventually.js';
import { ObservedPool } from '../../postgres/observed-pool.js';
import { newClient, newSchema, serverUrl, sql } from '../../postgres/schemas.js';
import { numbered, openStore } from '../../store/bank.js';

/** What waits is asked for in these steps; the server answers in its own time. */
const STEP_MS = 20;
const MINUTE_MS = 60_000;

/** A process with a clock that a test moves: while it stands nothing is asked for by time. */
interface Process {
  readonly store: EventStore;
  readonly backend: PostgresBackend;
  readonly clock: FakeClock;
  readonly pool: ObservedPool;
}

async function newProcess(schema: string, options: PostgresOptions = {}): Promise<Process> {
  const clock = new FakeClock();
  const pool = new ObservedPool({ connectionString: serverUrl(), application_name: schema, max: 4 });
  // Registered first, so it is done last.
  onTestFinished(() => pool.end());
  const backend = new PostgresBackend({ pool, schema, ...options }, clock);
  return { backend, clock, pool, store: await openStore(backend) };
}

/** The positions that a subscription is given. */
function positionsOf({ store }: Process): readonly number[] {
  const seen: number[] = [];
  // Not from now on, which would be whenever the server answers.
  store.subscribe(({ position }) => void seen.push(position), { after: 0 });
  return seen;
}

/** Moves time on as slowly as the server answers. */
async function pass({ clock, pool }: Process, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    await clock.advance(STEP_MS);
    await pool.quiet();
  }
}

/** A process whose subscription listens, and that asks for nothing while its clock stands. */
async function listening(schema: string): Promise<Process & { readonly seen: readonly number[] }> {
  const process = await newProcess(schema);
  const seen = positionsOf(process);
  await eventually(() => expect(process.pool.with('listen ')).toHaveLength(1));
  await process.pool.quiet();
  return { ...process, seen };
}

const writerOf = (schema: string): Promise<EventStore> =>
  openStore(new PostgresBackend({ connectionString: serverUrl(), schema }));

describe('a subscription', () => {
  it('is woken by what another process tells, without any time passing', async () => {
    const schema = newSchema();
    const reader = await listening(schema);
    const writer = await writerOf(schema);
    for (const position of [1, 2, 3]) {
      await writer.append('s', numbered(1));
      await eventually(() => expect(reader.seen.at(-1)).toBe(position));
    }
    expect(reader.seen).toEqual([1, 2, 3]);
  });

  it('is not woken by another store of the same database', async () => {
    const schema = newSchema();
    const reader = await listening(schema);
    const elsewhere = await writerOf(newSchema());
    await elsewhere.append('s', numbered(1));
    const reads = reader.pool.statements.length;
    await (await writerOf(schema)).append('s', numbered(1));
    await eventually(() => expect(reader.seen).toEqual([1]));
    // Told of the other one first, it would have read once more.
    expect(reader.pool.statements.length - reads).toBeLessThanOrEqual(2);
  });

  it('hears of others by asking alone where it is told to poll, within seconds', async () => {
    const schema = newSchema();
    const reader = await newProcess(schema, { wakeUp: 'poll' });
    const seen = positionsOf(reader);
    await pass(reader, 10_000);
    await (await writerOf(schema)).append('s', numbered(2));
    await reader.pool.quiet();
    expect(seen).toEqual([]);
    await pass(reader, Limits.pollDelayMaxMs);
    await eventually(() => expect(seen).toEqual([1, 2]));
    expect(reader.pool.with('listen ')).toEqual([]);
    await reader.store.append('s', numbered(1));
    await reader.pool.quiet();
    expect(reader.pool.with('notify')).toEqual([]);
  });

  it('misses nothing when a notification is lost', async () => {
    const schema = newSchema();
    const reader = await listening(schema);
    await pass(reader, 2 * Limits.pollDelayNotifiedMs);
    const silent = await openStore(
      new PostgresBackend({ connectionString: serverUrl(), schema, wakeUp: 'poll' }),
    );
    await silent.append('s', numbered(1));
    await pass(reader, Limits.pollDelayNotifiedMs);
    await eventually(() => expect(reader.seen).toEqual([1]));
  });

  it('goes on when the connection that listens is cut, and listens again', async () => {
    const schema = newSchema();
    const reader = await listening(schema);
    const writer = await writerOf(schema);
    for (let cuts = 1; cuts <= 3; cuts++) {
      const ended = await sql(
        serverUrl(),
        `select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = $1 and query like 'listen %'`,
        [schema],
      );
      expect(ended).toHaveLength(1);
      await writer.append('s', numbered(1));
      // Asked for in the meantime.
      await eventually(async () => {
        await pass(reader, STEP_MS);
        expect(reader.seen).toHaveLength(2 * cuts - 1);
        expect(reader.pool.with('listen ')).toHaveLength(1 + cuts);
      });
      await reader.pool.quiet();
      // And told of again: time stands.
      await writer.append('s', numbered(1));
      await eventually(() => expect(reader.seen).toHaveLength(2 * cuts));
    }
    expect(reader.seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is not kept from an event by one before it that was taken back to a savepoint', async () => {
    const schema = newSchema();
    const reader = await newProcess(schema, { wakeUp: 'poll' });
    const seen = positionsOf(reader);
    await pass(reader, 10_000);
    const client = await newClient();
    await reader.backend.withTransaction(client, async (transaction) => {
      await client.query('savepoint before');
      await reader.store.within(transaction).append('s', numbered(1));
      await client.query('rollback to savepoint before');
    });
    await reader.pool.quiet();
    // It takes the position that was given back.
    expect((await (await writerOf(schema)).append('s', numbered(1))).position).toBe(1);
    await pass(reader, 2 * Limits.pollDelayMaxMs);
    await eventually(() => expect(seen).toEqual([1]));
  });
});

describe('a process in which nothing happens', () => {
  it.each(['notify', 'poll'] as const)(
    'asks less than once a second while it watches (%s)',
    async (wakeUp) => {
      const reader = await newProcess(newSchema(), { wakeUp });
      positionsOf(reader);
      await reader.pool.quiet();
      const before = reader.pool.statements.length;
      await pass(reader, MINUTE_MS);
      const asked = reader.pool.statements.length - before;
      expect(asked).toBeGreaterThan(0);
      expect(asked).toBeLessThanOrEqual(60);
    },
  );

  it('asks nothing where nobody watches', async () => {
    const idle = await newProcess(newSchema());
    await idle.pool.quiet();
    const before = idle.pool.statements.length;
    await pass(idle, 5_000);
    expect(idle.pool.statements.length).toBe(before);
    expect(idle.clock.pending).toBe(0);
  });

  it('leaves no timer and no listener when it is closed', async () => {
    const reader = await listening(newSchema());
    await pass(reader, 1_000);
    await reader.store.close();
    await reader.pool.quiet();
    expect(reader.clock.pending).toBe(0);
  });
});

describe('a notification', () => {
  it('comes after the commit it tells of, and in no transaction', async () => {
    const schema = newSchema();
    const writer = await newProcess(schema);
    await writer.store.append('s', numbered(2));
    await writer.pool.quiet();
    const sent = writer.pool.statements.slice(-2);
    expect(sent.map(({ text }) => /append_commits|pg_notify/.exec(text)?.[0])).toEqual([
      'append_commits',
      'pg_notify',
    ]);
    expect(sent[1]).toMatchObject({ values: [expect.stringMatching(/^allframe_/)], beside: [] });
    // Nor does the function that appends do it.
    const telling = await sql(
      serverUrl(),
      `select proname from pg_proc where pronamespace = to_regnamespace($1) and prosrc ~* 'notify'`,
      [schema],
    );
    expect(telling).toEqual([]);
  });

  it('of a transaction of the user’s own is none of its statements', async () => {
    const writer = await newProcess(newSchema());
    const own = new ObservedPool({ connectionString: serverUrl(), max: 1 });
    onTestFinished(() => own.end());
    const client = await own.connect();
    await writer.backend.withTransaction(client, async (transaction) => {
      await writer.store.within(transaction).append('s', numbered(1));
      await writer.pool.quiet();
      expect(writer.pool.with('pg_notify(')).toEqual([]);
    });
    client.release();
    await writer.pool.quiet();
    expect(writer.pool.with('pg_notify(')).toHaveLength(1);
    expect(own.statements.map(({ text }) => /^begin|^set|append_commits|^commit/.exec(text)?.[0])).toEqual([
      'begin',
      'set',
      'append_commits',
      'commit',
    ]);
  });

  it('tells of many appends at once, and how far they go', async () => {
    const schema = newSchema();
    const writer = await newProcess(schema);
    for (let n = 0; n < 50; n++) await writer.store.append('s', numbered(1));
    await writer.pool.quiet();
    const [first, ...more] = writer.pool.with('pg_notify(');
    expect(more).toEqual([]);

    const told: (string | undefined)[] = [];
    const client = await newClient();
    client.on('notification', ({ payload }) => void told.push(payload));
    await client.query(`listen ${pg.escapeIdentifier(first?.values[0] as string)}`);
    await writer.clock.advance(Limits.notifyEveryMs);
    await eventually(() => expect(told).toEqual(['50']));
    await writer.clock.advance(MINUTE_MS);
    await writer.pool.quiet();
    expect(writer.pool.with('pg_notify(')).toHaveLength(2);
  });

  it('is not sent for commits without events', async () => {
    const writer = await newProcess(newSchema());
    await writer.store.records.write([{ collection: 'c', key: 'k', value: 1 }]);
    await expect(writer.store.append('s', numbered(1), { expectedVersion: 3 })).rejects.toThrow();
    await writer.pool.quiet();
    expect(writer.pool.with('pg_notify(')).toEqual([]);
  });
});
