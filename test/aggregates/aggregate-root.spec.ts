import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  AsyncAggregateHandlerError,
  EventHandler,
  InvalidArgumentError,
  LimitExceededError,
  type RecordedEvent,
  UndecoratedAggregateError,
  UndecoratedEventError,
} from '@allframe/nestjs';
import { AccountClosed, AccountOpened, MoneyDeposited, openStore } from '../store/bank.js';
import { watchUnhandled } from '../store/unhandled.js';
import { Account } from './account.js';

describe('apply', () => {
  it('changes the state by the handlers and keeps the event, in order, at the same version', () => {
    const account = new Account();
    account.open('Ada');
    account.deposit(5);
    account.deposit(7);
    expect(account).toMatchObject({ owner: 'Ada', balance: 12, version: 0 });
    expect(account.uncommittedEvents).toEqual([
      new AccountOpened('Ada', 0),
      new MoneyDeposited(5),
      new MoneyDeposited(7),
    ]);
  });

  it('takes plain events, and events that no handler is for', () => {
    const account = new Account();
    account.apply({ type: 'money.deposited', data: { amount: 3 } });
    account.apply({ type: 'unknown', data: null });
    expect(account.balance).toBe(3);
    expect(account.uncommittedEvents).toHaveLength(2);
  });

  it('refuses an instance of a class without @DomainEvent, and keeps nothing', () => {
    class Undecorated {}
    const account = new Account();
    expect(() => account.apply(new Undecorated())).toThrow(UndecoratedEventError);
    expect(() => account.apply(new Undecorated())).toThrow(/apply.*Undecorated/);
    expect(account.uncommittedEvents).toEqual([]);
  });

  it.each([null, undefined, 'text', 5])('refuses %s, which is no event', (event) => {
    const account = new Account();
    expect(() => account.apply(event as unknown as object)).toThrow(InvalidArgumentError);
    expect(() => account.apply(event as unknown as object)).toThrow(/^event: /);
    expect(account.uncommittedEvents).toEqual([]);
  });

  it('keeps no event whose handler throws', () => {
    const fault = new Error('handler');
    class Strict extends Account {
      override onDeposited(): void {
        throw fault;
      }
    }
    const account = new Strict();
    account.open('Ada');
    expect(() => account.deposit(1)).toThrow(fault);
    expect(account.uncommittedEvents).toEqual([new AccountOpened('Ada', 0)]);
  });

  it.each([
    ['', async () => undefined],
    [' and whose promise rejects', () => Promise.reject(new Error('lost'))],
  ])('refuses a handler that returns a promise%s, in apply and in replay', async (_, work) => {
    const unhandled = watchUnhandled();
    class Waiting extends Account {
      override onDeposited(): Promise<void> {
        return work();
      }
    }
    const account = new Waiting();
    const error = { code: 'AsyncAggregateHandlerError', handler: 'Waiting.onDeposited' };
    expect(() => account.deposit(1)).toThrow(AsyncAggregateHandlerError);
    expect(() => account.deposit(1)).toThrow(expect.objectContaining(error));
    expect(account.uncommittedEvents).toEqual([]);
    const event = { type: 'money.deposited', data: { amount: 1 }, version: 1 } as RecordedEvent;
    expect(() => account.loadFromHistory([event])).toThrow(expect.objectContaining(error));
    expect(await unhandled()).toEqual([]);
  });
});

describe('handlers', () => {
  class Savings extends Account {
    interest = 0;
    @EventHandler('interest.paid') onInterest(event: { amount: number }): void {
      this.interest += event.amount;
    }
    override onDeposited(event: MoneyDeposited, recorded: RecordedEvent<MoneyDeposited>): void {
      super.onDeposited(event, recorded);
      this.interest += event.amount / 100;
    }
  }

  it('are inherited, and overridden as methods are', () => {
    const savings = new Savings();
    savings.open('Ada');
    savings.deposit(100);
    savings.apply({ type: 'interest.paid', data: { amount: 2 } });
    expect(savings).toMatchObject({ owner: 'Ada', balance: 100, interest: 3 });
    const plain = new Account();
    plain.apply({ type: 'interest.paid', data: { amount: 2 } });
    expect(plain).not.toHaveProperty('interest');
  });

  it('of several for one event all run, base first', () => {
    const calls: string[] = [];
    class Base extends AggregateRoot {
      @EventHandler(AccountClosed) first(): void {
        calls.push('first');
      }
    }
    @Aggregate('twice')
    class Twice extends Base {
      @EventHandler('account.closed') second(): void {
        calls.push('second');
      }
    }
    new Twice().apply(new AccountClosed());
    expect(calls).toEqual(['first', 'second']);
  });

  it('a subclass shares the streams of the aggregate it extends, unless it has a name of its own', async () => {
    @Aggregate('savings')
    class Named extends Account {}
    const store = await openStore(undefined, { events: [] });
    store.registerEvents([]);
    expect(new AggregateRepository(store, Named).streamIdOf('1')).toBe('savings-1');
    class Inheriting extends Account {}
    expect(new AggregateRepository(store, Inheriting).streamIdOf('1')).toBe('account-1');
  });
});

describe('@Aggregate', () => {
  class Target extends AggregateRoot {}

  it.each([
    ['', InvalidArgumentError],
    ['a\0', InvalidArgumentError],
    ['\ud800', InvalidArgumentError],
    ['x'.repeat(513), LimitExceededError],
    [undefined as unknown as string, InvalidArgumentError],
  ])('refuses the name %j', (name, error) => {
    expect(() => Aggregate(name)(Target)).toThrow(error);
    expect(() => Aggregate(name)(Target)).toThrow(/@Aggregate of Target/);
  });

  it('refuses a name with "-", where the category ends, and proposes one without', () => {
    expect(() => Aggregate('bank-account-x')(Target)).toThrow(
      /Target.*"bank-account-x".*write "bankAccountX"/,
    );
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses %s for snapshotEvery and snapshotRevision', (n) => {
    expect(() => Aggregate('a', { snapshotEvery: n })(Target)).toThrow(/Target, snapshotEvery/);
    expect(() => Aggregate('a', { snapshotRevision: n })(Target)).toThrow(/Target, snapshotRevision/);
  });

  it('is wanted where the name is', async () => {
    expect(() => new Target().snapshotRevision).toThrow(UndecoratedAggregateError);
    expect(() => new Target().snapshotRevision).toThrow(/Target.*@Aggregate/);
  });
});

describe('restoreSnapshot', () => {
  const restore = (state: unknown): Account => {
    const account = new Account();
    account.restoreSnapshot({ version: 4, revision: 1, state });
    return account;
  };

  it('takes the public fields and the version over', () => {
    const account = new Account();
    account.open('Ada');
    account.close();
    expect(account.toSnapshot()).toEqual({ owner: 'Ada', balance: 0, replayed: [] });
    expect(restore(account.toSnapshot())).toMatchObject({
      owner: 'Ada',
      balance: 0,
      version: 4,
      uncommittedEvents: [],
    });
  });

  it('takes a field that the snapshot does not have for undefined, which is what JSON made of it', () => {
    const account = new Account();
    account.open('Ada');
    (account as { owner: string | undefined }).owner = undefined;
    const restored = restore(JSON.parse(JSON.stringify(account.toSnapshot())));
    expect(restored.owner).toBeUndefined();
    expect(restored.balance).toBe(0);
  });

  it('keeps a member called __proto__ as data', () => {
    const account = restore(JSON.parse('{"__proto__":{"balance":1e9},"owner":"Eve","balance":0}'));
    expect(account).toBeInstanceOf(Account);
    expect(account.balance).toBe(0);
    expect(Object.keys(account)).toContain('__proto__');
  });

  it.each([new Date(0), new Map(), NaN, [new Date(0)], { at: new Date(0) }])(
    'is never given a field that would come back as something else: %s',
    (value) => {
      const account = Object.assign(new Account(), { field: value });
      expect(() => account.toSnapshot()).toThrow(
        expect.objectContaining({ code: 'UnserialisableDataError', path: 'Account.field' }),
      );
    },
  );

  it.each([null, 5, 'text', true, undefined])('refuses %s, which is no state of fields', (state) => {
    expect(() => restore(state)).toThrow(/snapshot\.state.*Account/);
  });
});
