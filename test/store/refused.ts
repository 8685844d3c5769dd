import { beforeEach, expect } from 'vitest';
import { AllFrameError, EventStore, InMemoryBackend } from '@allframe/nestjs';

/** A store with one event and one record, of which nothing may be lost. */
export interface Kept {
  readonly store: EventStore;
  /** The call fails with an error of this code whose message holds these words, and the store is as it was. */
  refused(call: () => unknown, code: string, words: RegExp): Promise<void>;
}

/** A store that is new for each test; its stream `kept-1` is at version 1. */
export function keptStore(): Kept {
  let store: EventStore;
  beforeEach(async () => {
    store = await EventStore.open(new InMemoryBackend());
    await store.append('kept-1', [{ type: 'kept', data: { n: 0 } }]);
    await store.records.write([{ collection: 'kept', key: 'k', value: 1 }]);
    return () => store.close();
  });
  return {
    get store() {
      return store;
    },
    async refused(call, code, words) {
      const before = await pictureOf(store);
      let error: unknown;
      try {
        await call();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(AllFrameError);
      expect(error).toMatchObject({ code, name: code });
      expect((error as AllFrameError).message).toMatch(words);
      expect(await pictureOf(store)).toEqual(before);
      // The stream stays writable, and no position was used up.
      const head = await store.backend.head();
      const event = { type: 'kept', data: { n: head } };
      const result = await store.append('kept-1', [event], { expectedVersion: head });
      expect(result).toMatchObject({ version: head + 1, position: head + 1 });
    },
  };
}

async function pictureOf(store: EventStore): Promise<unknown> {
  const { totalEvents, totalAggregates, totalSnapshots } = await store.stats();
  const records: unknown[] = [];
  for (const collection of ['kept', 'c', 'snapshots', 'checkpoints'])
    for await (const record of store.records.list(collection)) records.push({ collection, ...record });
  const events = JSON.stringify(await store.getAllEvents());
  return { totalEvents, totalAggregates, totalSnapshots, head: await store.backend.head(), events, records };
}

export async function drained(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}
