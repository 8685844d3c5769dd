/** Aggregates, deciders, and their repositories. */
import {
  Aggregate,
  AggregateRepository,
  type AppendResult,
  type Decider,
  DeciderRepository,
  InjectAggregateRepository,
} from '@allframe/nestjs';
import { Account, AccountOpened, MoneyDeposited, store } from './domain.js';
import { exactly } from './exactly.js';

// A repository knows its aggregate.
const accounts = new AggregateRepository(store, Account);
exactly<AggregateRepository<Account>>()(accounts);
exactly<Promise<Account>>()(accounts.load('1'));
exactly<Promise<boolean>>()(accounts.exists('1'));
exactly<Promise<AppendResult | null>>()(
  accounts.update('1', (account) => {
    exactly<Account>()(account);
    account.deposit(1);
  }),
);
void accounts.update('1', async (account) => account.deposit(await Promise.resolve(1)), { attempts: 3 });
void accounts.save(new Account(), '1');
// @ts-expect-error no such method on an account
void accounts.update('1', (account) => account.close());
// @ts-expect-error a deposit is a number
void accounts.update('1', (account) => account.deposit('1'));
// @ts-expect-error an event is no aggregate
void accounts.save(new MoneyDeposited(1));
// @ts-expect-error it may be null: nothing was decided
void (await accounts.update('1', () => undefined)).position;
// @ts-expect-error an event's class is no aggregate's
export const wrong = new AggregateRepository(store, MoneyDeposited);

export class Bank {
  constructor(
    @InjectAggregateRepository(Account) readonly accounts: AggregateRepository<Account>,
    @InjectAggregateRepository(Account, 'billing') readonly billed: AggregateRepository<Account>,
    // @ts-expect-error only classes that extend AggregateRoot have repositories
    @InjectAggregateRepository(MoneyDeposited) readonly deposits: object,
    // @ts-expect-error a class and not its name
    @InjectAggregateRepository('account') readonly named: object,
  ) {}
}

// @ts-expect-error aggregates extend AggregateRoot
@Aggregate('point')
export class NoAggregate {
  x = 0;
}

// @ts-expect-error a repository makes aggregates without arguments
@Aggregate('account')
export class WithArguments extends Account {
  constructor(readonly owner: string) {
    super();
  }
}

// A decider handles each event of its union, and decides on nothing else.
type SwitchEvent =
  | { readonly type: 'switched'; readonly data: { readonly on: boolean } }
  | { readonly type: 'broken'; readonly data: { readonly after: number } };
type SwitchCommand = { readonly type: 'press' } | { readonly type: 'hit'; readonly force: number };
type Light = 'on' | 'off' | 'broken';

export const light: Decider<Light, SwitchCommand, SwitchEvent> = {
  initialState: () => 'off',
  decide: (command, state) => {
    exactly<SwitchCommand>()(command);
    exactly<Light>()(state);
    if (command.type === 'hit') return [{ type: 'broken', data: { after: command.force } }];
    return state === 'broken' ? [] : { type: 'switched', data: { on: state === 'off' } };
  },
  evolve: (_state, event) => {
    switch (event.type) {
      case 'switched':
        return event.data.on ? 'on' : 'off';
      case 'broken':
        exactly<number>()(event.data.after);
        return 'broken';
    }
  },
};

export const missesACase: Decider<Light, SwitchCommand, SwitchEvent> = {
  initialState: () => 'off',
  decide: () => [],
  // @ts-expect-error nothing is said of a light that is broken
  // prettier-ignore
  evolve: (_state, event) => { switch (event.type) { case 'switched': return event.data.on ? 'on' : 'off'; } },
};

export const handlesOne: Decider<Light, SwitchCommand, SwitchEvent> = {
  initialState: () => 'off',
  decide: () => [],
  // @ts-expect-error it takes one of the two events
  evolve: (_state, event: { type: 'switched'; data: { on: boolean } }) => (event.data.on ? 'on' : 'off'),
};

export const decidesOtherwise: Decider<Light, SwitchCommand, SwitchEvent> = {
  // @ts-expect-error no such state
  initialState: () => 'dim',
  // @ts-expect-error no such event
  decide: () => ({ type: 'dimmed', data: {} }),
  evolve: (state) => state,
};

// Events may be instances of classes as well, and a class that is not handled is missed too.
export const instances: Decider<number, 'deposit', AccountOpened | MoneyDeposited> = {
  initialState: () => 0,
  decide: () => new MoneyDeposited(1),
  evolve: (balance, event) =>
    event instanceof AccountOpened ? event.openingBalance : balance + event.amount,
};
export const missesAClass: Decider<number, 'deposit', AccountOpened | MoneyDeposited> = {
  initialState: () => 0,
  decide: () => [],
  // @ts-expect-error an account that was opened has no amount
  evolve: (balance, event) => balance + event.amount,
};

const lights = new DeciderRepository(store, { name: 'light', decider: light });
exactly<DeciderRepository<Light, SwitchCommand, SwitchEvent>>()(lights);
exactly<Promise<AppendResult | null>>()(lights.decide('hall', { type: 'press' }));
exactly<Light>()((await lights.load('hall')).state);
// @ts-expect-error no such command
void lights.decide('hall', { type: 'pull' });
