import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { InMemoryBackend, type RecordedEvent } from '@allframe/nestjs';
import { EventTypes } from '../../lib/store/event-types.js';
import { LazyRecordedEvent } from '../../lib/store/lazy-recorded-event.js';
import { AccountOpened, MoneyDeposited, openStore } from './bank.js';
import { turns, until } from './gate.js';

const STORED = {
  id: '0190b3a0-0000-7000-8000-000000000001',
  streamId: 'account-1',
  version: 3,
  position: 7,
  type: 'money.deposited',
  schemaVersion: 2,
  data: '{"amount":5}',
  metadata: '{"correlationId":"c"}',
  recordedAt: Date.UTC(2024, 1, 29),
};
const ALL = {
  ...STORED,
  data: { amount: 5 },
  metadata: { correlationId: 'c' },
  recordedAt: new Date(STORED.recordedAt),
};

/** An event whose texts are counted when they are looked at. */
function lazyEvent(texts: Partial<typeof STORED> = {}): { event: RecordedEvent; looks: () => string[] } {
  const looks: string[] = [];
  const stored = { ...STORED, ...texts };
  const watched = new Proxy(stored, {
    get(target, name: keyof typeof STORED) {
      if (name === 'data' || name === 'metadata') looks.push(name);
      return target[name];
    },
  });
  return { event: new LazyRecordedEvent(watched, new EventTypes()), looks: () => looks };
}

describe('a recorded event', () => {
  it('parses nothing until it is looked at, and then once', () => {
    const { event, looks } = lazyEvent();
    const { id, streamId, version, position, type, schemaVersion, recordedAt } = event;
    expect({ id, streamId, version, position, type, schemaVersion, recordedAt }).toEqual({
      id: STORED.id,
      streamId: 'account-1',
      version: 3,
      position: 7,
      type: 'money.deposited',
      schemaVersion: 2,
      recordedAt: new Date(STORED.recordedAt),
    });
    expect(looks()).toEqual([]);
    expect(event.data).toBe(event.data);
    expect(event.metadata).toBe(event.metadata);
    expect(event.recordedAt).toBe(event.recordedAt);
    expect(looks()).toEqual(['data', 'metadata']);
  });

  it.each(['null', 'false', '0', '""'])('parses %s once as well', (data) => {
    const { event, looks } = lazyEvent({ data });
    expect(event.data).toBe(JSON.parse(data));
    expect(event.data).toBe(JSON.parse(data));
    expect(looks()).toEqual(['data']);
  });

  it('shows all of itself to JSON.stringify, console.log and toJSON', () => {
    const { event } = lazyEvent();
    expect(JSON.parse(JSON.stringify(event))).toEqual({ ...ALL, recordedAt: '2024-02-29T00:00:00.000Z' });
    expect(inspect(event)).toBe(inspect(ALL));
    expect(JSON.parse(JSON.stringify({ event: [event] }))).toMatchObject({
      event: [{ data: { amount: 5 } }],
    });
  });

  it('refuses to have its fields replaced', () => {
    const event = lazyEvent().event as { -readonly [K in keyof RecordedEvent]: RecordedEvent[K] };
    expect(() => (event.data = {})).toThrow(TypeError);
    expect(() => (event.metadata = {})).toThrow(TypeError);
    expect(event.data).toEqual({ amount: 5 });
  });
});

describe('hydration', () => {
  it('gives data the prototype of its class, and does not run the constructor', async () => {
    const store = await openStore(new InMemoryBackend(), { events: [MoneyDeposited] });
    await store.append('account-1', [new AccountOpened('Ada', 1), new MoneyDeposited(2_000)]);
    const [opened, deposited] = await store.getEvents('account-1');
    expect(Object.getPrototypeOf(opened?.data)).toBe(Object.prototype);
    expect(deposited?.data).toBeInstanceOf(MoneyDeposited);
    expect(deposited).toMatchObject({ data: { isLarge: true } });
    store.registerEvents([AccountOpened]);
    expect((await store.getEvents('account-1'))[0]?.data).toBeInstanceOf(AccountOpened);
  });

  it('holds for what was appended as a plain object', async () => {
    const store = await openStore(new InMemoryBackend(), { events: [MoneyDeposited] });
    await store.append('account-1', [{ type: 'money.deposited', data: { amount: 1, extra: true } }]);
    expect((await store.getEvents('account-1'))[0]?.data).toEqual(
      Object.assign(new MoneyDeposited(1), { extra: true }),
    );
  });

  it.each([[[1, 2]], ['text'], [5], [null], [true]])(
    'leaves data that is no object as it is: %j',
    async (data) => {
      const store = await openStore(new InMemoryBackend(), { events: [MoneyDeposited] });
      await store.append('account-1', [{ type: 'money.deposited', data }]);
      expect((await store.getEvents('account-1'))[0]?.data).toStrictEqual(data);
    },
  );

  it('is not misled by a member called __proto__', async () => {
    const store = await openStore(new InMemoryBackend(), { events: [MoneyDeposited] });
    const data: unknown = JSON.parse('{"__proto__":{"isLarge":"evil"},"amount":1}');
    await store.append('account-1', [{ type: 'money.deposited', data }]);
    const read = (await store.getEvents('account-1'))[0]?.data as MoneyDeposited;
    expect(Object.getPrototypeOf(read)).toBe(MoneyDeposited.prototype);
    expect(read.isLarge).toBe(false);
    expect(Object.keys(read)).toEqual(['__proto__', 'amount']);
  });

  it('differs between two stores on one backend', async () => {
    const backend = new InMemoryBackend();
    const [knowing, plain] = [
      await openStore(backend, { events: [MoneyDeposited] }),
      await openStore(backend),
    ];
    await plain.append('account-1', [new MoneyDeposited(1)]);
    expect((await knowing.getEvents('account-1'))[0]?.data).toBeInstanceOf(MoneyDeposited);
    expect((await plain.getEvents('account-1'))[0]?.data).not.toBeInstanceOf(MoneyDeposited);
  });
});

describe('what a reader does to an event changes nobody else’s', () => {
  const spoil = (event: RecordedEvent): void => {
    const { data, metadata, recordedAt } = event as {
      data: { list: number[] };
      metadata: object;
      recordedAt: Date;
    };
    data.list.push(99);
    Object.assign(data, { spoilt: true });
    Object.assign(metadata, { spoilt: true });
    recordedAt.setFullYear(1999);
  };

  it('not the writer’s own objects', async () => {
    const store = await openStore();
    const data = { list: [1] };
    const metadata = { user: { name: 'Ada' } };
    await store.append('s', [{ type: 'a', data }], { metadata });
    data.list.push(2);
    metadata.user.name = 'Eve';
    const [event] = await store.getEvents('s');
    expect(event).toMatchObject({ data: { list: [1] }, metadata: { user: { name: 'Ada' } } });
    spoil(event as RecordedEvent);
    expect(data).toEqual({ list: [1, 2] });
  });

  it('not what is read again, and not what other subscribers and observers get', async () => {
    const store = await openStore();
    const seen: RecordedEvent[] = [];
    const spoiler = store.subscribe(spoil);
    const first = store.subscribe((event) => void seen.push(event));
    store.events$().subscribe(spoil);
    store.events$().subscribe((event) => seen.push(event));
    await Promise.all([spoiler.ready, first.ready]);
    await turns();
    await store.append('s', [{ type: 'a', data: { list: [1] } }]);
    await until(() => expect(seen).toHaveLength(2));
    const [read] = await store.getEvents('s');
    spoil(read as RecordedEvent);
    for (const event of [...seen, ...(await store.getAllEvents())]) {
      expect(event.data).toEqual({ list: [1] });
      expect(event.metadata).toEqual({});
      expect(event.recordedAt.getFullYear()).not.toBe(1999);
    }
  });
});
