/** Reading one's own write: who waits for a projection is told in time, or why not. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  EventStore,
  InMemoryBackend,
  InvalidArgumentError,
  LimitExceededError,
  Limits,
  ProjectionStoppedError,
  ProjectionTimeoutError,
  UnknownProjectionError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { PositionWaiters } from '../../lib/projections/position-waiters.js';
import { numbered, openStore } from '../store/bank.js';
import { gate, isSettled, turns } from '../store/gate.js';
import { projection, registered, running } from './hand-made.js';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('waitFor', () => {
  it('resolves at once for what is reached, and for position 0 before the start', async () => {
    const store = await openStore();
    await store.append('s', numbered(3));
    const registry = registered(
      store,
      projection('p', () => undefined),
    );
    await registry.waitFor('p', 0, { timeoutMs: 0 });
    registry.start();
    await registry.waitFor('p', 3);
    for (const position of [0, 1, 3]) await registry.waitFor('p', position, { timeoutMs: 0 });
  });

  it('resolves when the event’s effect is complete, not before, and waits through the start', async () => {
    const store = await openStore();
    const hold = gate();
    const done: number[] = [];
    const registry = registered(
      store,
      projection('p', async ({ position }) => {
        if (position === 2) await hold.opened;
        done.push(position);
      }),
    );
    await store.append('s', numbered(3));
    const waits = [1, 2, 3].map(async (position) => {
      await registry.waitFor('p', position);
      expect(done).toContain(position);
    });
    registry.start();
    await waits[0];
    expect(await isSettled(Promise.race(waits.slice(1)))).toBe(false);
    hold.open();
    await Promise.all(waits);
  });

  it('waits for a position that is still to come', async () => {
    const store = await openStore();
    const registry = running(
      store,
      projection('p', () => undefined),
    );
    const waiting = registry.waitFor('p', 2);
    await store.append('s', numbered(1));
    expect(await isSettled(waiting)).toBe(false);
    await store.append('s', numbered(1));
    await waiting;
  });

  it('gives up after its time, telling how far the projection is, and leaves no timer', async () => {
    const clock = new FakeClock();
    const store = await openStore(undefined, { clock });
    await store.append('s', numbered(2));
    const registry = running(
      store,
      projection('p', () => undefined),
    );
    await registry.waitFor('p', 2);
    expect(clock.pending).toBe(0);
    const waits = [registry.waitFor('p', 5, { timeoutMs: 100 }), registry.waitFor('p', 5)];
    const late = expect(waits[0]).rejects.toMatchObject({
      code: 'ProjectionTimeoutError',
      projection: 'p',
      position: 5,
      reached: 2,
      timeoutMs: 100,
    });
    await clock.advance(99);
    expect(await isSettled(waits[0] as Promise<void>)).toBe(false);
    await clock.advance(1);
    await late;
    const later = expect(waits[1]).rejects.toThrow(ProjectionTimeoutError);
    await clock.advance(Limits.waitForTimeoutMs);
    await later;
    expect(clock.pending).toBe(0);
    expect(registry.status('p').state).toBe('running');
  });

  it('waits for ever where it is told to', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const store = await openStore();
    const registry = running(
      store,
      projection('p', () => undefined),
    );
    const waiting = registry.waitFor('p', 1, { timeoutMs: Infinity });
    // A timer that were given Infinity itself would end after 1 ms.
    await vi.advanceTimersByTimeAsync(DAY_MS);
    expect(await isSettled(waiting)).toBe(false);
    vi.useRealTimers();
    await store.append('s', numbered(1));
    await waiting;
  });

  it('rejects when the projection is stopped, before and after', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const registry = running(
      store,
      projection('p', () => undefined),
    );
    const waiting = expect(registry.waitFor('p', 1)).rejects.toThrow(ProjectionStoppedError);
    await registry.stop();
    await waiting;
    await expect(registry.waitFor('p', 1)).rejects.toThrow(
      /"p" was stopped: the application is shutting down/,
    );
    const never = registered(
      store,
      projection('q', () => undefined),
    );
    const early = expect(never.waitFor('q', 1)).rejects.toThrow(ProjectionStoppedError);
    await never.stop();
    await early;
    await store.close();
  });

  it('rejects when the store closes below it', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const registry = running(
      store,
      projection('p', () => undefined),
    );
    await turns();
    const waiting = expect(registry.waitFor('p', 1)).rejects.toThrow(ProjectionStoppedError);
    await store.close();
    await waiting;
    expect(registry.status('p').state).toBe('stopped');
  });

  it('of a projection that does not exist names those that do', async () => {
    const store = await openStore();
    const registry = registered(
      store,
      projection('p', () => undefined),
      projection('q', () => undefined),
    );
    await expect(registry.waitFor('r', 1)).rejects.toThrow(UnknownProjectionError);
    await expect(registry.waitFor('r', 1)).rejects.toThrow(/"r".*"p", "q"/);
    expect(() => registry.status('r')).toThrow(UnknownProjectionError);
  });

  it.each([-1, 1.5, NaN, 2 ** 53, Infinity])('refuses position %s', async (position) => {
    const registry = registered(
      await openStore(),
      projection('p', () => undefined),
    );
    await expect(registry.waitFor('p', position)).rejects.toThrow(InvalidArgumentError);
    await expect(registry.waitFor('p', position)).rejects.toThrow(/^position: /);
  });

  it.each([-1, NaN, '5' as unknown as number])('refuses timeoutMs: %s', async (timeoutMs) => {
    const registry = registered(
      await openStore(),
      projection('p', () => undefined),
    );
    await expect(registry.waitFor('p', 1, { timeoutMs })).rejects.toThrow(/^options\.timeoutMs: /);
  });
});

describe('PositionWaiters', () => {
  it('wakes exactly those whose position is reached, in any order of asking', async () => {
    const waiters = new PositionWaiters(new FakeClock());
    const woken: number[] = [];
    for (const position of [5, 3, 9, 3, 7])
      void waiters.wait(position, 1_000, () => new Error('late')).then(() => woken.push(position));
    for (const [reached, expected] of [
      [2, []],
      [4, [3, 3]],
      [7, [3, 3, 5, 7]],
      [100, [3, 3, 5, 7, 9]],
    ] as const) {
      waiters.reached(reached);
      await turns(1);
      expect([...woken].sort()).toEqual(expected);
    }
  });

  it('lets others wait on after one gave up', async () => {
    const clock = new FakeClock();
    const waiters = new PositionWaiters(clock);
    const late = expect(waiters.wait(1, 10, () => new Error('late'))).rejects.toThrow('late');
    const patient = waiters.wait(2, 1_000, () => new Error('late'));
    await clock.advance(10);
    await late;
    waiters.reached(2);
    await patient;
    expect(clock.pending).toBe(0);
  });

  it('has room for a limited number, and says so', async () => {
    const waiters = new PositionWaiters(new FakeClock());
    const late = (): Error => new Error('late');
    const waits = Array.from({ length: Limits.projectionWaitersMax }, () => waiters.wait(1, 1_000, late));
    await expect(waiters.wait(1, 1_000, late)).rejects.toThrow(LimitExceededError);
    await expect(waiters.wait(1, 1_000, late)).rejects.toMatchObject({
      limit: 'projectionWaitersMax',
      value: 10_001,
    });
    waiters.reached(1);
    await Promise.all(waits);
    const outcome = expect(waiters.wait(2, 1_000, late)).rejects.toThrow('gone');
    waiters.reject(new Error('gone'));
    await outcome;
  });
});
