/** Snapshots: taken at the committed version only, and ignored where they do not fit. */
import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRepository,
  type AggregateType,
  AggregateRoot,
  EventHandler,
  type EventStore,
  InMemoryBackend,
  type RepositoryOptions,
  Snapshot,
} from '@allframe/nestjs';
import { MoneyDeposited, openStore } from '../store/bank.js';
import { gate, turns } from '../store/gate.js';
import { Reports } from '../store/reports.js';
import { ScriptedBackend } from '../store/scripted-backend.js';
import { seeded, seededRandom } from '../store/seed.js';
import { Account } from './account.js';

@Aggregate('counter', { snapshotEvery: 3, snapshotRevision: 2 })
class Counter extends AggregateRoot {
  total = 0;
  add(...amounts: number[]): void {
    for (const amount of amounts) this.apply(new MoneyDeposited(amount));
  }
  @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited): void {
    this.total += event.amount;
  }
}

interface Opened {
  readonly store: EventStore;
  readonly backend: ScriptedBackend;
  readonly logger: Reports;
  readonly counters: AggregateRepository<Counter>;
}

async function openCounters(
  options: RepositoryOptions = {},
  type: AggregateType<Counter> = Counter,
): Promise<Opened> {
  const [backend, logger] = [new ScriptedBackend(), new Reports()];
  const store = await openStore(backend, { logger });
  return { store, backend, logger, counters: new AggregateRepository(store, type, options) };
}

const eventsRead = (backend: ScriptedBackend): number[] =>
  backend.calls
    .filter(({ operation }) => operation === 'readStream')
    .map(({ argument }) => (argument as { fromVersion: number }).fromVersion);

describe('Snapshot.create', () => {
  it('is the state at the committed version, with the revision of its schema', async () => {
    const { store, counters } = await openCounters();
    await counters.update('c1', (counter) => counter.add(1, 2));
    const snapshot = Snapshot.create(await counters.load('c1'), 2);
    expect({ ...snapshot }).toEqual({ version: 2, revision: 2, state: { total: 3 } });
    await store.saveSnapshot('counter-c1', snapshot);
    const stored = await store.getLatestSnapshot('counter-c1');
    expect({ ...stored }).toEqual({ version: 2, revision: 2, state: { total: 3 } });
    const copy = stored?.intoAggregate(Counter);
    expect(copy).toBeInstanceOf(Counter);
    expect([copy?.total, copy?.version, copy?.uncommittedEvents]).toEqual([3, 2, []]);
    expect(await store.stats()).toMatchObject({ totalSnapshots: 1, totalEvents: 2 });
  });

  it('peer trap 22: refuses uncommitted events and another version', async () => {
    const { counters } = await openCounters();
    await counters.update('c1', (counter) => counter.add(1));
    const counter = await counters.load('c1');
    for (const version of [0, 2])
      expect(() => Snapshot.create(counter, version)).toThrow(/^version: .*version 1, not at/);
    counter.add(1);
    expect(() => Snapshot.create(counter, 1)).toThrow(/^aggregate: .*1 uncommitted event/);
    expect(() => Snapshot.create(counter, 2)).toThrow(/uncommitted/);
    await counters.save(counter);
    expect(Snapshot.create(counter, 2).state).toEqual({ total: 2 });
  });

  it('peer trap 22: is not turned into an aggregate of another revision', async () => {
    const { store } = await openCounters();
    await store.saveSnapshot('counter-c1', { version: 2, revision: 1, state: { total: 3 } });
    const stored = await store.getLatestSnapshot('counter-c1');
    expect(() => stored?.intoAggregate(Counter)).toThrow(
      /^snapshot\.revision: .*revision 1, and Counter of revision 2/,
    );
  });

  it('keeps nothing of the aggregate it was taken from', async () => {
    const { store } = await openCounters();
    const account = new Account();
    account.open('Ada');
    const accounts = new AggregateRepository(store, Account);
    await accounts.save(account, 'a1');
    await store.saveSnapshot('account-a1', Snapshot.create(account, 1));
    account.replayed.push(99);
    const copy = (await store.getLatestSnapshot('account-a1'))?.intoAggregate(Account);
    copy?.replayed.push(98);
    expect((await store.getLatestSnapshot('account-a1'))?.state).toEqual({
      owner: 'Ada',
      balance: 0,
      replayed: [],
    });
  });
});

describe('saveSnapshot', () => {
  it('keeps the latest for each stream, in every store on the backend, and null for a stream without', async () => {
    const backend = new InMemoryBackend();
    const [store, other] = [await openStore(backend), await openStore(backend)];
    for (const [streamId, total] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ] as const)
      // prettier-ignore
      await store.saveSnapshot(streamId, { version: total, revision: 1, state: { total } });
    expect({ ...(await other.getLatestSnapshot('a')) }).toEqual({
      version: 3,
      revision: 1,
      state: { total: 3 },
    });
    expect({ ...(await other.getLatestSnapshot('b')) }).toEqual({
      version: 2,
      revision: 1,
      state: { total: 2 },
    });
    expect(await other.getLatestSnapshot('c')).toBeNull();
    expect(await other.stats()).toMatchObject({ totalSnapshots: 2, totalEvents: 0 });
  });

  it('refuses a state without a JSON form, with its path, and keeps the one before', async () => {
    const { store } = await openCounters();
    await store.saveSnapshot('a', { version: 1, revision: 1, state: 1 });
    const bad = { version: 2, revision: 1, state: { index: new Map() } };
    await expect(store.saveSnapshot('a', bad)).rejects.toThrow(/"a".*\.state\.index is an instance of Map/);
    expect(await store.getLatestSnapshot('a')).toMatchObject({ version: 1 });
  });
});

describe('snapshotEvery', () => {
  it('takes one after every so many events, however many an update appends', async () => {
    const { store, counters } = await openCounters();
    const taken: (number | undefined)[] = [];
    for (const amounts of [[1], [1], [1], [1], [1, 1], [1, 1, 1, 1, 1, 1, 1], [1], [1], [1]]) {
      await counters.update('c1', (counter) => counter.add(...amounts));
      taken.push((await store.getLatestSnapshot('counter-c1'))?.version);
    }
    expect(taken).toEqual([undefined, undefined, 3, 3, 6, 13, 13, 13, 16]);
  });

  it('counts in save as well, for new and for loaded aggregates', async () => {
    const { store, counters } = await openCounters();
    const counter = new Counter();
    counter.add(1, 1, 1, 1);
    await counters.save(counter, 'c1');
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 4, state: { total: 4 } });
    counter.add(1, 1);
    await counters.save(counter);
    const loaded = await counters.load('c1');
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 4 });
    loaded.add(1);
    await counters.save(loaded);
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 7, state: { total: 7 } });
  });

  it('peer trap 22: never keeps what was applied while a save ran', async () => {
    const { store, counters, backend } = await openCounters();
    const hold = gate();
    const counter = new Counter();
    counter.add(1, 1, 1);
    backend.before = (operation) => (operation === 'append' ? hold.opened : undefined);
    const saving = counters.save(counter, 'c1');
    counter.add(100);
    hold.open();
    await saving;
    const snapshot = await store.getLatestSnapshot('counter-c1');
    if (snapshot !== null) expect(snapshot.state).toEqual({ total: 3 });
    expect((await counters.load('c1')).total).toBe(3);
    await counters.save(counter);
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 4, state: { total: 103 } });
  });

  it('spares the events before it: a load reads from the snapshot on', async () => {
    const { store, counters, backend } = await openCounters();
    await store.append(
      'counter-c1',
      Array.from({ length: 2_000 }, () => new MoneyDeposited(1)),
    );
    await counters.update('c1', (counter) => counter.add(1));
    backend.calls.length = 0;
    expect((await counters.load('c1')).total).toBe(2_001);
    expect(eventsRead(backend)).toEqual([2_001]);
  });

  it('is overridden by the repository: another number, none taken, none used', async () => {
    const { store, counters } = await openCounters({ snapshots: { every: 1 } });
    await counters.update('c1', (counter) => counter.add(1));
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 1 });
    await store.saveSnapshot('counter-c1', { version: 1, revision: 2, state: { total: 50 } });
    const taking = new AggregateRepository(store, Counter, { snapshots: { every: undefined } });
    await taking.update('c1', (counter) => counter.add(1, 1, 1, 1));
    expect((await taking.load('c1')).total).toBe(54);
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 1 });
    const without = new AggregateRepository(store, Counter, { snapshots: false });
    expect((await without.load('c1')).total).toBe(5);
    await without.update('c1', (counter) => counter.add(1, 1, 1, 1));
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 1 });
    expect((await new AggregateRepository(store, Counter, { snapshots: {} }).load('c1')).total).toBe(58);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('of %s is refused', async (every) => {
    await expect(openCounters({ snapshots: { every } })).rejects.toThrow(/^snapshots\.every: /);
  });

  it('that fails is reported, the update stands, and the next one takes it', async () => {
    const { store, counters, backend, logger } = await openCounters();
    const fault = new Error('disk');
    let appends = 0;
    backend.before = (operation) => {
      if (operation === 'append' && ++appends === 2) throw fault;
    };
    expect(await counters.update('c1', (counter) => counter.add(1, 1, 1))).toMatchObject({ version: 3 });
    expect(await store.getLatestSnapshot('counter-c1')).toBeNull();
    expect(logger.errors).toEqual([
      { message: expect.stringMatching(/snapshot.*"counter" at version 3/) as string, error: fault },
    ]);
    await counters.update('c1', (counter) => counter.add(1));
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({ version: 4, state: { total: 4 } });
  });

  it('of a state without a JSON form is reported, and the update stands', async () => {
    class Unserialisable extends Counter {
      readonly index = new Map();
    }
    const { counters, logger } = await openCounters({}, Unserialisable);
    await counters.update('c1', (counter) => counter.add(1, 1, 1));
    expect(logger.errors[0]?.error).toMatchObject({ code: 'UnserialisableDataError' });
    expect((await counters.load('c1')).total).toBe(3);
  });
});

describe('peer trap 22: a snapshot that does not fit is ignored', () => {
  const truth = { total: 3 };

  it.each([
    ['of an older revision', { version: 2, revision: 1, state: { total: 999 } }],
    ['of a newer revision', { version: 2, revision: 3, state: { total: 999 } }],
    ['ahead of the stream', { version: 4, revision: 2, state: { total: 999 } }],
    ['far ahead of the stream', { version: 10_000, revision: 2, state: { total: 999 } }],
  ])('%s', async (_, snapshot) => {
    const { store, counters } = await openCounters({ snapshots: { every: undefined } });
    await counters.update('c1', (counter) => counter.add(1, 1, 1));
    await store.saveSnapshot('counter-c1', snapshot);
    expect(await counters.load('c1')).toMatchObject(truth);
    expect(await counters.update('c1', (counter) => counter.add(counter.total))).toMatchObject({
      version: 4,
    });
    const amounts = (await store.getEvents('counter-c1')).map(({ data }) => (data as MoneyDeposited).amount);
    expect(amounts).toEqual([1, 1, 1, 3]);
  });

  it('ahead of an empty stream, where there is no aggregate', async () => {
    const { store, counters } = await openCounters();
    await store.saveSnapshot('counter-c1', { version: 1, revision: 2, state: { total: 999 } });
    await expect(counters.load('c1')).rejects.toMatchObject({ code: 'AggregateNotFoundError' });
    expect(await counters.update('c1', (counter) => counter.add(counter.total + 1))).toMatchObject({
      version: 1,
    });
    expect((await store.getEvents('counter-c1'))[0]?.data).toEqual(new MoneyDeposited(1));
  });

  it.each([null, 5, 'text'])(
    'with the state %s, which the aggregate cannot take over, is reported',
    async (state) => {
      const { store, counters, logger } = await openCounters({ snapshots: { every: undefined } });
      await counters.update('c1', (counter) => counter.add(1, 1, 1));
      await store.saveSnapshot('counter-c1', { version: 2, revision: 2, state });
      expect(await counters.load('c1')).toMatchObject(truth);
      expect(logger.errors).toMatchObject([
        { message: expect.stringMatching(/"counter" at version 2 cannot be used/) as string },
      ]);
    },
  );

  it('and is replaced by a proper one at the next update', async () => {
    const { store, counters } = await openCounters();
    await store.append('counter-c1', [new MoneyDeposited(1), new MoneyDeposited(1), new MoneyDeposited(1)]);
    await store.saveSnapshot('counter-c1', { version: 2, revision: 1, state: { total: 999 } });
    await counters.update('c1', (counter) => counter.add(1));
    expect(await store.getLatestSnapshot('counter-c1')).toMatchObject({
      version: 4,
      revision: 2,
      state: { total: 4 },
    });
  });

  it('while one at exactly the stream’s version is used, without an event', async () => {
    const { store, counters, backend } = await openCounters();
    await store.append('counter-c1', [new MoneyDeposited(1), new MoneyDeposited(1)]);
    await store.saveSnapshot('counter-c1', { version: 2, revision: 2, state: { total: 50 } });
    backend.calls.length = 0;
    expect(await counters.load('c1')).toMatchObject({ total: 50 });
    expect(eventsRead(backend)).toEqual([2]);
  });
});

describe('with and without snapshots', () => {
  it(seeded('the state is the same, whatever was done, under writers that race'), async () => {
    const random = seededRandom();
    const whole = (max: number): number => 1 + Math.floor(random() * max);
    for (let plan = 0; plan < 10; plan++) {
      const { store, backend } = await openCounters();
      backend.after = () => (random() < 0.2 ? turns(1) : undefined);
      const repositories = [1, 2, 5].map(
        (every) => new AggregateRepository(store, Counter, { snapshots: { every } }),
      );
      const updates = Array.from({ length: 20 }, async () => {
        const repository = repositories[whole(3) - 1] as AggregateRepository<Counter>;
        await repository.update(`c${whole(2)}`, (counter) =>
          counter.add(...Array.from({ length: whole(4) }, () => whole(9) + counter.total)),
        );
      });
      await Promise.all(updates);
      const without = new AggregateRepository(store, Counter, { snapshots: false });
      for (const id of ['c1', 'c2']) {
        if (!(await without.exists(id))) continue;
        const truth = await without.load(id);
        for (const repository of repositories) {
          const loaded = await repository.load(id);
          expect([loaded.total, loaded.version]).toEqual([truth.total, truth.version]);
        }
      }
    }
  });
});
