/** Metadata: what is merged, and what follows from what is being handled. */
import { concatMap, firstValueFrom, from, lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  type EventMetadata,
  type EventStore,
  InMemoryBackend,
  type RecordedEvent,
  withEventMetadata,
} from '@allframe/nestjs';
import { MoneyDeposited, openStore } from './bank.js';
import { passedMetadata, runningCall } from '../../lib/store/event-context.js';
import { gate, turns, until } from './gate.js';
import { ScriptedBackend } from './scripted-backend.js';

const EVENT = { type: 'a', data: {} };

async function metadataOf(store: EventStore, streamId: string): Promise<EventMetadata[]> {
  return (await store.getEvents(streamId)).map(({ metadata }) => metadata);
}

/** The first event of a stream, as soon as it is there. */
async function arrival(store: EventStore, streamId: string): Promise<RecordedEvent> {
  await until(async () => expect(await store.getEvents(streamId)).not.toEqual([]));
  return (await store.getEvents(streamId))[0] as RecordedEvent;
}

describe('metadata', () => {
  it('is {} where nobody gives any', async () => {
    const store = await openStore();
    await store.append('s', [EVENT, new MoneyDeposited(1)]);
    expect(await metadataOf(store, 's')).toEqual([{}, {}]);
  });

  it('is merged: the event’s own wins over the append’s, over the running call’s, over the store’s', async () => {
    const store = await openStore(undefined, {
      metadata: { a: 'store', b: 'store', c: 'store', d: 'store' },
    });
    await withEventMetadata({ a: 'call', b: 'call', c: 'call' }, () =>
      store.append('s', [{ ...EVENT, metadata: { a: 'event' } }, new MoneyDeposited(1)], {
        metadata: { a: 'append', b: 'append' },
      }),
    );
    expect(await metadataOf(store, 's')).toEqual([
      { a: 'event', b: 'append', c: 'call', d: 'store' },
      { a: 'append', b: 'append', c: 'call', d: 'store' },
    ]);
  });

  it('of the store may be a function, called at each append', async () => {
    let appends = 0;
    const store = await openStore(undefined, { metadata: () => ({ append: ++appends }) });
    await store.append('s', [EVENT, EVENT]);
    await store.appendAll([{ streamId: 's', events: [EVENT] }]);
    expect(await metadataOf(store, 's')).toEqual([{ append: 1 }, { append: 1 }, { append: 2 }]);
  });

  it('of the store that fails, fails the append and writes nothing', async () => {
    const fault = new Error('no tenant');
    const store = await openStore(undefined, {
      metadata: () => {
        throw fault;
      },
    });
    await expect(store.append('s', [EVENT])).rejects.toBe(fault);
    expect(await store.getAllEvents()).toEqual([]);
  });

  it('keeps members called __proto__ as data, however it is merged', async () => {
    const store = await openStore(undefined, { metadata: { a: 1 } });
    const evil = JSON.parse('{"__proto__":{"admin":true}}') as EventMetadata;
    await withEventMetadata(evil, () =>
      store.append('s', [{ ...EVENT, metadata: evil }], { metadata: evil }),
    );
    const [metadata] = await metadataOf(store, 's');
    expect(Object.keys(metadata as object)).toEqual(['a', '__proto__']);
    expect(metadata?.['admin']).toBeUndefined();
  });

  it('reaches every stream of a commit', async () => {
    const store = await openStore();
    const appends = ['a', 'b'].map((streamId) => ({ streamId, events: [EVENT] }));
    await store.appendAll(appends, { metadata: { user: 'Ada' } });
    expect([...(await metadataOf(store, 'a')), ...(await metadataOf(store, 'b'))]).toEqual([
      { user: 'Ada' },
      { user: 'Ada' },
    ]);
  });
});

describe('withEventMetadata', () => {
  it('puts what is undefined in the place of nothing', async () => {
    const store = await openStore();
    const absent = { correlationId: undefined } as unknown as EventMetadata;
    await withEventMetadata({ correlationId: 'c' }, () =>
      withEventMetadata(absent, () => store.append('s', [EVENT])),
    );
    expect(await metadataOf(store, 's')).toEqual([{ correlationId: 'c' }]);
  });

  it('gives back what the work gives, and reaches what it awaits', async () => {
    const store = await openStore();
    expect(withEventMetadata({}, () => 42)).toBe(42);
    await withEventMetadata({ user: 'Ada' }, async () => {
      await turns();
      await new Promise((resolve) => setTimeout(resolve, 0));
      await Promise.all([
        store.append('s', [EVENT]),
        lastValueFrom(from([1]).pipe(concatMap(() => store.append('s', [EVENT])))),
      ]);
    });
    await store.append('s', [EVENT]);
    expect(await metadataOf(store, 's')).toEqual([{ user: 'Ada' }, { user: 'Ada' }, {}]);
  });

  it('nests, the inner call winning, and the outer one is as before afterwards', async () => {
    const store = await openStore();
    await withEventMetadata({ a: 1, b: 1 }, async () => {
      await withEventMetadata({ b: 2, c: 2 }, () => store.append('s', [EVENT]));
      await store.append('s', [EVENT]);
    });
    expect(await metadataOf(store, 's')).toEqual([
      { a: 1, b: 2, c: 2 },
      { a: 1, b: 1 },
    ]);
  });

  it('keeps 200 calls that overlap apart', async () => {
    const store = await openStore();
    const calls = Array.from({ length: 200 }, (_, i) =>
      withEventMetadata({ correlationId: `c${i}` }, async () => {
        for (let step = 0; step < 3; step++) {
          if (i % 3 === 0) await turns(1);
          else await Promise.resolve();
          await store.append(`s-${i}`, [EVENT]);
        }
      }),
    );
    await Promise.all(calls);
    for (let i = 0; i < 200; i++)
      expect(new Set((await metadataOf(store, `s-${i}`)).map((m) => m.correlationId))).toEqual(
        new Set([`c${i}`]),
      );
  });
});

describe('what a handler appends', () => {
  it('is caused by the event it handles, and carries its correlation on', async () => {
    const store = await openStore();
    const subscription = store.subscribe(
      async (event) => {
        if (event.streamId === 'c') return;
        await turns(1);
        await store.append(event.streamId === 'a' ? 'b' : 'c', [EVENT]);
      },
      { after: 0 },
    );
    await subscription.ready;
    await store.append('a', [EVENT]);
    const third = await arrival(store, 'c');
    const [first] = await store.getEvents('a');
    const [second] = await store.getEvents('b');
    expect(first?.metadata).toEqual({});
    expect(second?.metadata).toEqual({ correlationId: first?.id, causationId: first?.id });
    expect(third.metadata).toEqual({ correlationId: first?.id, causationId: second?.id });
  });

  it('keeps a correlation id that the event has, and ids given by hand win', async () => {
    const store = await openStore();
    const subscription = store.subscribe(async (event) => {
      if (event.streamId !== 'a') return;
      await store.append('b', [EVENT]);
      await withEventMetadata({ correlationId: 'own', user: 'Ada' }, () => store.append('c', [EVENT]));
      await store.append('d', [EVENT], { metadata: { causationId: 'mine' } });
    });
    await subscription.ready;
    const { position } = await store.append('a', [EVENT], {
      metadata: { correlationId: 'order-7', causationId: 'x', user: 'Eve' },
    });
    await arrival(store, 'd');
    const [cause] = (await store.getAllEvents()).filter((event) => event.position === position);
    expect(await metadataOf(store, 'b')).toEqual([{ correlationId: 'order-7', causationId: cause?.id }]);
    expect(await metadataOf(store, 'c')).toEqual([
      { correlationId: 'own', causationId: cause?.id, user: 'Ada' },
    ]);
    expect(await metadataOf(store, 'd')).toEqual([{ correlationId: 'order-7', causationId: 'mine' }]);
  });

  it('is so for observers of events$ too, through operators that wait', async () => {
    const store = await openStore();
    const done = firstValueFrom(
      store.events$({ after: 0 }).pipe(
        concatMap(async (event) => {
          await turns(1);
          await store.append('b', [EVENT]);
          return event;
        }),
      ),
    );
    await store.append('a', [EVENT]);
    const cause = await done;
    expect(await metadataOf(store, 'b')).toEqual([{ correlationId: cause.id, causationId: cause.id }]);
  });

  it('to another store is explained by the event of the first', async () => {
    const [orders, billing] = [
      await openStore(),
      await openStore(new InMemoryBackend(), { metadata: { store: 'billing' } }),
    ];
    const subscription = orders.subscribe(async () => void (await billing.append('bill', [EVENT])));
    await subscription.ready;
    await orders.append('order', [EVENT]);
    await arrival(billing, 'bill');
    const [cause] = await orders.getEvents('order');
    expect(await metadataOf(billing, 'bill')).toEqual([
      { store: 'billing', correlationId: cause?.id, causationId: cause?.id },
    ]);
  });

  it('is not mixed up between subscribers that wait at the same time', async () => {
    const store = await openStore();
    const hold = gate();
    const copies = ['x', 'y', 'z'].map((copy) =>
      store.subscribe(
        async (event) => {
          await hold.opened;
          await store.append(copy, [{ type: 'copy', data: { of: event.id } }]);
        },
        { categories: ['source'] },
      ),
    );
    await Promise.all(copies.map(({ ready }) => ready));
    for (let i = 0; i < 5; i++) await store.append(`source-${i}`, [EVENT]);
    hold.open();
    await until(async () => expect(await store.backend.head()).toBe(20));
    for (const event of await store.getAllEvents())
      if (event.type === 'copy') expect(event.metadata.causationId).toBe((event.data as { of: string }).of);
  });
});

describe('a subscription started inside a request', () => {
  it.each(['subscribe', 'events$', 'consume'] as const)('with %s inherits nothing of it', async (method) => {
    const store = await openStore();
    const handle = async (): Promise<void> => void (await store.append('reaction', [EVENT]));
    await withEventMetadata({ correlationId: 'request', user: 'Ada' }, async () => {
      const options = { after: 0, categories: ['source'] };
      if (method === 'subscribe') await store.subscribe(handle, options).ready;
      else if (method === 'events$') store.events$(options).subscribe(() => void handle());
      else await store.consume(handle, options).ready;
      await store.append('source-1', [EVENT]);
    });
    await arrival(store, 'reaction');
    // The page that `consume` hands out is many events, so nothing is its cause.
    const [source] = await store.getEvents('source-1');
    const [reaction] = await metadataOf(store, 'reaction');
    expect(source?.metadata).toEqual({ correlationId: 'request', user: 'Ada' });
    expect(reaction).toEqual(
      method === 'consume' ? {} : { correlationId: 'request', causationId: source?.id },
    );
  });

  it('reads the store outside of it, so that nothing of it is kept alive', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    const seen: unknown[] = [];
    backend.before = (operation) => {
      if (operation !== 'append') seen.push(operation, passedMetadata(runningCall()));
    };
    await withEventMetadata({ user: 'Ada' }, () => store.subscribe(() => undefined, { after: 0 }).ready);
    await turns();
    expect(seen).toEqual(['head', undefined, 'readAll', undefined]);
  });

  it('inside a handler is not taken for that handler', async () => {
    const store = await openStore();
    const inner = gate();
    const outer = store.subscribe(
      async () => {
        const subscription = store.subscribe(
          async () => {
            await store.append('inner', [EVENT]);
            inner.open();
          },
          { streamId: 'later' },
        );
        await subscription.ready;
      },
      { streamId: 'first' },
    );
    await outer.ready;
    await store.append('first', [EVENT]);
    await turns();
    const { position } = await store.append('later', [EVENT]);
    await inner.opened;
    const later = (await store.getAllEvents()).find((event) => event.position === position);
    expect(await metadataOf(store, 'inner')).toEqual([{ correlationId: later?.id, causationId: later?.id }]);
  });

  it('the appender’s own metadata is not seen by those it wakes', async () => {
    const store = await openStore();
    const subscription = store.subscribe(async (event) => {
      if (event.streamId === 'a') await store.append('b', [EVENT]);
    });
    await subscription.ready;
    await turns();
    await withEventMetadata({ secret: 'of the appender' }, () =>
      store.append('a', [EVENT], { metadata: { secret: 'public' } }),
    );
    expect((await arrival(store, 'b')).metadata).not.toHaveProperty('secret');
  });
});
