/** A bank, as small as it can be and still have everything that Nest wires: events, an aggregate and its service. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  type AppendResult,
  DomainEvent,
  EventHandler,
  InjectAggregateRepository,
} from '@allframe/nestjs';
import { Injectable } from '@nestjs/common';

@DomainEvent('account.opened')
export class AccountOpened {
  constructor(readonly owner: string) {}
}

@DomainEvent('money.deposited', { version: 2 })
export class MoneyDeposited {
  constructor(readonly amount: number) {}
}

@DomainEvent('receipt.sent')
export class ReceiptSent {
  constructor(readonly amount: number) {}
}

@Aggregate('account')
export class Account extends AggregateRoot {
  owner = '';
  balance = 0;

  open(owner: string): void {
    this.apply(new AccountOpened(owner));
  }

  deposit(amount: number): void {
    if (amount <= 0) throw new RangeError('A deposit is positive');
    this.apply(new MoneyDeposited(amount));
  }

  @EventHandler(AccountOpened)
  onOpened(event: AccountOpened): void {
    this.owner = event.owner;
  }

  @EventHandler(MoneyDeposited)
  onDeposited(event: MoneyDeposited): void {
    this.balance += event.amount;
  }
}

@Injectable()
export class Accounts {
  constructor(@InjectAggregateRepository(Account) readonly repository: AggregateRepository<Account>) {}

  open(id: string, owner: string): Promise<AppendResult | null> {
    return this.repository.update(id, (account) => account.open(owner));
  }

  deposit(id: string, amount: number): Promise<AppendResult | null> {
    return this.repository.update(id, (account) => account.deposit(amount));
  }

  async balanceOf(id: string): Promise<number> {
    return (await this.repository.load(id)).balance;
  }
}
