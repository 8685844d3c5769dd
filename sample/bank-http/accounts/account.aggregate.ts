import { Aggregate, AggregateRoot, CommandHandler, DomainError, EventHandler } from '@allframe/nestjs';
import { DepositMoney, OpenAccount, WithdrawMoney } from './account.commands.js';
import { AccountOpened, MoneyDeposited, MoneyWithdrawn } from './account.events.js';

/** An account is opened once. */
class AccountIsOpenError extends DomainError {
  readonly code = 'AccountIsOpenError';
  override readonly kind = 'conflict';

  constructor() {
    super('The account is open already');
  }
}

/** An account is not overdrawn. */
class InsufficientFundsError extends DomainError {
  readonly code = 'InsufficientFundsError';

  /** @param balance whole cents */
  constructor(readonly balance: number) {
    super(`There are only ${balance} cents in the account`);
  }
}

/** Its methods handle commands: the bus loads the account, calls them, and appends what they applied. */
@Aggregate('account', { snapshotEvery: 100 })
export class Account extends AggregateRoot {
  owner = '';
  balance = 0;

  // A rule and not `expectedVersion: 'noStream'`, so that clients are told in words of the bank.
  @CommandHandler(OpenAccount)
  open({ owner }: OpenAccount): void {
    if (this.version > 0) throw new AccountIsOpenError();
    this.apply(new AccountOpened(owner));
  }

  @CommandHandler(DepositMoney, { expectedVersion: 'streamExists' })
  deposit({ amount }: Pick<DepositMoney, 'amount'>): void {
    this.apply(new MoneyDeposited(amount));
  }

  @CommandHandler(WithdrawMoney, { expectedVersion: 'streamExists' })
  withdraw({ amount }: Pick<WithdrawMoney, 'amount'>): void {
    if (amount > this.balance) throw new InsufficientFundsError(this.balance);
    this.apply(new MoneyWithdrawn(amount));
  }

  @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
    this.owner = event.owner;
  }

  @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited): void {
    this.balance += event.amount;
  }

  @EventHandler(MoneyWithdrawn) onWithdrawn(event: MoneyWithdrawn): void {
    this.balance -= event.amount;
  }
}
