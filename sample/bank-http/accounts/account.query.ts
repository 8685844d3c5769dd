import {
  AggregateRepository,
  type IQueryHandler,
  InjectAggregateRepository,
  Query,
  QueryHandler,
} from '@allframe/nestjs';
import { Account } from './account.aggregate.js';

export interface AccountView {
  readonly id: string;
  readonly owner: string;
  /** Whole cents. */
  readonly balance: number;
  /** How often it has changed. */
  readonly version: number;
}

export class AccountOf extends Query<AccountView> {
  constructor(readonly accountId: string) {
    super();
  }
}

@QueryHandler(AccountOf)
export class AccountOfHandler implements IQueryHandler<AccountOf> {
  constructor(@InjectAggregateRepository(Account) private readonly accounts: AggregateRepository<Account>) {}

  /** @throws AggregateNotFoundError */
  async execute({ accountId }: AccountOf): Promise<AccountView> {
    const { owner, balance, version } = await this.accounts.load(accountId);
    return { id: accountId, owner, balance, version };
  }
}
