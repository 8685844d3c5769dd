import {
  AggregateRepository,
  CommandHandler,
  EventStore,
  type ICommandHandler,
  InjectAggregateRepository,
} from '@allframe/nestjs';
import { Account } from './account.aggregate.js';
import { TransferMoney } from './account.commands.js';

/** Takes from one account and gives to another: two streams, and one commit, so that no money is lost in between. */
@CommandHandler(TransferMoney, { retry: { attempts: 16 } })
export class TransferMoneyHandler implements ICommandHandler<TransferMoney> {
  constructor(
    @InjectAggregateRepository(Account) private readonly accounts: AggregateRepository<Account>,
    private readonly store: EventStore,
  ) {}

  async execute({ from, to, amount }: TransferMoney): Promise<{ readonly position: number }> {
    const [payer, payee] = await Promise.all([this.accounts.load(from), this.accounts.load(to)]);
    payer.withdraw({ amount });
    payee.deposit({ amount });
    const results = await this.store.appendAll([this.#change(from, payer), this.#change(to, payee)]);
    return { position: Math.max(...results.map(({ position }) => position)) };
  }

  #change(id: string, account: Account) {
    return {
      streamId: this.accounts.streamIdOf(id),
      events: account.uncommittedEvents,
      expectedVersion: account.version,
    };
  }
}
