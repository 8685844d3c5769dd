import { describe, expect, it, vi } from 'vitest';
import {
  AggregateNotFoundError,
  type Decider,
  type DeciderDefinition,
  DeciderRepository,
  InvalidArgumentError,
  UndecoratedEventError,
} from '@allframe/nestjs';
import { AccountClosed, MoneyDeposited, openStore } from '../store/bank.js';
import { turns } from '../store/gate.js';
import { ScriptedBackend } from '../store/scripted-backend.js';

type LightEvent = { type: 'switched'; data: { on: boolean } } | { type: 'broken'; data: null };
interface Light {
  readonly on: boolean;
  readonly switches: number;
}
class LightIsBroken extends Error {}

const light: Decider<Light, 'press' | 'blink' | 'wait' | 'smash', LightEvent> = {
  initialState: () => ({ on: false, switches: 0 }),
  decide(command, { on }) {
    switch (command) {
      case 'press':
        return { type: 'switched', data: { on: !on } };
      case 'blink':
        return [
          { type: 'switched', data: { on: !on } },
          { type: 'switched', data: { on } },
        ];
      case 'wait':
        return [];
      case 'smash':
        throw new LightIsBroken();
    }
  },
  evolve: (state, event) =>
    event.type === 'switched' ? { on: event.data.on, switches: state.switches + 1 } : state,
};
const lights = { name: 'light', decider: light };

describe('a decider of plain events', () => {
  it('decides on the state that its events make', async () => {
    const store = await openStore();
    const repository = new DeciderRepository(store, lights);
    expect(await repository.decide('1', 'press')).toMatchObject({ streamId: 'light-1', version: 1 });
    expect(await repository.decide('1', 'blink')).toMatchObject({ fromVersion: 2, version: 3 });
    expect(await repository.load('1')).toEqual({ state: { on: true, switches: 3 }, version: 3 });
    expect((await store.getEvents('light-1')).map(({ type, data }) => ({ type, data }))).toEqual([
      { type: 'switched', data: { on: true } },
      { type: 'switched', data: { on: false } },
      { type: 'switched', data: { on: true } },
    ]);
  });

  it('gives null for no decision, and what decide throws, and writes nothing', async () => {
    const store = await openStore();
    const repository = new DeciderRepository(store, lights);
    expect(await repository.decide('1', 'wait')).toBeNull();
    await expect(repository.decide('1', 'smash')).rejects.toThrow(LightIsBroken);
    await expect(repository.load('1')).rejects.toThrow(AggregateNotFoundError);
    expect(await store.getAllEvents()).toEqual([]);
  });

  it('50 at once all get through', async () => {
    const backend = new ScriptedBackend();
    backend.after = () => turns(1);
    const store = await openStore(backend);
    const repository = new DeciderRepository(store, lights);
    await Promise.all(Array.from({ length: 50 }, () => repository.decide('1', 'press')));
    expect((await repository.load('1')).state).toEqual({ on: false, switches: 50 });
    const states = (await store.getEvents('light-1')).map(({ data }) => (data as { on: boolean }).on);
    expect(states).toEqual(states.map((_, i) => i % 2 === 0));
  });

  it('gives evolve the stored event, its place included', async () => {
    const store = await openStore();
    const evolve = vi.fn(light.evolve);
    const repository = new DeciderRepository(store, { name: 'light', decider: { ...light, evolve } });
    await repository.decide('1', 'press');
    await repository.load('1');
    expect(evolve).toHaveBeenLastCalledWith(
      light.initialState(),
      expect.objectContaining({ type: 'switched', version: 1 }),
    );
  });
});

describe('a decider of event classes', () => {
  const till: DeciderDefinition<number, number | 'close', MoneyDeposited | AccountClosed> = {
    name: 'till',
    events: [MoneyDeposited, AccountClosed],
    decider: {
      initialState: () => 0,
      decide: (command) => (command === 'close' ? new AccountClosed() : new MoneyDeposited(command)),
      evolve: (sum, event) => (event instanceof MoneyDeposited ? sum + event.amount : 0),
    },
  };

  it('gets instances back', async () => {
    const repository = new DeciderRepository(await openStore(), till);
    await repository.decide('1', 5);
    await repository.decide('1', 6);
    expect(await repository.load('1')).toEqual({ state: 11, version: 2 });
    await repository.decide('1', 'close');
    expect((await repository.load('1')).state).toBe(0);
  });

  it('keeps any state in snapshots, falsy ones included, and none before it is due', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    const repository = new DeciderRepository(store, { ...till, snapshotEvery: 2, snapshotRevision: 4 });
    await repository.decide('1', 5);
    expect(await store.getLatestSnapshot('till-1')).toBeNull();
    await repository.decide('1', 'close');
    expect({ ...(await store.getLatestSnapshot('till-1')) }).toEqual({ version: 2, revision: 4, state: 0 });
    backend.calls.length = 0;
    expect(await repository.load('1')).toEqual({ state: 0, version: 2 });
    expect(backend.calls.at(-1)).toMatchObject({ operation: 'readStream', argument: { fromVersion: 2 } });
    const older = new DeciderRepository(store, { ...till, snapshotRevision: 3 });
    await store.saveSnapshot('till-1', { version: 2, revision: 4, state: 999 });
    expect((await older.load('1')).state).toBe(0);
  });

  it('does not let the state of one call change that of another', async () => {
    interface Basket {
      readonly items: string[];
    }
    const mutable: Decider<Basket, string, { type: 'added'; data: string }> = {
      initialState: () => ({ items: [] }),
      decide: (item, state) => {
        state.items.push('spoilt by decide');
        return { type: 'added', data: item };
      },
      evolve: (state, event) => {
        state.items.push(event.data);
        return state;
      },
    };
    const repository = new DeciderRepository(await openStore(), { name: 'basket', decider: mutable });
    await repository.decide('1', 'a');
    await repository.decide('1', 'b');
    expect((await repository.load('1')).state.items).toEqual(['a', 'b']);
    expect((await repository.load('1')).state.items).toEqual(['a', 'b']);
  });
});

describe('a definition is refused', () => {
  class Undecorated {}

  it.each<[string, object, RegExp]>([
    ['an empty name', { name: '' }, /^decider: /],
    ['a name with "-"', { name: 'traffic-light' }, /decider.*write "trafficLight"/],
    ['a snapshot after every 0 events', { snapshotEvery: 0 }, /^snapshots\.every: 0/],
    ['a revision of 1.5', { snapshotRevision: 1.5 }, /^snapshotRevision: 1\.5/],
  ])('%s', async (_, part, words) => {
    const store = await openStore();
    expect(() => new DeciderRepository(store, { ...lights, ...part })).toThrow(InvalidArgumentError);
    expect(() => new DeciderRepository(store, { ...lights, ...part })).toThrow(words);
  });

  it('a class without @DomainEvent, and an empty id', async () => {
    const store = await openStore();
    expect(() => new DeciderRepository(store, { ...lights, events: [Undecorated] })).toThrow(
      UndecoratedEventError,
    );
    expect(() => new DeciderRepository(store, { ...lights, events: [Undecorated] })).toThrow(
      /decider light.*Undecorated/,
    );
    const repository = new DeciderRepository(store, lights);
    for (const call of [() => repository.load(''), () => repository.decide('', 'press')])
      await expect(call()).rejects.toThrow(InvalidArgumentError);
  });
});
