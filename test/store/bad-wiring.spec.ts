/** Bad input gets a typed error that names the culprit, and nothing is lost or half-written: readers, records and wiring. */
import { lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  EventHandler,
  EventStore,
  InMemoryBackend,
  ProjectionRegistry,
} from '@allframe/nestjs';
import { MoneyDeposited } from './bank.js';
import { drained, keptStore } from './refused.js';

const kept = keptStore();
const { refused } = kept;
const snapshot = { version: 1, revision: 1, state: {} };

describe('readers and subscribers refuse', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a direction that is none',
      () => drained(kept.store.readAll({ direction: 'up' as 'forward' })),
      /^options\.direction: up/,
    ],
    ['a limit of 0', () => drained(kept.store.readStream('kept-1', { limit: 0 })), /^options\.limit: 0/],
    [
      'an empty event type',
      () => kept.store.subscribe(() => undefined, { types: ['good', ''] }),
      /^options\.types\[1\]: it is empty/,
    ],
    [
      'types that are no list',
      () => drained(kept.store.readAll({ types: 'good' as unknown as string[] })),
      /^options\.types: /,
    ],
    [
      'categories that are no list',
      () => kept.store.subscribe(() => undefined, { categories: 'kept' as unknown as string[] }),
      /^options\.categories: /,
    ],
    [
      'a category that is no string',
      () => drained(kept.store.readAll({ categories: [5 as unknown as string] })),
      /^options\.categories\[0\]: /,
    ],
  ])('%s', (_, call, words) => refused(call, 'InvalidArgumentError', words));

  it('a next that is no function', async () => {
    const next = undefined as unknown as () => void;
    await refused(() => kept.store.subscribe(next), 'InvalidArgumentError', /^next: a function/);
  });

  it('a position beyond the head', async () => {
    await refused(
      () => drained(kept.store.readAll({ after: 9 })),
      'PositionBeyondHeadError',
      /9 .*head of the store, 1/,
    );
    await refused(() => lastValueFrom(kept.store.events$({ after: 9 })), 'PositionBeyondHeadError', /9/);
  });
});

describe('records are refused', () => {
  it.each<[string, object, string, RegExp]>([
    ['an empty collection', { collection: '' }, 'InvalidArgumentError', /^collection: it is empty/],
    [
      'a collection of 65 bytes',
      { collection: 'c'.repeat(65) },
      'LimitExceededError',
      /^collection .*recordCollectionBytesMax/,
    ],
    ['an empty key', { key: '' }, 'InvalidArgumentError', /^key: it is empty/],
    ['a key of 1,025 bytes', { key: 'k'.repeat(1_025) }, 'LimitExceededError', /^key .*recordKeyBytesMax/],
    ['a lone surrogate in a key', { key: '\ud800' }, 'InvalidArgumentError', /^key: .*lone surrogate/],
    [
      'an unserialisable value',
      { value: { a: new Set() } },
      'UnserialisableDataError',
      /^record "k" of "c"\.a is an instance of Set/,
    ],
    [
      'a value that is undefined',
      { value: undefined },
      'UnserialisableDataError',
      /^record "k" of "c" is undefined/,
    ],
    [
      'a value over the limit',
      { value: 'é'.repeat(2 ** 19) },
      'LimitExceededError',
      /^record "k" of "c" .*recordBytesMax: 1048578/,
    ],
  ])('%s', (_, part, code, words) =>
    refused(
      () =>
        kept.store.records.write([
          { collection: 'c', key: 'good', value: 1 },
          { collection: 'c', key: 'k', value: 1, ...part },
        ]),
      code,
      words,
    ),
  );

  it.each([null, undefined, 'text', { 0: 1, length: 1 }])('%s for the list of changes', async (changes) => {
    const write = (): unknown => kept.store.records.write(changes as unknown as []);
    await refused(write, 'InvalidArgumentError', /^changes: an array/);
  });

  it.each([null, undefined, 5])('%s for a snapshot', async (bad) => {
    const save = (): unknown => kept.store.saveSnapshot('kept-1', bad as unknown as typeof snapshot);
    await refused(save, 'InvalidArgumentError', /^snapshot: an object/);
  });

  it('no changes, 10,001 changes, the same record twice', async () => {
    await refused(() => kept.store.records.write([]), 'InvalidArgumentError', /^changes: there are none/);
    const many = Array.from({ length: 10_001 }, (_, i) => ({ collection: 'c', key: `k${i}`, value: 1 }));
    await refused(() => kept.store.records.write(many), 'LimitExceededError', /commitRecordsMax: 10001/);
    const twice = [1, 2].map((value) => ({ collection: 'c', key: 'k', value }));
    await expect(kept.store.records.write(twice)).rejects.toThrow(/"k" of "c" stands twice/);
  });
});

describe('wiring is refused', () => {
  @Aggregate('typo')
  class Typo extends AggregateRoot {
    @EventHandler('acount.opened') on(): void {}
  }
  class Nameless extends AggregateRoot {}

  it('a handler for a type that no class declares', async () => {
    await refused(
      () => new AggregateRepository(kept.store, Typo),
      'UnknownEventTypeError',
      /Typo\.on .*"acount\.opened"/,
    );
  });

  it('an aggregate without @Aggregate', async () => {
    await refused(
      () => new AggregateRepository(kept.store, Nameless),
      'UndecoratedAggregateError',
      /Nameless/,
    );
  });

  it('a projection without handlers, and two projections of one name', async () => {
    const registry = new ProjectionRegistry();
    const definition = {
      name: 'p',
      version: 1,
      store: undefined,
      state: 'stored',
      className: 'First',
      instanceFor: () => ({}),
    } as const;
    const words = /"p" \(class First\) handles no event/;
    await refused(
      () => registry.register({ ...definition, methods: new Map() }, kept.store),
      'ProjectionWithoutHandlersError',
      words,
    );
    expect(registry.list()).toEqual([]);
    registry.register({ ...definition, methods: new Map([['good', ['on']]]) }, kept.store);
    const second = { ...definition, className: 'Second', methods: new Map([['good', ['on']]]) };
    await expect(async () => registry.register(second, kept.store)).rejects.toThrow(/"p".*First and Second/);
    expect(registry.list()).toHaveLength(1);
  });

  it.each([NaN, -1, '5' as unknown as number])('a shutdown timeout of %s', async (shutdownTimeoutMs) => {
    const backend = new InMemoryBackend();
    await refused(
      () => EventStore.open(backend, { shutdownTimeoutMs }),
      'InvalidArgumentError',
      /^options\.shutdownTimeoutMs: /,
    );
    expect(backend.isOpen).toBe(false);
  });

  it.each<unknown>([null, undefined, {}, InMemoryBackend])('%s for a backend', async (backend) => {
    const open = (): unknown => EventStore.open(backend as InMemoryBackend);
    await refused(open, 'InvalidArgumentError', /^backend: an EventStoreBackend/);
  });

  it('a source of ids that makes no UUIDs, or the same one again', async () => {
    const backend = new InMemoryBackend();
    const store = await EventStore.open(backend, { newEventId: () => 'e1' });
    const append = (): unknown => store.append('s', [{ type: 'a', data: 1 }]);
    await refused(append, 'InvalidArgumentError', /^newEventId: "e1" is not a UUID/);
    const fixed = '0190b3a0-0000-7000-8000-00000000000a';
    const repeating = await EventStore.open(backend, { newEventId: () => fixed });
    const event = { type: 'a', data: 1 };
    await expect(repeating.append('s', [event, event])).rejects.toMatchObject({
      code: 'DuplicateEventError',
    });
    await repeating.append('s', [event]);
    await expect(repeating.append('t', [event])).rejects.toMatchObject({ code: 'DuplicateEventError' });
    expect(await repeating.head()).toBe(1);
    await Promise.all([store.close(), repeating.close()]);
  });

  it('an event class that is undefined, as a loop of imports leaves it', async () => {
    const events = [undefined as unknown as typeof MoneyDeposited];
    await refused(
      () => kept.store.registerEvents(events),
      'InvalidArgumentError',
      /^events: undefined is no class/,
    );
  });
});

describe('a method that returns a promise', () => {
  it('rejects and never throws synchronously', async () => {
    const bad = '' as string;
    const calls = [
      () => kept.store.append(bad, []),
      () => kept.store.appendAll([]),
      () => kept.store.getEvents(bad),
      () => kept.store.getEventsAfter(bad, -1),
      () => kept.store.saveSnapshot(bad, snapshot),
      () => kept.store.saveSnapshot('s', null as unknown as typeof snapshot),
      () => kept.store.getLatestSnapshot(bad),
      () => kept.store.records.get(bad, bad),
      () => kept.store.records.write([]),
      () => kept.store.checkpoints.load(bad),
      () => kept.store.checkpoints.claim(bad),
      () => EventStore.open(null as unknown as InMemoryBackend),
      () => new AggregateRepository(kept.store, Good).update('', () => undefined),
      () => new AggregateRepository(kept.store, Good).exists(''),
      () => new AggregateRepository(kept.store, Good).load(''),
      () => new ProjectionRegistry().waitFor('p', -1),
    ];
    for (const call of calls) {
      const promise: unknown = call();
      expect(promise, String(call)).toBeInstanceOf(Promise);
      await expect(promise, String(call)).rejects.toThrow(Error);
    }
  });
});

@Aggregate('good')
class Good extends AggregateRoot {}
