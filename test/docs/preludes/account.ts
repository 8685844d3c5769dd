/** The running example of the guide and of the doc comments: what their blocks use without declaring it. */
import {
  Aggregate,
  type AggregateRepository,
  AggregateRoot,
  Command,
  type CommandBus,
  type Decider,
  DomainEvent,
  EventHandler,
  type EventStore,
  type EventStoreBackend,
  InMemoryBackend,
  Projection,
  type ProjectionRegistry,
  Query,
  type QueryBus,
} from '@allframe/nestjs';
import type { ContractSubject } from '@allframe/nestjs/testing';

// What the blocks of doc comments use of others: there, imports would be longer than the example.
export { describe, it } from 'node:test';
export { Module } from '@nestjs/common';
export { map } from 'rxjs';
export { default as pg } from 'pg';

@DomainEvent('account.opened')
export class AccountOpened {
  constructor(
    readonly owner: string,
    readonly openingBalance: number,
  ) {}
}

@DomainEvent('money.deposited')
export class MoneyDeposited {
  constructor(readonly amount: number) {}
}

@DomainEvent('money.withdrawn')
export class MoneyWithdrawn {
  constructor(readonly amount: number) {}
}

export class InsufficientFunds extends Error {}

@Aggregate('account', { snapshotEvery: 100 })
export class Account extends AggregateRoot {
  balance = 0;

  open(owner: string, openingBalance = 0): void {
    if (this.version > 0) throw new Error('This account is already open');
    this.apply(new AccountOpened(owner, openingBalance));
  }

  deposit(amount: number): void {
    if (amount <= 0) throw new RangeError('A deposit is positive');
    this.apply(new MoneyDeposited(amount));
  }

  withdraw(amount: number): void {
    if (amount > this.balance) throw new InsufficientFunds(`${this.balance} is less than ${amount}`);
    this.apply(new MoneyWithdrawn(amount));
  }

  @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
    this.balance = event.openingBalance;
  }

  @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited): void {
    this.balance += event.amount;
  }

  @EventHandler(MoneyWithdrawn) onWithdrawn(event: MoneyWithdrawn): void {
    this.balance -= event.amount;
  }
}

export class OpenAccount extends Command<{ id: string }> {
  constructor(
    readonly accountId: string,
    readonly owner: string,
  ) {
    super();
  }
}

export class BalanceOf extends Query<number> {
  constructor(readonly accountId: string) {
    super();
  }
}

@Projection('balances')
export class BalancesProjection {
  @EventHandler(MoneyDeposited) onDeposited(): void {}
}

type CartEvent = { type: 'itemAdded' | 'checkedOut'; data: object };
export declare const cart: Decider<object, { type: 'checkOut' }, CartEvent>;
export declare const itemAdded: CartEvent;
export declare const checkedOut: CartEvent;

export declare const store: EventStore;
export declare const accounts: AggregateRepository<Account>;
export declare const projections: ProjectionRegistry;
export declare const commandBus: CommandBus;
export declare const queryBus: QueryBus;
export declare const backend: EventStoreBackend;
/** A read model of the user's own. */
export declare const balances: {
  add(account: string, amount: number, options?: { signal: AbortSignal }): Promise<void>;
  of(account: string): Promise<number>;
};
export declare const request: { readonly id: string };

/** A backend of the user's own. */
export declare class MyBackend extends InMemoryBackend {
  constructor(place: string);
}

export declare function subject(name: string): ContractSubject;

/** As `@nestjs/config` has it. */
export declare class ConfigService {
  getOrThrow(name: string): string;
}
