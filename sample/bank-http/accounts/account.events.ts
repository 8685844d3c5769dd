import { DomainEvent } from '@allframe/nestjs';

@DomainEvent('account.opened')
export class AccountOpened {
  constructor(readonly owner: string) {}
}

/** Amounts are whole cents. */
@DomainEvent('money.deposited')
export class MoneyDeposited {
  constructor(readonly amount: number) {}
}

@DomainEvent('money.withdrawn')
export class MoneyWithdrawn {
  constructor(readonly amount: number) {}
}
