/** Projections of several processes on one database: each runs in one of them, and goes on in another. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type EventStore, Limits, type ProjectionRegistry } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions } from '@allframe/nestjs/postgres';
import { FakeClock } from '@allframe/nestjs/testing';
import type { ProjectionDefinition } from '../../lib/projections/projection-runner.js';
import { eventually } from '../eventually.js';
import { FaultyPool, refusedWith } from '../postgres/faulty-pool.js';
import { newSchema, serverUrl, sql } from '../postgres/schemas.js';
import { numbered, openStore } from '../store/bank.js';
import { gate, isSettled, turns } from '../store/gate.js';
import { Reports } from '../store/reports.js';
import { projection, readerOf, registered } from './hand-made.js';

/** One process: its leases and its patience go by a clock that a test moves. */
interface Process {
  readonly store: EventStore;
  readonly clock: FakeClock;
  readonly registry: ProjectionRegistry;
  readonly logger: Reports;
  /** The positions that its projection has handled. */
  readonly handled: number[];
}

type Options = Partial<Pick<ProjectionDefinition, 'state' | 'version'>> & {
  readonly backend?: PostgresOptions;
  readonly before?: (position: number) => Promise<void>;
};

/** A process with the projection `p` that has not started it. */
async function newProcess(schema: string, { backend, before, ...options }: Options = {}): Promise<Process> {
  const [clock, logger, handled] = [new FakeClock(), new Reports(), [] as number[]];
  const store = await openStore(
    new PostgresBackend({ schema, ...(backend ?? { connectionString: serverUrl() }) }),
    { clock, logger },
  );
  const definition = projection(
    'p',
    async ({ position }) => {
      handled.push(position);
      await before?.(position);
    },
    options,
  );
  return { store, clock, registry: registered(store, definition), logger, handled };
}

const stateOf = ({ registry }: Process): string => registry.status('p').state;

/** Starts it, and waits until it is in that state and has asked for its lease. */
async function started(process: Process, state: 'running' | 'standby'): Promise<void> {
  process.registry.start();
  // The pause before the next renewal is what follows the first answer.
  await eventually(() => expect(process.clock.pending).toBeGreaterThan(0));
  await eventually(() => expect(stateOf(process)).toBe(state));
}

/** Lets so much time pass that a lease that is free is taken. */
async function takesOver(process: Process): Promise<void> {
  await eventually(async () => {
    await process.clock.advance(Limits.leaseRenewMs);
    expect(stateOf(process)).toBe('running');
  });
}

/** As if so much time had passed that the owner's lease had run out. */
async function expire(schema: string): Promise<void> {
  await sql(serverUrl(), `update ${schema}.leases set expires_at = now() - interval '1 second'`);
}

async function checkpointAt({ store }: Process, position: number): Promise<void> {
  await eventually(async () => expect((await store.checkpoints.load(readerOf('p'))).position).toBe(position));
}

describe('a projection of several processes', () => {
  it('runs in one of them, and stands by in the others', async () => {
    const schema = newSchema();
    const [first, second] = [await newProcess(schema), await newProcess(schema)];
    await started(first, 'running');
    await started(second, 'standby');
    await second.store.append('s', numbered(5));
    await first.registry.waitFor('p', 5);
    for (let renewals = 0; renewals < 5; renewals++) {
      await first.clock.advance(Limits.leaseRenewMs);
      await second.clock.advance(Limits.leaseRenewMs);
    }
    await second.store.append('s', numbered(1));
    await first.registry.waitFor('p', 6);
    expect(first.handled).toEqual([1, 2, 3, 4, 5, 6]);
    expect(second.handled).toEqual([]);
    expect(stateOf(second)).toBe('standby');
  });

  it('is waited for in a process that stands by, until its owner has got there', async () => {
    const schema = newSchema();
    const hold = gate();
    const owner = await newProcess(schema, { before: (n) => (n === 3 ? hold.opened : Promise.resolve()) });
    const other = await newProcess(schema);
    await started(owner, 'running');
    await started(other, 'standby');
    const { position } = await other.store.append('s', numbered(3));
    const waiting = other.registry.waitFor('p', position, { timeoutMs: Infinity });
    await owner.registry.waitFor('p', 2);
    for (let asked = 0; asked < 3; asked++) {
      await other.clock.advance(Limits.standbyDelayMaxMs);
      expect(await isSettled(waiting)).toBe(false);
    }
    hold.open();
    await eventually(async () => {
      await other.clock.advance(Limits.standbyDelayMaxMs);
      expect(await isSettled(waiting)).toBe(true);
    });
    await waiting;
    expect(other.handled).toEqual([]);
    expect(other.registry.status('p')).toMatchObject({ state: 'standby', position: 3 });
  });

  it('gives up waiting in time where the owner does not get there', async () => {
    const schema = newSchema();
    const [owner, other] = [await newProcess(schema), await newProcess(schema)];
    await started(owner, 'running');
    await started(other, 'standby');
    const late = expect(other.registry.waitFor('p', 9, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'ProjectionTimeoutError',
      position: 9,
    });
    await turns();
    await other.clock.advance(1_000);
    await late;
  });

  it('goes on in another one from the checkpoint when its process stops, and handles nothing twice', async () => {
    const schema = newSchema();
    const [first, second] = [await newProcess(schema), await newProcess(schema)];
    await started(first, 'running');
    await started(second, 'standby');
    await first.store.append('s', numbered(4));
    await first.registry.waitFor('p', 4);
    // Whoever waits is told, whichever process it is then.
    const waiting = second.registry.waitFor('p', 7, { timeoutMs: Infinity });
    await first.registry.stop();
    await first.store.append('s', numbered(3));
    await takesOver(second);
    await waiting;
    expect(first.handled).toEqual([1, 2, 3, 4]);
    expect(second.handled).toEqual([5, 6, 7]);
    expect(stateOf(first)).toBe('stopped');
    expect((await second.store.checkpoints.load(readerOf('p'))).epoch).toBe(2);
  });

  it('is nobody’s when all have stopped: its lease is given back', async () => {
    const schema = newSchema();
    const only = await newProcess(schema);
    await started(only, 'running');
    const leases = `select name from ${schema}.leases`;
    expect(await sql(serverUrl(), leases)).toEqual([{ name: readerOf('p') }]);
    await only.registry.stop();
    expect(await sql(serverUrl(), leases)).toEqual([]);
  });

  it('with its state in memory runs in every one', async () => {
    const schema = newSchema();
    const [first, second] = [
      await newProcess(schema, { state: 'memory' }),
      await newProcess(schema, { state: 'memory' }),
    ];
    for (const process of [first, second]) process.registry.start();
    const { position } = await first.store.append('s', numbered(3));
    for (const process of [first, second]) {
      await process.registry.waitFor('p', position, { timeoutMs: Infinity });
      expect(process.handled).toEqual([1, 2, 3]);
      expect(stateOf(process)).toBe('running');
    }
    expect(await sql(serverUrl(), `select * from ${schema}.leases`)).toEqual([]);
  });

  it('runs beside its own next version', async () => {
    const schema = newSchema();
    const [old, next] = [await newProcess(schema), await newProcess(schema, { version: 2 })];
    await started(old, 'running');
    await started(next, 'running');
    const { position } = await old.store.append('s', numbered(2));
    for (const process of [old, next]) {
      await process.registry.waitFor('p', position, { timeoutMs: Infinity });
      expect(process.handled).toEqual([1, 2]);
    }
  });
});

describe('an owner that stalls', () => {
  it('cannot write its checkpoint when another one has gone on, and stands by', async () => {
    const schema = newSchema();
    const stall = gate();
    // Its clock stands, so it renews nothing.
    const stalled = await newProcess(schema, { before: (n) => (n === 2 ? stall.opened : Promise.resolve()) });
    const other = await newProcess(schema);
    await started(stalled, 'running');
    await started(other, 'standby');
    await other.store.append('s', numbered(1));
    await checkpointAt(other, 1);
    await other.store.append('s', numbered(1));
    await eventually(() => expect(stalled.handled).toEqual([1, 2]));

    await expire(schema);
    await takesOver(other);
    await checkpointAt(other, 2);
    await other.store.append('s', numbered(1));
    await checkpointAt(other, 3);
    const standing = await other.store.checkpoints.load(readerOf('p'));
    stall.open();
    await eventually(() => expect(stateOf(stalled)).toBe('standby'));
    expect(await other.store.checkpoints.load(readerOf('p'))).toEqual(standing);
    expect(stalled.logger.errors).toEqual([]);

    // It is of use again when the other one stops.
    await other.registry.stop();
    await other.store.append('s', numbered(1));
    await takesOver(stalled);
    await stalled.registry.waitFor('p', 4, { timeoutMs: Infinity });
    expect(stalled.handled).toEqual([1, 2, 4]);
    expect(other.handled).toEqual([2, 3]);
  });

  it('gives up by itself when its lease may have run out', async () => {
    const schema = newSchema();
    const pool = new FaultyPool({ connectionString: serverUrl(), max: 4 });
    onTestFinished(() => pool.end());
    const cut = await newProcess(schema, { backend: { pool } });
    await started(cut, 'running');
    // Every renewal fails from now on.
    let isAway = true;
    const refuse = (): void =>
      pool.next(
        ({ text }) => isAway && text.includes('.leases'),
        () => {
          refuse();
          return Promise.reject(refusedWith('XX000'));
        },
      );
    refuse();
    for (let passed = 0; passed < Limits.leaseTtlMs; passed += Limits.leaseRenewMs) {
      expect(stateOf(cut)).toBe('running');
      await cut.clock.advance(Limits.leaseRenewMs);
      await turns();
    }
    await eventually(async () => {
      await cut.clock.advance(Limits.leaseRenewMs);
      expect(stateOf(cut)).toBe('standby');
    });
    await cut.store.append('s', numbered(1));
    expect(await isSettled(cut.registry.waitFor('p', 1, { timeoutMs: Infinity }))).toBe(false);
    isAway = false;
    await takesOver(cut);
    await cut.registry.waitFor('p', 1, { timeoutMs: Infinity });
    expect(cut.handled).toEqual([1]);
  });
});
