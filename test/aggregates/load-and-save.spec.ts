import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateNotFoundError,
  AggregateRepository,
  EventHandler,
  EventStore,
  InMemoryBackend,
  InvalidArgumentError,
  AggregateRoot,
  StoreClosedError,
} from '@allframe/nestjs';
import { MoneyDeposited, openStore } from '../store/bank.js';
import { gate } from '../store/gate.js';
import { ScriptedBackend } from '../store/scripted-backend.js';
import { Account } from './account.js';

async function openAccounts(): Promise<{
  store: EventStore;
  accounts: AggregateRepository<Account>;
  backend: ScriptedBackend;
}> {
  const backend = new ScriptedBackend();
  const store = await openStore(backend);
  return { store, backend, accounts: new AggregateRepository(store, Account) };
}

describe('load and exists', () => {
  it('gives the state, the version and the id', async () => {
    const { accounts } = await openAccounts();
    await accounts.update('a-1', (account) => account.open('Ada'));
    await accounts.update('a-1', (account) => account.deposit(5));
    const account = await accounts.load('a-1');
    expect(account).toBeInstanceOf(Account);
    expect(account).toMatchObject({
      owner: 'Ada',
      balance: 5,
      version: 2,
      aggregateId: 'a-1',
      replayed: [2],
    });
    expect(await accounts.load('a-1')).not.toBe(account);
  });

  it('says so when there is none', async () => {
    const { accounts } = await openAccounts();
    await expect(accounts.load('a1')).rejects.toThrow(AggregateNotFoundError);
    await expect(accounts.load('a1')).rejects.toMatchObject({ aggregate: 'account', id: 'a1' });
    expect(await accounts.exists('a1')).toBe(false);
    await accounts.update('a1', (account) => account.open('Ada'));
    expect(await accounts.exists('a1')).toBe(true);
    expect(await accounts.exists('a')).toBe(false);
  });

  it('reads a long stream page by page', async () => {
    const { accounts, store, backend } = await openAccounts();
    await store.append(
      'account-a1',
      Array.from({ length: 1_500 }, () => new MoneyDeposited(1)),
    );
    expect((await accounts.load('a1')).balance).toBe(1_500);
    expect(backend.count('readStream')).toBe(3);
    backend.calls.length = 0;
    await accounts.exists('a1');
    expect(backend.calls).toMatchObject([{ operation: 'readStream', argument: { limit: 1 } }]);
  });

  it.each(['', undefined, null, 5])('the id %s is refused by every method', async (bad) => {
    const { accounts } = await openAccounts();
    const id = bad as string;
    const calls = [
      () => accounts.load(id),
      () => accounts.exists(id),
      () => accounts.update(id, () => undefined),
      () => accounts.save(new Account(), id),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(InvalidArgumentError);
  });
});

describe('save', () => {
  it('stores what was applied to a new and to a loaded aggregate, which then stands at its version', async () => {
    const { accounts } = await openAccounts();
    const account = new Account();
    account.open('Ada');
    expect(await accounts.save(account, 'a1')).toMatchObject({ streamId: 'account-a1', version: 1 });
    expect(account).toMatchObject({ version: 1, aggregateId: 'a1', uncommittedEvents: [] });
    expect(await accounts.save(account)).toBeNull();
    account.deposit(5);
    expect(await accounts.save(account)).toMatchObject({ version: 2 });
    const loaded = await accounts.load('a1');
    loaded.deposit(6);
    expect(await accounts.save(loaded)).toMatchObject({ version: 3 });
    expect((await accounts.load('a1')).balance).toBe(11);
  });

  it('wants an id for an aggregate that has none', async () => {
    const { accounts } = await openAccounts();
    const account = new Account();
    account.open('Ada');
    await expect(accounts.save(account)).rejects.toThrow(/^id: .*second argument/);
  });

  it('is refused after a conflict, and the events stay uncommitted', async () => {
    const { accounts } = await openAccounts();
    await accounts.update('a1', (account) => account.open('Ada'));
    const [mine, yours] = [await accounts.load('a1'), await accounts.load('a1')];
    mine.deposit(1);
    yours.deposit(2);
    await accounts.save(yours);
    await expect(accounts.save(mine)).rejects.toMatchObject({ expected: 1, actual: 2 });
    expect(mine).toMatchObject({ version: 1, uncommittedEvents: [new MoneyDeposited(1)] });
    expect((await accounts.load('a1')).balance).toBe(2);
  });

  it('of a new aggregate is refused where there is one already', async () => {
    const { accounts } = await openAccounts();
    const create = async (): Promise<unknown> => {
      const account = new Account();
      account.open('Ada');
      return accounts.save(account, 'a1');
    };
    const outcomes = await Promise.allSettled([create(), create()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('loses nothing that is applied while it runs', async () => {
    const { accounts, backend } = await openAccounts();
    const hold = gate();
    const account = new Account();
    account.open('Ada');
    backend.before = (operation) => (operation === 'append' ? hold.opened : undefined);
    const saving = accounts.save(account, 'a1');
    account.deposit(5);
    hold.open();
    expect(await saving).toMatchObject({ version: 1 });
    expect(account.version).toBe(1);
    expect(account.uncommittedEvents).toEqual([new MoneyDeposited(5)]);
    expect(await accounts.save(account)).toMatchObject({ version: 2 });
    expect((await accounts.load('a1')).balance).toBe(5);
  });

  it('on a closed store is StoreClosedError, as everything is', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const accounts = new AggregateRepository(store, Account);
    await store.close();
    const account = new Account();
    account.open('Ada');
    const calls = [
      () => accounts.save(account, 'a1'),
      () => accounts.load('a1'),
      () => accounts.exists('a1'),
      () => accounts.update('a1', () => undefined),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(StoreClosedError);
    expect(account.uncommittedEvents).toHaveLength(1);
  });
});

describe('two repositories', () => {
  it('of one class on one store work on the same streams, on two stores on different ones', async () => {
    const [store, other] = [await openStore(), await openStore()];
    const [first, second, elsewhere] = [store, store, other].map(
      (one) => new AggregateRepository(one, Account),
    );
    await first?.update('a1', (account) => account.deposit(1));
    await second?.update('a1', (account) => account.deposit(2));
    expect((await first?.load('a1'))?.balance).toBe(3);
    expect(await elsewhere?.exists('a1')).toBe(false);
  });

  it('of two classes of one name share its streams, and each takes what it has a handler for', async () => {
    @Aggregate('account')
    class Audit extends AggregateRoot {
      deposits = 0;
      @EventHandler(MoneyDeposited) onDeposited(): void {
        this.deposits++;
      }
    }
    const { store, accounts } = await openAccounts();
    const audits = new AggregateRepository(store, Audit);
    await accounts.update('a1', (account) => {
      account.open('Ada');
      account.deposit(5);
    });
    expect((await audits.load('a1')).deposits).toBe(1);
    await audits.update('a1', (audit) => audit.apply(new MoneyDeposited(6)));
    expect((await accounts.load('a1')).balance).toBe(11);
  });
});
