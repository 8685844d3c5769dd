/** How a projection runs: in order, again after a failure, and never past an event that it cannot handle. */
import { describe, expect, it, vi } from 'vitest';
import {
  EventStore,
  InMemoryBackend,
  Limits,
  ProjectionBlockedError,
  ProjectionStoppedError,
  type RecordedEvent,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { numbered, openStore } from '../store/bank.js';
import { gate, isSettled, turns, until } from '../store/gate.js';
import { Reports } from '../store/reports.js';
import { watchUnhandled } from '../store/unhandled.js';
import { projection, readerOf, running } from './hand-made.js';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function openQuietly(
  backend = new InMemoryBackend(),
): Promise<{ store: EventStore; clock: FakeClock; logger: Reports }> {
  const [clock, logger] = [new FakeClock(), new Reports()];
  return { store: await openStore(backend, { clock, logger }), clock, logger };
}

/** Lets all attempts at an event pass. */
async function tryThrough(clock: FakeClock): Promise<void> {
  for (await turns(10); clock.pending > 0; await turns(10))
    await clock.advance(Limits.handlerRetryDelayMaxMs);
}

describe('a projection', () => {
  it('gets every event of its types from the first one on, in order, one at a time, history and live', async () => {
    const store = await openStore();
    await store.append('s', [...numbered(700), { type: 'other', data: 0 }, ...numbered(700)]);
    const seen: RecordedEvent[] = [];
    let busy = 0;
    const registry = running(
      store,
      projection('p', async (event) => {
        expect(++busy).toBe(1);
        if (event.position % 50 === 0) await turns(1);
        seen.push(event);
        busy--;
      }),
    );
    const { position } = await store.append('s2', numbered(10));
    await registry.waitFor('p', position);
    expect(seen.map((event) => event.position)).toEqual([...range(1, 700), ...range(702, 1_411)]);
    expect(registry.status('p')).toEqual({ name: 'p', version: 1, state: 'running', position: 1_411 });
  });

  it('moves past events that it does not handle', async () => {
    const store = await openStore();
    const registry = running(
      store,
      projection('p', () => undefined, { types: ['rare'] }),
    );
    const { position } = await store.append('s', numbered(2_000));
    await registry.waitFor('p', position);
    await until(async () => expect((await store.checkpoints.load(readerOf('p'))).position).toBe(2_000));
  });

  it('is told its name, the attempt and when to stop, and its appends are caused by the event', async () => {
    const store = await openStore();
    const contexts: unknown[] = [];
    const registry = running(
      store,
      projection('p', async (event, { projection: name, attempt, signal }) => {
        contexts.push([name, attempt, signal.aborted]);
        await store.append('effect', [{ type: 'effect', data: event.position }]);
      }),
    );
    const { position } = await store.append('s', numbered(1));
    await registry.waitFor('p', position);
    expect(contexts).toEqual([['p', 1, false]]);
    const [event] = await store.getEvents('s');
    expect((await store.getEvents('effect'))[0]?.metadata).toEqual({
      correlationId: event?.id,
      causationId: event?.id,
    });
  });

  it('asks for the instance of each event, and waits for it', async () => {
    const store = await openStore();
    const seen: string[] = [];
    const instanceFor = async ({ position }: RecordedEvent): Promise<object> => {
      await turns(1);
      return { on: () => seen.push(`instance for ${position}`) };
    };
    const registry = running(
      store,
      projection('p', () => undefined, { instanceFor }),
    );
    const { position } = await store.append('s', numbered(2));
    await registry.waitFor('p', position);
    expect(seen).toEqual(['instance for 1', 'instance for 2']);
  });
});

describe('a handler that fails', () => {
  it('is tried again with a back-off at the same event, and nothing else is handled meanwhile', async () => {
    const unhandled = watchUnhandled();
    const { store, clock } = await openQuietly();
    const tried: string[] = [];
    const registry = running(
      store,
      projection('p', ({ position }, { attempt }) => {
        tried.push(`${position}/${attempt}`);
        if (position === 2 && attempt < 4) throw new Error('not yet');
      }),
    );
    await store.append('s', numbered(3));
    await turns();
    const waits = [50, 100, 200];
    for (const [i, ms] of waits.entries()) {
      expect(tried).toHaveLength(2 + i);
      await clock.advance(ms - 1);
      expect(tried).toHaveLength(2 + i);
      await clock.advance(1);
    }
    await registry.waitFor('p', 3);
    expect(tried).toEqual(['1/1', '2/1', '2/2', '2/3', '2/4', '3/1']);
    expect(await unhandled()).toEqual([]);
  });

  it.each([
    ['throws', () => { throw new Error('broken'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['throws undefined', () => { throw undefined; }], // prettier-ignore
  ])('every time (%s) blocks the projection at that event, skips nothing, and says why', async (_, fail) => {
    const unhandled = watchUnhandled();
    const { store, clock, logger } = await openQuietly();
    const tried: number[] = [];
    const registry = running(
      store,
      projection('p', ({ position }) => {
        tried.push(position);
        return position === 3 ? fail() : undefined;
      }),
    );
    await store.append('s', numbered(5));
    const waiting = registry.waitFor('p', 4, { timeoutMs: 60_000 });
    const outcome = expect(waiting).rejects.toThrow(ProjectionBlockedError);
    await tryThrough(clock);
    await outcome;
    expect(tried).toEqual([1, 2, ...Array.from({ length: Limits.handlerAttemptsMax }, () => 3)]);
    const [, , poisoned] = await store.getEvents('s');
    const blocked = { projection: 'p', position: 3, eventId: poisoned?.id, eventType: 'n' };
    expect(registry.status('p')).toMatchObject({ state: 'blocked', position: 2, error: blocked });
    expect(logger.errors).toHaveLength(1);
    expect(logger.errors[0]?.message).toMatch(/"p" is blocked.*"n" failed 5 times at position 3/);
    // Later events wait behind it, for ever.
    await store.append('s', numbered(1));
    await tryThrough(clock);
    expect(tried).toHaveLength(2 + Limits.handlerAttemptsMax);
    expect(await store.checkpoints.load(readerOf('p'))).toMatchObject({ position: 2 });
    await expect(registry.waitFor('p', 3)).rejects.toMatchObject(blocked);
    await registry.waitFor('p', 2);
    expect(await unhandled()).toEqual([]);
  });

  it('is tried again with the event as it was, whatever it has done to it', async () => {
    const { store, clock } = await openQuietly();
    const seen: string[] = [];
    const registry = running(
      store,
      projection('p', (event, { attempt }) => {
        const { items } = event.data as { items: number[] };
        seen.push(JSON.stringify([items, event.metadata, event.recordedAt.getFullYear()]));
        items.reverse().pop();
        Object.assign(event.metadata, { spoilt: true });
        event.recordedAt.setFullYear(1999);
        if (attempt < 3) throw new Error('broken');
      }),
    );
    await store.append('s', [{ type: 'n', data: { items: [1, 2, 3] } }]);
    await tryThrough(clock);
    await registry.waitFor('p', 1);
    expect(new Set(seen)).toEqual(new Set(['[[1,2,3],{},2024]']));
    expect(seen).toHaveLength(3);
  });

  it('blocks its own projection alone: others flow', async () => {
    const { store, clock } = await openQuietly();
    const seen: number[] = [];
    const registry = running(
      store,
      projection('bad', () => Promise.reject(new Error('broken'))),
      projection('good', ({ position }) => seen.push(position)),
    );
    await store.append('s', numbered(3));
    await registry.waitFor('good', 3);
    await tryThrough(clock);
    await store.append('s', numbered(3));
    await registry.waitFor('good', 6);
    expect(seen).toEqual(range(1, 6));
    expect(registry.list().map(({ name, state }) => [name, state])).toEqual([
      ['bad', 'blocked'],
      ['good', 'running'],
    ]);
  });

  it('does not keep those waiting who wait for what the filter left out before it', async () => {
    const { store, clock } = await openQuietly();
    await store.append('s', [{ type: 'other', data: 0 }, { type: 'other', data: 0 }, ...numbered(1)]);
    const registry = running(
      store,
      projection('p', () => Promise.reject(new Error('broken'))),
    );
    await registry.waitFor('p', 2);
    await tryThrough(clock);
    expect(registry.status('p')).toMatchObject({ state: 'blocked', position: 2 });
    expect((await store.checkpoints.load(readerOf('p'))).position).toBe(2);
  });

  it('is one whose instance cannot be made, too', async () => {
    const { store, clock } = await openQuietly();
    const fault = new Error('no dependency');
    const registry = running(
      store,
      projection('p', () => undefined, { instanceFor: () => Promise.reject(fault) }),
    );
    await store.append('s', numbered(1));
    await tryThrough(clock);
    expect(registry.status('p')).toMatchObject({ state: 'blocked', error: { cause: fault } });
  });

  it('is tried again at the same event by a restart, and then goes on', async () => {
    const backend = new InMemoryBackend();
    const { store, clock } = await openQuietly(backend);
    let mended = false;
    const seen: number[] = [];
    const definition = projection('p', ({ position }) => {
      if (position === 3 && !mended) throw new Error('broken');
      seen.push(position);
    });
    running(store, definition);
    await store.append('s', numbered(5));
    await tryThrough(clock);
    const again = running(store, definition);
    await tryThrough(clock);
    expect(again.status('p')).toMatchObject({ state: 'blocked', position: 2, error: { position: 3 } });
    mended = true;
    await running(await openStore(backend), definition).waitFor('p', 5);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('stop', () => {
  it('waits for the running handler, takes no new event, and keeps what is complete', async () => {
    const store = await openStore();
    const [started, hold] = [gate(), gate()];
    const seen: number[] = [];
    const registry = running(
      store,
      projection('p', async ({ position }, { signal }) => {
        seen.push(position);
        if (position < 2) return;
        started.open();
        await hold.opened;
        expect(signal.aborted).toBe(true);
      }),
    );
    await store.append('s', numbered(5));
    await started.opened;
    const stopping = registry.stop();
    expect(await isSettled(stopping)).toBe(false);
    hold.open();
    await stopping;
    expect(seen).toEqual([1, 2]);
    expect(registry.status('p')).toEqual({ name: 'p', version: 1, state: 'stopped', position: 2 });
    expect(await store.checkpoints.load(readerOf('p'))).toMatchObject({ position: 2 });
    await registry.stop();
  });

  it('from inside a handler resolves at once', async () => {
    const store = await openStore();
    const ended = gate();
    const registry = running(
      store,
      projection('p', async () => {
        await turns(1);
        await registry.stop();
        ended.open();
      }),
    );
    await store.append('s', numbered(3));
    await ended.opened;
    await until(() => expect(registry.status('p')).toMatchObject({ state: 'stopped', position: 1 }));
  });

  it('does not wait for the next attempt of a failing handler, and the event is not complete', async () => {
    const { store, clock } = await openQuietly();
    const registry = running(
      store,
      projection('p', ({ position }) => (position === 2 ? Promise.reject(new Error('x')) : undefined)),
    );
    await store.append('s', numbered(3));
    await turns();
    expect(clock.pending).toBe(1);
    await registry.stop();
    expect(clock.pending).toBe(0);
    expect(registry.status('p')).toMatchObject({ state: 'stopped', position: 1 });
    expect(await store.checkpoints.load(readerOf('p'))).toMatchObject({ position: 1 });
  });

  it('during the last attempt leaves it stopped and not blocked, though the attempt fails', async () => {
    const { store, clock, logger } = await openQuietly();
    const [last, hold] = [gate(), gate()];
    const registry = running(
      store,
      projection('p', async (_event, { attempt }) => {
        if (attempt === Limits.handlerAttemptsMax) {
          last.open();
          await hold.opened;
        }
        throw new Error('broken');
      }),
    );
    await store.append('s', numbered(1));
    await tryThrough(clock);
    await last.opened;
    const stopping = registry.stop();
    hold.open();
    await stopping;
    expect(registry.status('p')).toEqual({ name: 'p', version: 1, state: 'stopped', position: 0 });
    expect(logger.errors).toEqual([]);
  });

  it('before the start, and while it starts, leaves it stopped', async () => {
    const store = await openStore();
    await store.append('s', numbered(1));
    const handle = vi.fn();
    const early = running(store, projection('p', handle));
    await early.stop();
    expect(early.status('p').state).toBe('stopped');
    early.start();
    await turns();
    expect(early.status('p').state).toBe('stopped');
    expect(handle).not.toHaveBeenCalled();
  });

  it('is not waited for by anybody once the handler is abandoned, and its end changes nothing', async () => {
    const store = await openStore();
    const [started, hold, ended] = [gate(), gate(), gate()];
    const registry = running(
      store,
      projection('p', async () => {
        started.open();
        await hold.opened;
        ended.open();
      }),
    );
    await store.append('s', numbered(2));
    await started.opened;
    const waiting = expect(registry.waitFor('p', 2)).rejects.toThrow(ProjectionStoppedError);
    const stopping = registry.stop();
    registry.abandon();
    await waiting;
    expect(registry.status('p')).toMatchObject({ state: 'stopped', position: 0 });
    hold.open();
    await Promise.all([ended.opened, stopping]);
    expect(registry.status('p').state).toBe('stopped');
  });

  it('comes with the end of the store, whose deadline counts for handlers of projections too', async () => {
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), {
      clock,
      logger: new Reports(),
      shutdownTimeoutMs: 500,
    });
    const hold = gate();
    const registry = running(
      store,
      projection('slow', () => hold.opened),
      projection('idle', () => undefined, { types: ['none'] }),
    );
    await store.append('s', numbered(2));
    await turns();
    const closing = store.close();
    await turns();
    expect(registry.status('idle').state).toBe('stopped');
    expect(await isSettled(closing)).toBe(false);
    await clock.advance(500);
    await closing;
    hold.open();
    await until(() => expect(registry.status('slow').state).toBe('stopped'));
    await expect(registry.waitFor('slow', 2)).rejects.toThrow(ProjectionStoppedError);
  });
});
