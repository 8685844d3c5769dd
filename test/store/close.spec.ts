/** The end of a store: what is running ends, what is new is refused, and nothing acknowledged is lost. */
import { lastValueFrom } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import {
  CheckpointStore,
  EventStore,
  InMemoryBackend,
  RecordStore,
  StoreClosedError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { MoneyDeposited, numbered } from './bank.js';
import { gate, isSettled, turns, until } from './gate.js';
import { drained } from './refused.js';
import { Reports } from './reports.js';
import { ScriptedBackend } from './scripted-backend.js';
import { watchUnhandled } from './unhandled.js';

const snapshot = { version: 1, revision: 1, state: {} };
const checkpoint = { position: 0, epoch: 0 };

describe('close', () => {
  it('peer trap 3: waits for running handlers, which may append until they end, and takes no new event', async () => {
    const backend = new InMemoryBackend();
    const store = await EventStore.open(backend);
    const [started, hold] = [gate(), gate()];
    const seen: number[] = [];
    const subscription = store.subscribe(async ({ position }) => {
      seen.push(position);
      started.open();
      await hold.opened;
      await store.append('effect', numbered(1));
      await store.append('effect', numbered(1));
    });
    await subscription.ready;
    await store.append('s', numbered(5));
    await started.opened;
    const closing = store.close();
    expect(await isSettled(closing)).toBe(false);
    expect(backend.isOpen).toBe(true);
    hold.open();
    await closing;
    expect(seen).toEqual([1]);
    const after = await EventStore.open(backend);
    expect(await after.getEvents('effect')).toHaveLength(2);
    await after.close();
  });

  it('does not wait beyond its deadline, says so, and then refuses the handler', async () => {
    const unhandled = watchUnhandled();
    const [clock, logger, hold, refused] = [new FakeClock(), new Reports(), gate(), gate<unknown>()];
    const store = await EventStore.open(new InMemoryBackend(), { clock, logger, shutdownTimeoutMs: 500 });
    await store.append('s', numbered(2));
    const next = vi.fn(async () => {
      await store.append('effect', numbered(1));
      await hold.opened;
      await store.append('effect', numbered(1)).catch(refused.open);
    });
    store.subscribe(next, { after: 0 });
    await turns();
    const closing = store.close();
    await clock.advance(499);
    expect(await isSettled(closing)).toBe(false);
    await clock.advance(1);
    await closing;
    expect(logger.warnings).toEqual([expect.stringMatching(/500 ms for 1 running handler/)]);
    hold.open();
    expect(await refused.opened).toBeInstanceOf(StoreClosedError);
    await turns();
    expect(next).toHaveBeenCalledTimes(1);
    expect(await unhandled()).toEqual([]);
  });

  it('leaves no timer behind, and waits for ever where it is told to', async () => {
    const clock = new FakeClock();
    const hold = gate();
    const store = await EventStore.open(new InMemoryBackend(), { clock, shutdownTimeoutMs: Infinity });
    await store.append('s', numbered(1));
    store.subscribe(() => hold.opened, { after: 0 });
    await turns();
    const closing = store.close();
    await clock.advance(1e9);
    expect(await isSettled(closing)).toBe(false);
    hold.open();
    await closing;
    expect(clock.pending).toBe(0);
  });

  it('twice is once, and the second call waits as well', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const hold = gate();
    await store.append('s', numbered(1));
    store.subscribe(() => hold.opened, { after: 0 });
    await turns();
    const closings = [store.close(), store.close()];
    expect(await isSettled(Promise.race(closings))).toBe(false);
    hold.open();
    await Promise.all(closings);
    await store.close();
  });

  it.each([
    ['at once', async () => undefined],
    ['after awaits', () => turns()],
  ])('from inside a handler, %s, ends the store and does not wait for that handler', async (_, before) => {
    const backend = new InMemoryBackend();
    const store = await EventStore.open(backend, { clock: new FakeClock() });
    await store.append('s', numbered(3));
    const outcome = gate<unknown>();
    let handled = 0;
    store.subscribe(
      async () => {
        handled++;
        await before();
        await store.close();
        await store.append('s', numbered(1)).catch(outcome.open);
      },
      { after: 0 },
    );
    expect(await outcome.opened).toBeInstanceOf(StoreClosedError);
    await turns();
    expect(handled).toBe(1);
    expect(backend.isOpen).toBe(false);
  });

  it('from inside a handler waits for the handlers of others', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const [started, hold, closed] = [gate(), gate(), gate()];
    const log: string[] = [];
    const subscriptions = [
      store.subscribe(async () => {
        started.open();
        await hold.opened;
        await store.append('effect', numbered(1));
        log.push('other ended');
      }),
      store.subscribe(
        async () => {
          await started.opened;
          await store.close();
          log.push('closed');
          closed.open();
        },
        { streamId: 's' },
      ),
    ];
    await Promise.all(subscriptions.map(({ ready }) => ready));
    await store.append('s', numbered(1));
    await turns();
    expect(log).toEqual([]);
    hold.open();
    await closed.opened;
    expect(log).toEqual(['other ended', 'closed']);
  });

  it('waits for appends in flight, whether they succeed or fail, and then closes the backend', async () => {
    const backend = new ScriptedBackend();
    const store = await EventStore.open(backend);
    const [good, bad] = [gate(), gate()];
    backend.before = (operation) =>
      operation !== 'append' ? undefined : backend.count('append') === 1 ? good.opened : bad.opened;
    const appends = [
      store.append('s', numbered(1)),
      store.records.write([{ collection: 'c', key: 'k', value: 1 }]),
    ];
    const settled = Promise.allSettled(appends);
    const closing = store.close();
    // Both were called before `close`; they are neither refused nor cut off.
    expect(await isSettled(closing)).toBe(false);
    good.open();
    expect(await isSettled(closing)).toBe(false);
    expect(backend.isOpen).toBe(true);
    const fault = new Error('disk full');
    bad.fail(fault);
    expect(await settled).toMatchObject([
      { status: 'fulfilled', value: { position: 1 } },
      { status: 'rejected', reason: fault },
    ]);
    await closing;
    expect(backend.isOpen).toBe(false);
  });

  it('completes observers and ends consumers, sleeping or not', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await store.append('s', numbered(1));
    const ends = [
      lastValueFrom(store.events$({ after: 0 }), { defaultValue: undefined }),
      lastValueFrom(store.events$(), { defaultValue: undefined }),
      store.consume(() => undefined).ended,
      store.consume(() => turns(2), { after: 0 }).ended,
    ];
    await store.close();
    await Promise.all(ends);
  });

  it('ends a reader that is in the middle of a long stream at its next page', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await store.append('s', numbered(600));
    for (const read of [store.readAll(), store.readStream('s')]) await read.next();
    const readers = [store.readAll(), store.readStream('s'), store.readAll({ direction: 'backward' })];
    for (const reader of readers) await reader.next();
    await store.close();
    for (const reader of readers) await expect(drained(reader)).rejects.toThrow(StoreClosedError);
  });

  it('that the backend fails at rejects, and the store is closed all the same', async () => {
    const fault = new Error('cannot unmount');
    class Stuck extends InMemoryBackend {
      protected override onClose(): Promise<void> {
        return Promise.reject(fault);
      }
    }
    const store = await EventStore.open(new Stuck());
    await expect(store.close()).rejects.toBe(fault);
    await expect(store.close()).rejects.toBe(fault);
    await expect(store.append('s', numbered(1))).rejects.toThrow(StoreClosedError);
  });
});

describe('while the store drains', () => {
  it('nothing new can subscribe, from inside a handler neither', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const [hold, outcomes] = [gate(), [] as unknown[]];
    await store.append('s', numbered(1));
    store.subscribe(
      async () => {
        await hold.opened;
        outcomes.push(await lastValueFrom(store.events$()).catch((error: unknown) => error));
        try {
          store.subscribe(() => undefined);
        } catch (error) {
          outcomes.push(error);
        }
      },
      { after: 0 },
    );
    await turns();
    const closing = store.close();
    expect(() => store.consume(() => undefined)).toThrow(StoreClosedError);
    hold.open();
    await closing;
    expect(outcomes).toEqual([expect.any(StoreClosedError), expect.any(StoreClosedError)]);
  });

  it('`drain` alone keeps the store usable until `close`', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const next = vi.fn();
    await store.subscribe(next).ready;
    await store.drain();
    await store.append('s', numbered(1));
    await turns();
    expect(next).not.toHaveBeenCalled();
    expect(await store.getEvents('s')).toHaveLength(1);
    await store.close();
    await expect(store.getEvents('s')).rejects.toThrow(StoreClosedError);
  });
});

describe('after close', () => {
  const change = { collection: 'c', key: 'k', value: 1 };
  /** Each way to use a store, by its name. */
  const uses: Record<string, (store: EventStore) => unknown> = {
    append: (store) => store.append('s', [new MoneyDeposited(1)]),
    appendAll: (store) => store.appendAll([{ streamId: 's', events: numbered(1) }], { records: [change] }),
    getEvents: (store) => store.getEvents('s'),
    getEventsAfter: (store) => store.getEventsAfter('s', 0),
    getAllEvents: (store) => store.getAllEvents(),
    readStream: (store) => drained(store.readStream('s')),
    readAll: (store) => drained(store.readAll()),
    events$: (store) => lastValueFrom(store.events$()),
    subscribe: (store) => store.subscribe(() => undefined),
    consume: (store) => store.consume(() => undefined),
    saveSnapshot: (store) => store.saveSnapshot('s', snapshot),
    getLatestSnapshot: (store) => store.getLatestSnapshot('s'),
    within: (store) => store.within(new InMemoryBackend()),
    head: (store) => store.head(),
    flush: (store) => store.flush(),
    stats: (store) => store.stats(),
    'records.get': (store) => store.records.get('c', 'k'),
    'records.list': (store) => drained(store.records.list('c')),
    'records.write': (store) => store.records.write([change]),
    'checkpoints.load': (store) => store.checkpoints.load('r'),
    'checkpoints.claim': (store) => store.checkpoints.claim('r'),
    'checkpoints.advance': (store) => store.checkpoints.advance('r', checkpoint, 1),
  };

  it.each(Object.entries(uses))(
    '%s is StoreClosedError, on a backend that another store keeps open too',
    async (_, use) => {
      const backend = new InMemoryBackend();
      const [store, other] = [await EventStore.open(backend), await EventStore.open(backend)];
      await store.close();
      await expect(async () => use(store)).rejects.toThrow(StoreClosedError);
      expect(await other.getAllEvents()).toEqual([]);
      expect(await other.records.get('c', 'k')).toBeNull();
      await other.close();
      await expect(async () => use(other)).rejects.toThrow(StoreClosedError);
    },
  );

  it('that is every method there is', () => {
    const methodsOf = (type: { prototype: object }, prefix: string): string[] =>
      Object.entries(Object.getOwnPropertyDescriptors(type.prototype))
        .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
        .map(([name]) => prefix + name);
    const methods = [
      ...methodsOf(EventStore, ''),
      ...methodsOf(RecordStore, 'records.'),
      ...methodsOf(CheckpointStore, 'checkpoints.'),
    ];
    const harmless = ['close', 'drain', 'registerEvents', 'knowsEventType'];
    expect(methods.filter((name) => !harmless.includes(name)).sort()).toEqual(Object.keys(uses).sort());
  });

  it('a subscription that is left over may still be ended', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const subscription = store.subscribe(() => undefined);
    await store.close();
    await subscription.unsubscribe();
    await until(async () => expect(await isSettled(subscription.ready)).toBe(true));
  });
});
