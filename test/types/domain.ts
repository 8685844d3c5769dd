/** What the pinned examples are about. */
import { Aggregate, AggregateRoot, DomainEvent, EventHandler, type EventStore } from '@allframe/nestjs';

@DomainEvent('account.opened')
export class AccountOpened {
  constructor(
    readonly owner: string,
    readonly openingBalance: number,
  ) {}
}

@DomainEvent('money.deposited', { version: 2 })
export class MoneyDeposited {
  constructor(readonly amount: number) {}
}

@Aggregate('account', { snapshotEvery: 100 })
export class Account extends AggregateRoot {
  balance = 0;

  deposit(amount: number): void {
    this.apply(new MoneyDeposited(amount));
  }

  @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited): void {
    this.balance += event.amount;
  }
}

export declare const store: EventStore;
