/** An aggregate for tests, on the events of the bank. */
import { Aggregate, AggregateRoot, EventHandler, type RecordedEvent } from '@allframe/nestjs';
import { AccountClosed, AccountOpened, MoneyDeposited } from '../store/bank.js';

export class AccountIsClosed extends Error {}

@Aggregate('account')
export class Account extends AggregateRoot {
  owner: string | null = null;
  balance = 0;
  /** The versions of the events that were replayed; an event that is applied has none yet. */
  readonly replayed: number[] = [];
  #closed = false;

  open(owner: string): void {
    if (this.owner === null) this.apply(new AccountOpened(owner, 0));
  }

  deposit(amount: number): void {
    if (this.#closed) throw new AccountIsClosed(`Account of ${this.owner} is closed`);
    if (amount > 0) this.apply(new MoneyDeposited(amount));
  }

  close(): void {
    this.apply(new AccountClosed());
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
    this.owner = event.owner;
    this.balance = event.balance;
  }

  @EventHandler(MoneyDeposited) onDeposited(
    event: MoneyDeposited,
    recorded: RecordedEvent<MoneyDeposited>,
  ): void {
    this.balance += event.amount;
    if (recorded.version !== undefined) this.replayed.push(recorded.version);
  }

  @EventHandler(AccountClosed) onClosed(): void {
    this.#closed = true;
  }
}
