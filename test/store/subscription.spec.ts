/** What a subscriber is promised when all goes well. */
import { describe, expect, it, vi } from 'vitest';
import { InMemoryBackend, Limits, PositionBeyondHeadError, type RecordedEvent } from '@allframe/nestjs';
import { numbered, openStore } from './bank.js';
import { gate, isSettled, turns, until } from './gate.js';
import { Reports } from './reports.js';
import { ScriptedBackend } from './scripted-backend.js';

const positions = (events: readonly RecordedEvent[]): number[] => events.map(({ position }) => position);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('subscribe', () => {
  it('hands out history and what comes, in position order, one at a time', async () => {
    const store = await openStore();
    const seen: RecordedEvent[] = [];
    let running = 0;
    await store.append('s', numbered(1_200));
    const subscription = store.subscribe(
      async (event) => {
        expect(++running).toBe(1);
        if (event.position % 100 === 0) await turns(1);
        seen.push(event);
        running--;
      },
      { after: 0 },
    );
    await subscription.ready;
    for (let i = 0; i < 20; i++) await store.append(`s-${i % 3}`, numbered(3));
    await until(() => expect(seen).toHaveLength(1_260));
    expect(positions(seen)).toEqual(range(1, 1_260));
  });

  it('peer trap 2: events of one stream are handled in order, however long each takes', async () => {
    const store = await openStore();
    const order: unknown[] = [];
    const subscription = store.subscribe(async ({ data }) => {
      const { n } = data as { n: number };
      await turns(5 - n);
      order.push(n);
    });
    await subscription.ready;
    for (const event of numbered(4)) await store.append('s', [event]);
    await until(() => expect(order).toHaveLength(4));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('peer trap 14a: "from now on" means from now on, and replays no history', async () => {
    const store = await openStore();
    await store.append('s', numbered(2_000));
    const seen: RecordedEvent[] = [];
    const subscriptions = [
      store.subscribe((event) => void seen.push(event)),
      store.subscribe((event) => void seen.push(event), { after: 'now' }),
    ];
    await Promise.all(subscriptions.map(({ ready }) => ready));
    await turns();
    expect(seen).toEqual([]);
    await store.append('s', numbered(1));
    await until(() => expect(seen).toHaveLength(2));
    expect(positions(seen)).toEqual([2_001, 2_001]);
  });

  it('every append that is called after `ready` is delivered, at once and on an empty store too', async () => {
    const store = await openStore();
    for (let round = 1; round <= 50; round++) {
      const seen: number[] = [];
      const subscription = store.subscribe(({ position }) => void seen.push(position));
      await subscription.ready;
      const appended = await Promise.all([1, 2, 3].map(() => store.append('s', numbered(1))));
      await until(() => expect(seen).toHaveLength(3));
      expect(seen).toEqual(appended.map(({ position }) => position));
      await subscription.unsubscribe();
    }
  });

  it('a sleeping subscriber is woken by every single append, whatever its size', async () => {
    const store = await openStore();
    const seen: number[] = [];
    await store.subscribe(({ position }) => void seen.push(position)).ready;
    await turns();
    for (let i = 0; i < 40; i++) {
      const { position } = await store.append(`s-${i}`, numbered(1 + (i % 4)));
      await turns(1);
      expect(seen).toEqual(range(1, position));
    }
  });

  it('starts behind the given position', async () => {
    const store = await openStore();
    await store.append('s', numbered(1_030));
    const starts = [0, 1, 511, 512, 513, 1_029, 1_030];
    const seen = starts.map((after) => {
      const list: number[] = [];
      store.subscribe(({ position }) => void list.push(position), { after });
      return list;
    });
    await turns();
    await store.append('s', numbered(1));
    await until(() => expect(seen.map((list) => list.at(-1))).toEqual(starts.map(() => 1_031)));
    expect(seen).toEqual(starts.map((after) => range(after + 1, 1_031)));
  });

  it('rejects `ready` for a position beyond the head, reports it, and hands out nothing', async () => {
    const reports = new Reports();
    const store = await openStore(new InMemoryBackend(), { logger: reports });
    await store.append('s', numbered(3));
    const next = vi.fn();
    const subscription = store.subscribe(next, { after: 4 });
    await expect(subscription.ready).rejects.toThrow(PositionBeyondHeadError);
    await expect(subscription.ready).rejects.toMatchObject({ position: 4, head: 3 });
    await store.append('s', numbered(5));
    await turns();
    expect(next).not.toHaveBeenCalled();
    expect(reports.errors).toMatchObject([{ message: expect.stringMatching(/could not start/) as string }]);
    await subscription.unsubscribe();
  });

  it('filters by type, category and stream, and by all of them at once', async () => {
    const store = await openStore();
    const seen: Record<string, number[]> = { types: [], categories: [], stream: [], all: [], none: [] };
    const follow = (name: string, options: object): unknown =>
      store.subscribe(({ position }) => void seen[name]?.push(position), { after: 0, ...options });
    const append = async (): Promise<void> => {
      for (const streamId of ['a-1', 'a-2', 'b-1', 'a'])
        await store.append(streamId, [{ type: 'x', data: 1 }, { type: 'y', data: 1 }]); // prettier-ignore
    };
    await append();
    follow('types', { types: ['x', 'z'] });
    follow('categories', { categories: ['a'] });
    follow('stream', { streamId: 'a-1' });
    follow('all', { types: ['y'], categories: ['a', 'b'], streamId: 'a-2' });
    follow('none', { types: [] });
    await turns();
    await append();
    await turns();
    expect(seen).toEqual({
      types: [1, 3, 5, 7, 9, 11, 13, 15],
      categories: [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 15, 16],
      stream: [1, 2, 9, 10],
      all: [4, 12],
      none: [],
    });
  });

  it('a filtered reader moves past pages without one wanted event, and tells how far it is', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    for (let i = 0; i < 4; i++) await store.append('noise', numbered(10_000));
    await store.append('s', [{ type: 'wanted', data: 1 }]);
    const pages: { events: number; through: number }[] = [];
    store.consume(({ events, through }) => void pages.push({ events: events.length, through }), {
      after: 0,
      types: ['wanted'],
    });
    await until(() => expect(pages.at(-1)?.through).toBe(40_001));
    const scan = Limits.pageScanEventsMax;
    expect(pages).toEqual([
      { events: 0, through: scan },
      { events: 0, through: 2 * scan },
      { events: 1, through: 40_001 },
    ]);
    // Live events that it does not want move it on as well, and it rereads nothing.
    const reads = backend.count('readAll');
    await store.append('noise', numbered(2));
    await until(() => expect(pages.at(-1)).toEqual({ events: 0, through: 40_003 }));
    expect(backend.count('readAll')).toBe(reads + 1);
  });
});

describe('unsubscribe', () => {
  it('takes effect at once, in the middle of a page, and resolves when the running next has ended', async () => {
    const store = await openStore();
    await store.append('s', numbered(100));
    const [started, hold] = [gate(), gate()];
    const seen: number[] = [];
    const subscription = store.subscribe(
      async ({ position }) => {
        seen.push(position);
        if (position < 3) return;
        started.open();
        await hold.opened;
      },
      { after: 0 },
    );
    await started.opened;
    const ended = subscription.unsubscribe();
    expect(await isSettled(ended)).toBe(false);
    hold.open();
    await ended;
    await store.append('s', numbered(1));
    await turns();
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each([
    ['in a sync next', (unsubscribe: () => Promise<void>) => void unsubscribe()],
    ['in an async next', async (unsubscribe: () => Promise<void>) => unsubscribe()],
    [
      'after awaits, timers and other appends',
      async (unsubscribe: () => Promise<void>) => {
        await turns(2);
        await new Promise((resolve) => setTimeout(resolve, 1));
        await Promise.all([unsubscribe(), unsubscribe()]);
      },
    ],
  ])('resolves at once when it is called from inside: %s', async (_, next) => {
    const store = await openStore();
    await store.append('s', numbered(10));
    let handled = 0;
    const ended = gate();
    const subscription = store.subscribe(
      async () => {
        handled++;
        await next(() => subscription.unsubscribe());
        ended.open();
      },
      { after: 0 },
    );
    await ended.opened;
    await store.append('s', numbered(10));
    await turns();
    expect(handled).toBe(1);
    await subscription.unsubscribe();
  });

  it('from inside another subscriber’s next waits for the running next', async () => {
    const store = await openStore();
    const [started, hold] = [gate(), gate()];
    const log: string[] = [];
    const slow = store.subscribe(async () => {
      started.open();
      await hold.opened;
      log.push('slow next ended');
    });
    const other = store.subscribe(async () => {
      await started.opened;
      await slow.unsubscribe();
      log.push('unsubscribed');
    });
    await Promise.all([slow.ready, other.ready]);
    await store.append('s', numbered(1));
    await turns();
    expect(log).toEqual([]);
    hold.open();
    await until(() => expect(log).toEqual(['slow next ended', 'unsubscribed']));
  });

  it('called by what an earlier next left behind is not inside the running one, and waits for it', async () => {
    const store = await openStore();
    const [left, hold, second] = [gate(), gate(), gate()];
    let unsubscribed: Promise<void> | undefined;
    const subscription = store.subscribe(async ({ position }) => {
      if (position === 1) {
        // Nobody waits for this; its context is that of the first next all the same.
        void left.opened.then(() => (unsubscribed = subscription.unsubscribe()));
        return;
      }
      second.open();
      await hold.opened;
    });
    await subscription.ready;
    await store.append('s', numbered(2));
    await second.opened;
    left.open();
    await turns();
    expect(await isSettled(unsubscribed as Promise<void>)).toBe(false);
    hold.open();
    await unsubscribed;
  });

  it('of a consumer resolves at once inside its page handler', async () => {
    const store = await openStore();
    await store.append('s', numbered(3));
    const pages: number[] = [];
    const consumer = store.consume(
      async ({ events }, self) => {
        pages.push(events.length);
        await turns(1);
        await self.stop();
      },
      { after: 0 },
    );
    await consumer.ended;
    await store.append('s', numbered(3));
    await turns();
    expect(pages).toEqual([3]);
  });

  it('while a page is being read drops that page', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(3));
    const reading = gate();
    backend.after = (operation) => (operation === 'readAll' ? reading.opened : undefined);
    const [handle, next] = [vi.fn(), vi.fn()];
    const consumer = store.consume(handle, { after: 0 });
    const subscription = store.subscribe(next, { after: 0 });
    await until(() => expect(backend.count('readAll')).toBe(2));
    const ended = Promise.all([consumer.stop(), subscription.unsubscribe()]);
    reading.open();
    await ended;
    expect(handle).not.toHaveBeenCalled();
    expect(next).not.toHaveBeenCalled();
  });

  it('before `ready` and twice is no error, and nothing is delivered', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(5));
    const head = gate();
    backend.before = (operation) => (operation === 'head' ? head.opened : undefined);
    const next = vi.fn();
    const subscription = store.subscribe(next, { after: 0 });
    const ended = Promise.all([subscription.unsubscribe(), subscription.unsubscribe()]);
    head.open();
    await ended;
    await subscription.ready;
    await turns();
    expect(next).not.toHaveBeenCalled();
    expect(backend.count('readAll')).toBe(0);
  });

  it('leaves no watcher behind, asleep or not', async () => {
    let watchers = 0;
    class Counted extends InMemoryBackend {
      override watch(wake: () => void): () => void {
        const leave = super.watch(wake);
        watchers++;
        return () => {
          watchers--;
          leave();
        };
      }
    }
    const store = await openStore(new Counted());
    await store.append('s', numbered(3));
    const subscriptions = Array.from({ length: 10 }, (_, i) =>
      store.subscribe(() => undefined, { after: i % 4 }),
    );
    const observers = [store.events$().subscribe(), store.events$({ after: 0 }).subscribe()];
    await turns();
    expect(watchers).toBe(12);
    await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
    observers.forEach((observer) => observer.unsubscribe());
    await turns();
    expect(watchers).toBe(0);
    store.consume(() => undefined, { after: 99 });
    await turns();
    expect(watchers).toBe(0);
  });
});
