import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRoot,
  type Decider,
  DomainEvent,
  EventHandler,
  UnserialisableDataError,
} from '@allframe/nestjs';
import { given } from '@allframe/nestjs/testing';

@DomainEvent('account.opened')
class AccountOpened {
  constructor(
    readonly owner: string,
    readonly balance: number,
  ) {}
}
@DomainEvent('money.withdrawn')
class MoneyWithdrawn {
  constructor(readonly amount: number) {}
}
class InsufficientFunds extends Error {}

@Aggregate('account')
class Account extends AggregateRoot {
  balance = 0;
  withdraw(amount: number): void {
    if (amount > this.balance) throw new InsufficientFunds('too little');
    if (amount > 0) this.apply(new MoneyWithdrawn(amount));
  }
  @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
    this.balance = event.balance;
  }
  @EventHandler(MoneyWithdrawn) onWithdrawn(event: MoneyWithdrawn): void {
    this.balance -= event.amount;
  }
}

type Switched = { type: 'switched'; data: { on: boolean } };
const light: Decider<{ on: boolean }, 'press' | 'jam', Switched> = {
  initialState: () => ({ on: false }),
  decide: (command, state) => (command === 'jam' ? [] : { type: 'switched', data: { on: !state.on } }),
  evolve: (_state, event) => ({ on: event.data.on }),
};

const opened = [new AccountOpened('Ada', 10)];

describe('given(...).when(...)', () => {
  it('compares what an aggregate decided', async () => {
    await given(Account, opened)
      .when((account) => account.withdraw(4))
      .then([new MoneyWithdrawn(4)]);
    await given(Account, opened)
      .when((account) => account.withdraw(4))
      .then([{ type: 'money.withdrawn', data: new MoneyWithdrawn(4) }]);
  });

  it('fails on another event, another amount and a missing event', async () => {
    const decision = () => given(Account, opened).when((account) => account.withdraw(4));
    await expect(decision().then([new MoneyWithdrawn(5)])).rejects.toThrow(/4/);
    await expect(decision().then([new AccountOpened('Ada', 4)])).rejects.toThrow();
    await expect(decision().then([])).rejects.toThrow();
    await expect(decision().thenNothing()).rejects.toThrow();
  });

  it('recognises an error by class, pattern and predicate, and fails on others and on none', async () => {
    const decision = (amount: number) => given(Account, opened).when((account) => account.withdraw(amount));
    await decision(20).thenThrows(InsufficientFunds);
    await decision(20).thenThrows(/too little/);
    await decision(20).thenThrows((error) => error instanceof InsufficientFunds);
    await expect(decision(20).thenThrows(TypeError)).rejects.toThrow(/another error/);
    await expect(decision(1).thenThrows(InsufficientFunds)).rejects.toThrow(/did not fail/);
  });

  it('accepts that nothing was decided', async () => {
    await given(Account, opened)
      .when((account) => account.withdraw(0))
      .thenNothing();
  });

  it('refuses to be awaited without an expectation', async () => {
    const forgotten = given(Account).when(() => undefined) as unknown as Promise<void>;
    await expect(Promise.resolve(forgotten)).rejects.toThrow(/proves nothing/);
  });

  it('fails on a history or decision that a store would refuse', async () => {
    const bad = { type: 'switched', data: { on: new Map() } } as unknown as Switched;
    await expect(given(light, [bad]).when('press').thenNothing()).rejects.toThrow(UnserialisableDataError);
  });

  it('runs deciders, with one event, none, and a history', async () => {
    await given(light)
      .when('press')
      .then([{ type: 'switched', data: { on: true } }]);
    await given(light, [{ type: 'switched', data: { on: true } }])
      .when('press')
      .then([{ type: 'switched', data: { on: false } }]);
    await given(light).when('jam').thenNothing();
  });
});
