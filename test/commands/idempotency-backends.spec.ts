/** One command id from many callers, over every backend, for aggregates and for handlers that append by themselves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AggregateRepository,
  type CommandBus,
  EventStore,
  type EventStoreBackend,
  InMemoryBackend,
} from '@allframe/nestjs';
import { AllSourceBackend } from '@allframe/nestjs/allsource';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newSchema, serverUrl } from '../postgres/schemas.js';
import { busOf, FillPurse, Free, OpenPurse, Purse } from './bank.js';

const CALLERS = 100;

/** Makes backends on one and the same place; more than one only where several processes may have it. */
type Place = () => EventStoreBackend;

function memory(): Place {
  const backend = new InMemoryBackend();
  return () => backend;
}

function allSource(): Place {
  const directory = mkdtempSync(join(tmpdir(), 'allframe-ids-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const backend = new AllSourceBackend({ persistencePath: directory });
  return () => backend;
}

function postgres(): Place {
  const options = { connectionString: serverUrl(), schema: newSchema() };
  return () => new PostgresBackend(options);
}

async function open(place: Place): Promise<EventStore> {
  const store = await EventStore.open(place());
  onTestFinished(() => store.close());
  return store;
}

function appending(store: EventStore): CommandBus {
  return busOf(store, async ({ text }) => {
    const { version } = await store.append(`free-${text}`, [{ type: 'done', data: {} }]);
    return { text, version };
  });
}

describe.each([
  ['memory', memory],
  ['AllSource', allSource],
  ['PostgreSQL', postgres],
] as const)('a command id on %s', (_name, placeOf) => {
  it.each([1, 2])('has one effect and one answer for 100 callers at once on %i bus(es)', async (buses) => {
    const place = placeOf();
    const stores = await Promise.all(Array.from({ length: buses }, () => open(place)));
    const all = stores.map((store) => appending(store));
    const store = stores[0] as EventStore;
    const callers = <R>(send: (bus: CommandBus) => Promise<R>): Promise<R[]> =>
      Promise.all(Array.from({ length: CALLERS }, (_, n) => send(all[n % buses] as CommandBus)));
    const same = <R>(answer: R): R[] => Array.from({ length: CALLERS }, () => answer);

    const opened = await callers((bus) => bus.execute(new OpenPurse('1', 'Ada'), { commandId: 'open' }));
    expect(opened).toEqual(same({ owner: 'Ada' }));
    expect(await store.getEvents('purse-1')).toHaveLength(1);

    const filled = await callers((bus) => bus.execute(new FillPurse('1', 5), { commandId: 'fill' }));
    expect(new Set(filled.map((result) => `${result?.version} ${result?.position}`)).size).toBe(1);
    expect(await store.getEvents('purse-1')).toHaveLength(2);

    const done = await callers((bus) => bus.execute(new Free('x'), { commandId: 'free' }));
    expect(done).toEqual(same({ text: 'x', version: 1 }));
    expect(await store.getEvents('free-x')).toHaveLength(1);
  });

  it('lets fifty commands on one aggregate all succeed', async () => {
    const store = await open(placeOf());
    const bus = busOf(store);
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => bus.execute(new FillPurse('1', 1), { commandId: `${n}` })),
    );
    expect(await store.getEvents('purse-1')).toHaveLength(50);
  });

  it('lets three hundred commands and updates on one aggregate all succeed', async () => {
    const store = await open(placeOf());
    const bus = busOf(store);
    const accounts = new AggregateRepository(store, Purse);
    const both = Array.from({ length: 150 }, () => [
      bus.execute(new FillPurse('1', 1)),
      accounts.update('2', (purse) => purse.fill(new FillPurse('2', 1))),
    ]);
    const results = await Promise.allSettled(both.flat());
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await store.getEvents('purse-1')).toHaveLength(150);
    expect(await store.getEvents('purse-2')).toHaveLength(150);
  });

  it('is remembered by the next one that opens the store', async () => {
    const place = placeOf();
    const first = await EventStore.open(place());
    const answer = await appending(first).execute(new Free('x'), { commandId: 'free' });
    const filled = await busOf(first).execute(new FillPurse('1', 5), { commandId: 'fill' });
    await first.close();
    const store = await open(place);
    expect(await appending(store).execute(new Free('x'), { commandId: 'free' })).toEqual(answer);
    expect(await busOf(store).execute(new FillPurse('1', 5), { commandId: 'fill' })).toEqual({
      ...filled,
      idempotent: true,
    });
    expect(await store.getEvents('free-x')).toHaveLength(1);
    expect(await store.getEvents('purse-1')).toHaveLength(1);
  });
});
