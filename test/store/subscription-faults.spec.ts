/** What a subscriber may do wrong, and what may go wrong below it: nobody else is harmed, and it goes on. */
import { describe, expect, it, vi } from 'vitest';
import {
  type AllFrameLogger,
  EventStore,
  Limits,
  type RecordedEvent,
  StoreClosedError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { numbered, openStore } from './bank.js';
import { gate, turns, until } from './gate.js';
import { Reports } from './reports.js';
import { ScriptedBackend } from './scripted-backend.js';
import { watchUnhandled } from './unhandled.js';

const fault = new Error('broken handler');
const range = (to: number): number[] => Array.from({ length: to }, (_, i) => i + 1);
type Next = (event: RecordedEvent) => void | Promise<void>;
type OnError = (error: unknown, event: RecordedEvent) => void;

/** Ways to fail at every second event. */
const failures: [string, () => unknown][] = [
  ['throws', () => { throw fault; }], // prettier-ignore
  ['rejects', () => Promise.reject(fault)],
  ['rejects later', async () => { await turns(1); throw fault; }], // prettier-ignore
];

describe.each(failures)('peer trap 6: a subscriber that %s', (_, fail) => {
  it('is told to onError with the event, the rest of the batch follows, and nobody else notices', async () => {
    const unhandled = watchUnhandled();
    const store = await openStore(undefined, { logger: new Reports() });
    await store.append('s', numbered(10));
    const [tried, failed, others]: number[][] = [[], [], []];
    const next = ({ position }: RecordedEvent): unknown => {
      tried?.push(position);
      return position % 2 === 0 ? fail() : undefined;
    };
    const onError: OnError = (error, { position }) => {
      expect(error).toBe(fault);
      failed?.push(position);
    };
    const subscription = store.subscribe(next as Next, { after: 0, onError });
    store.subscribe(({ position }) => void others?.push(position), { after: 0 });
    await subscription.ready;
    await store.append('s', numbered(2));
    await until(() => expect(tried).toHaveLength(12));
    await turns();
    expect(tried).toEqual(range(12));
    expect(failed).toEqual([2, 4, 6, 8, 10, 12]);
    expect(others).toEqual(range(12));
    expect(await unhandled()).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['throws too', () => { throw new Error('broken onError'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('broken onError'))],
    ['rejects later', async () => { await turns(1); throw new Error('broken onError'); }], // prettier-ignore
  ])('and whose onError %s goes on all the same, and the logger is told', async (_how, failAgain) => {
    const unhandled = watchUnhandled();
    const logger = new Reports();
    const store = await openStore(undefined, { logger });
    await store.append('s', numbered(4));
    const tried: number[] = [];
    const next = ({ position }: RecordedEvent): unknown => {
      tried.push(position);
      return fail();
    };
    store.subscribe(next as Next, { after: 0, onError: failAgain });
    await until(() => expect(tried).toEqual(range(4)));
    await until(() => expect(logger.errors).toHaveLength(4));
    expect(logger.errors[0]).toMatchObject({ message: expect.stringMatching(/onError/) as string });
    expect(await unhandled()).toEqual([]);
  });

  it('is told to the logger where there is no onError: which event, and not what is in it', async () => {
    const logger = new Reports();
    const store = await openStore(undefined, { logger });
    await store.append('s', [
      { type: 'card.stored', data: { number: '4111 1111' }, metadata: { user: 'Ada' } },
    ]);
    store.subscribe(fail as Next, { after: 0 });
    await until(() => expect(logger.errors).toHaveLength(1));
    const [event] = await store.getAllEvents();
    const message = logger.errors[0]?.message;
    expect(logger.errors[0]?.error).toBe(fault);
    for (const word of [event?.id, 'card.stored', 'position 1']) expect(message).toContain(word);
    expect(message).not.toMatch(/4111|Ada/);
  });

  it('goes on even if the logger fails', async () => {
    const unhandled = watchUnhandled();
    const broken = (): never => {
      throw new Error('broken logger');
    };
    const logger: AllFrameLogger = { error: broken, warn: broken };
    const store = await openStore(undefined, { logger });
    await store.append('s', numbered(4));
    const tried: number[] = [];
    const next = ({ position }: RecordedEvent): unknown => {
      tried.push(position);
      return fail();
    };
    store.subscribe(next as Next, { after: 0 });
    store.subscribe(next as Next, { after: 99 }).ready.catch(() => undefined);
    await until(() => expect(tried).toEqual(range(4)));
    expect(await unhandled()).toEqual([]);
  });
});

describe('a subscriber', () => {
  it('peer trap 1: that throws once is not dead for ever', async () => {
    const store = await openStore(undefined, { logger: new Reports() });
    const seen: number[] = [];
    let first = true;
    const subscription = store.subscribe(({ position }) => {
      seen.push(position);
      if (!first) return;
      first = false;
      throw fault;
    });
    await subscription.ready;
    for (let i = 0; i < 3; i++) {
      await store.append('s', numbered(1));
      await turns();
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it('that throws nothing at all, undefined, is reported as well', async () => {
    const store = await openStore();
    await store.append('s', numbered(2));
    const onError = vi.fn();
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    store.subscribe(() => Promise.reject(undefined), { after: 0, onError });
    await until(() => expect(onError).toHaveBeenCalledTimes(2));
    expect(onError.mock.calls.map(([error]: unknown[]) => error)).toEqual([undefined, undefined]);
  });

  it('that is slow delays itself only: writers and other subscribers go on', async () => {
    const store = await openStore();
    const hold = gate();
    const [slow, fast]: number[][] = [[], []];
    const subscriptions = [
      store.subscribe(async ({ position }) => {
        slow?.push(position);
        await hold.opened;
      }),
      store.subscribe(({ position }) => void fast?.push(position)),
    ];
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (let i = 0; i < 1_000; i++) await store.append(`s-${i % 7}`, numbered(1));
    await until(() => expect(fast).toEqual(range(1_000)));
    expect(slow).toEqual([1]);
    hold.open();
    await until(() => expect(slow).toEqual(range(1_000)));
  });

  it('that is slow over 100,000 events holds one page of them at the most', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    const hold = gate();
    const reached = gate();
    let [handled, made, held] = [0, 0, 0];
    const subscription = store.consume(
      async ({ events }) => {
        made += events.length;
        for (const _ of events) {
          handled++;
          held = Math.max(held, made - handled);
          if (handled !== 1) continue;
          reached.open();
          await hold.opened;
        }
      },
      { after: 0 },
    );
    await subscription.ready;
    await store.append('s', numbered(1));
    await reached.opened;
    const reads = backend.count('readAll');
    for (let i = 0; i < 10; i++) await store.append('s', numbered(10_000));
    await turns();
    // While it waits nothing is read ahead, whatever is appended.
    expect(backend.count('readAll')).toBe(reads);
    hold.open();
    await until(() => expect(handled).toBe(100_001));
    const sizes = backend.calls
      .filter(({ operation }) => operation === 'readAll')
      .map(({ argument }) => (argument as { limit: number }).limit);
    expect(held).toBe(Limits.pageEventsMax - 1);
    expect(new Set(sizes)).toEqual(new Set([Limits.pageEventsMax]));
    expect(sizes.length).toBeLessThanOrEqual(Math.ceil(100_000 / Limits.pageEventsMax) + 3);
  });

  it.each(['subscribe', 'events$'] as const)(
    'that catches up does not hold up the event loop (%s)',
    async (method) => {
      const store = await openStore();
      for (let i = 0; i < 5; i++) await store.append('s', numbered(10_000));
      let [handled, sinceTurn, longest, running] = [0, 0, 0, true];
      const turn = (): void => {
        sinceTurn = 0;
        if (running) setImmediate(turn);
      };
      turn();
      const next = (): void => {
        handled++;
        longest = Math.max(longest, ++sinceTurn);
      };
      if (method === 'subscribe') store.subscribe(next, { after: 0 });
      else store.events$({ after: 0 }).subscribe(next);
      await until(() => expect(handled).toBe(50_000));
      running = false;
      expect(longest).toBeLessThanOrEqual(2 * Limits.pageEventsMax);
    },
  );
});

describe('a fault of the backend', () => {
  it('while reading is reported, and the read is tried again with a back-off', async () => {
    const unhandled = watchUnhandled();
    const [backend, clock, logger] = [new ScriptedBackend(), new FakeClock(), new Reports()];
    const store = await openStore(backend, { clock, logger });
    await store.append('s', numbered(3));
    const broken = new Error('connection lost');
    backend.failNext('readAll', broken, 10);
    const seen: number[] = [];
    const subscription = store.subscribe(({ position }) => void seen.push(position), { after: 0 });
    await subscription.ready;
    await turns();
    const { readRetryDelayMs, readRetryDelayMaxMs } = Limits;
    for (let attempt = 1; attempt <= 10; attempt++) {
      expect(backend.count('readAll')).toBe(attempt);
      expect(logger.errors).toHaveLength(attempt);
      const ms = Math.min(readRetryDelayMaxMs, readRetryDelayMs * 2 ** (attempt - 1));
      expect(logger.errors.at(-1)).toEqual({
        message: expect.stringContaining(`again in ${ms} ms`) as string,
        error: broken,
      });
      await clock.advance(ms - 1);
      expect(backend.count('readAll')).toBe(attempt);
      await clock.advance(1);
    }
    expect(seen).toEqual([1, 2, 3]);
    // The next fault begins with the short delay again.
    backend.failNext('readAll', broken);
    await store.append('s', numbered(1));
    await turns();
    await clock.advance(readRetryDelayMs);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(await unhandled()).toEqual([]);
  });

  it('at the start delays `ready`, and what is appended meanwhile is not lost to one who starts at 0', async () => {
    const [backend, clock, logger] = [new ScriptedBackend(), new FakeClock(), new Reports()];
    const store = await openStore(backend, { clock, logger });
    backend.failNext('head', new Error('starting up'), 2);
    const seen: number[] = [];
    const subscription = store.subscribe(({ position }) => void seen.push(position), { after: 0 });
    await store.append('s', numbered(2));
    await turns();
    expect(seen).toEqual([]);
    await clock.advance(Limits.readRetryDelayMs * 3);
    await subscription.ready;
    await turns();
    expect(seen).toEqual([1, 2]);
    expect(logger.errors).toHaveLength(2);
  });

  it('does not keep unsubscribe or close waiting for the next try', async () => {
    const [backend, clock] = [new ScriptedBackend(), new FakeClock()];
    const store = await EventStore.open(backend, { clock, logger: new Reports() });
    backend.failNext('readAll', new Error('connection lost'), Infinity);
    const subscriptions = [1, 2].map(() => store.subscribe(() => undefined, { after: 0 }));
    await turns();
    expect(clock.pending).toBe(2);
    await subscriptions[0]?.unsubscribe();
    await store.close();
    expect(clock.pending).toBe(0);
  });

  it('that says the backend is closed ends its reader silently, and completes an observer', async () => {
    const unhandled = watchUnhandled();
    const [backend, logger] = [new ScriptedBackend(), new Reports()];
    const store = await openStore(backend, { logger });
    const completed = gate();
    const seen = [store.subscribe(() => undefined).ready, store.consume(() => undefined).ready];
    store.events$().subscribe({ complete: () => completed.open() });
    await Promise.all(seen);
    await turns();
    backend.failNext('readAll', new StoreClosedError('readAll'), 3);
    await store.append('s', numbered(1));
    await completed.opened;
    expect(logger.errors).toEqual([]);
    expect(await unhandled()).toEqual([]);
  });
});
