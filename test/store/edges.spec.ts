import { EventStore, InMemoryBackend, InvalidArgumentError } from '@allframe/nestjs';
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
