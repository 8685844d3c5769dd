import { EventStore, InMemoryBackend, InvalidArgumentError } from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { describe, expect, it } from 'vitest';

const EVENT = { type: 'x', data: 1 };

describe('at the edges', () => {
  it('readAll ends at the head of its beginning, even where every event read is followed by an append', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await store.append(
      'a',
      Array.from({ length: 600 }, () => EVENT),
    );
    let read = 0;
    for await (const _ of store.readAll()) {
      read++;
      if (read > 2_000) break;
      await store.append('b', [EVENT]);
    }
    expect(read).toBe(600);
  });

  it('an id source of your own is checked, and its repeats are found', async () => {
    const bad = await EventStore.open(new InMemoryBackend(), { newEventId: () => 'nope' });
    await expect(bad.append('a', [EVENT])).rejects.toThrow(InvalidArgumentError);
    const same = await EventStore.open(new InMemoryBackend(), {
      newEventId: () => '01890000-0000-7000-8000-000000000001',
    });
    await same.append('a', [EVENT]);
    await expect(same.append('b', [EVENT])).rejects.toMatchObject({ code: 'DuplicateEventError' });
    expect(await same.head()).toBe(1);
  });

  it('one look at the clock, fractions cut off, dates a commit and all its ids', async () => {
    let looks = 0;
    const clock = new FakeClock();
    clock.now = () => 1_700_000_000_000.75 + 1_000 * looks++;
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    await store.append('a', [EVENT, EVENT, EVENT]);
    await store.appendAll([
      { streamId: 'a', events: [EVENT] },
      { streamId: 'b', events: [EVENT] },
    ]);
    expect(looks).toBe(2);
    for (const { id, position, recordedAt } of await store.getAllEvents()) {
      const milliseconds = position <= 3 ? 1_700_000_000_000 : 1_700_000_001_000;
      expect(recordedAt.getTime()).toBe(milliseconds);
      expect(parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(milliseconds);
    }
  });

  it.each([-5, NaN, Infinity, 2 ** 48, 'now'])('a clock that says it is %s is refused', async (now) => {
    const clock = new FakeClock();
    clock.now = () => now as number;
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    await expect(store.append('a', [EVENT])).rejects.toThrow(/^options\.clock: its now\(\) gives/);
    await expect(store.records.write([{ collection: 'c', key: 'k', value: 1 }])).rejects.toThrow(
      /options\.clock/,
    );
    expect(await store.head()).toBe(0);
  });

  it('an expected version that is null or undefined is "any", for one stream and for several', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    for (const expectedVersion of [null, undefined] as unknown as 'any'[]) {
      await store.append('a', [EVENT], { expectedVersion });
      await store.appendAll([{ streamId: 'a', events: [EVENT], expectedVersion }]);
    }
    expect(await store.head()).toBe(4);
  });

  it('a backend that throws where it should reject is told to the caller, and keeps no store open', async () => {
    class Throwing extends InMemoryBackend {
      override append(): never {
        throw new Error('not today');
      }
    }
    const store = await EventStore.open(new Throwing());
    await expect(store.append('a', [EVENT])).rejects.toThrow('not today');
    await store.close();
  });

  it('two events are not equal to who compares their members', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await store.append('a', [EVENT, EVENT]);
    const [first, second] = await store.getEvents('a');
    expect(first).not.toEqual(second);
    expect(JSON.stringify(first)).toBe(JSON.stringify((await store.getEvents('a'))[0]));
  });

  it.each<[string, (store: EventStore) => unknown]>([
    ['subscribe without a function', (store) => store.subscribe(undefined as never)],
    ['a snapshot that is null', (store) => store.saveSnapshot('a', null as never)],
    ['records that are no list', (store) => store.records.write(null as never)],
    [
      'a category that no stream has',
      (store) => store.subscribe(() => undefined, { categories: ['\ud800'] }),
    ],
    ['no backend', () => EventStore.open(null as never)],
  ])('%s is an InvalidArgumentError', async (_what, call) => {
    const store = await EventStore.open(new InMemoryBackend());
    await expect((async () => call(store))()).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});
