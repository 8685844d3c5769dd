import { describe, expect, it } from 'vitest';
import {
  AggregateRepository,
  AllFrameModule,
  type Decider,
  DeciderRepository,
  DuplicateStoreError,
  EventHandler,
  EventStore,
  type EventStoreBackend,
  getAggregateRepositoryToken,
  getDeciderRepositoryToken,
  getEventStoreToken,
  InjectAggregateRepository,
  InjectDeciderRepository,
  InjectEventStore,
  InjectEventStoreBackend,
  InMemoryBackend,
  Projection,
  ProjectionRegistry,
  UnknownStoreError,
} from '@allframe/nestjs';
import { Injectable } from '@nestjs/common';
import { Account, AccountOpened, Accounts, MoneyDeposited } from './bank.js';
import { compiled, startFailure, started } from './running-app.js';

interface Switched {
  type: 'light.switched';
  data: { on: boolean };
}
const light: Decider<{ on: boolean }, 'press', Switched> = {
  initialState: () => ({ on: false }),
  decide: (_command, state) => ({ type: 'light.switched', data: { on: !state.on } }),
  evolve: (_state, event) => ({ on: event.data.on }),
};
type Lights = DeciderRepository<{ on: boolean }, 'press', Switched>;

@Injectable()
class Billing {
  constructor(
    @InjectEventStore() readonly main: EventStore,
    @InjectEventStore('billing') readonly store: EventStore,
    @InjectEventStoreBackend('billing') readonly backend: EventStoreBackend,
    @InjectAggregateRepository(Account) readonly mainAccounts: AggregateRepository<Account>,
    @InjectAggregateRepository(Account, 'billing') readonly accounts: AggregateRepository<Account>,
    @InjectDeciderRepository('light', 'billing') readonly lights: Lights,
  ) {}
}

@Projection('main-owners')
class MainOwners {
  readonly owners: string[] = [];
  @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
    this.owners.push(event.owner);
  }
}

@Projection('billing-owners', { store: 'billing' })
class BillingOwners extends MainOwners {}

describe('named stores', () => {
  it('are injected by name, each with its own backend, repositories and events', async () => {
    const backend = new InMemoryBackend();
    const app = await compiled({
      imports: [
        AllFrameModule.forRoot(),
        AllFrameModule.forRoot(backend, { name: 'billing', snapshots: { every: 1 } }),
        AllFrameModule.forFeature([Account]),
        AllFrameModule.forFeature([Account, { name: 'light', decider: light }], { store: 'billing' }),
      ],
      providers: [Billing],
    });
    const billing = app.get(Billing);
    expect(billing.backend).toBe(backend);
    expect(billing.store.backend).toBe(backend);
    expect(billing.main).not.toBe(billing.store);

    await billing.accounts.update('1', (account) => account.open('Bill'));
    await billing.mainAccounts.update('1', (account) => account.open('Ada'));
    await billing.lights.decide('hall', 'press');
    expect((await billing.accounts.load('1')).owner).toBe('Bill');
    expect((await billing.mainAccounts.load('1')).owner).toBe('Ada');
    expect((await billing.lights.load('hall')).state).toEqual({ on: true });
    expect(await billing.main.stats()).toMatchObject({ totalEvents: 1, totalSnapshots: 0 });
    // The decider's and the aggregate's: `snapshots` is for every repository of its store, and of no other.
    expect(await billing.store.stats()).toMatchObject({ totalEvents: 2, totalSnapshots: 2 });
  });

  it('feed the projections that name them, and no others', async () => {
    const app = await started({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forRoot('memory:', { name: 'billing' })],
      providers: [MainOwners, BillingOwners],
    });
    const main = app.get(EventStore);
    const billing = app.get<EventStore>(getEventStoreToken('billing'));
    const projections = app.get(ProjectionRegistry);
    const first = await billing.append('account-1', [new AccountOpened('Bill'), new AccountOpened('Bob')]);
    const second = await main.append('account-1', [new AccountOpened('Ada')]);
    await projections.waitFor('billing-owners', first.position);
    await projections.waitFor('main-owners', second.position);
    expect(app.get(BillingOwners).owners).toEqual(['Bill', 'Bob']);
    expect(app.get(MainOwners).owners).toEqual(['Ada']);
    expect(projections.status('billing-owners').position).toBe(2);
  });

  it('know the events of their own handlers only', async () => {
    @Projection('deposits', { store: 'billing' })
    class Deposits {
      @EventHandler(MoneyDeposited) onDeposited(): void {}
    }
    const app = await compiled({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forRoot('memory:', { name: 'billing' })],
      providers: [Deposits, MainOwners],
    });
    const main = app.get(EventStore);
    const billing = app.get<EventStore>(getEventStoreToken('billing'));
    expect(main.knowsEventType('money.deposited')).toBe(false);
    expect(main.knowsEventType('account.opened')).toBe(true);
    expect(billing.knowsEventType('money.deposited')).toBe(true);
    expect(billing.knowsEventType('account.opened')).toBe(false);
  });

  it('may all be named: there need be no default store', async () => {
    const app = await started({
      imports: [AllFrameModule.forRoot('memory:', { name: 'billing' })],
      providers: [BillingOwners],
    });
    const billing = app.get<EventStore>(getEventStoreToken('billing'));
    const { position } = await billing.append('account-1', [new AccountOpened('Bill')]);
    await app.get(ProjectionRegistry).waitFor('billing-owners', position);
    expect(() => app.get(EventStore)).toThrow(/EventStore/);
  });

  it('have each name once', async () => {
    const failure = await startFailure({
      imports: [
        AllFrameModule.forRoot('memory:', { name: 'billing' }),
        AllFrameModule.forRoot('memory:', { name: 'billing' }),
      ],
    });
    expect(failure).toBeInstanceOf(DuplicateStoreError);
    expect(failure.message).toMatch(/imported twice for store "billing"/);
  });

  it('of every name have tokens of their own', () => {
    const tokens = [
      getEventStoreToken(),
      getEventStoreToken('a'),
      getAggregateRepositoryToken(Account),
      getAggregateRepositoryToken(Account, 'a'),
      getDeciderRepositoryToken('light'),
      getDeciderRepositoryToken('light', 'a'),
      getDeciderRepositoryToken('a', 'light'),
    ];
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(getAggregateRepositoryToken(Account, 'a')).toBe(getAggregateRepositoryToken(Account, 'a'));
  });
});

describe('a store that no forRoot sets up', () => {
  it('is refused to a feature, by the name of its aggregate', async () => {
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Account], { store: 'billling' })],
    });
    expect(failure).toBeInstanceOf(UnknownStoreError);
    expect(failure.message).toMatch(
      /forFeature\(\[Account\]\) wants store "billling".*\{ name: 'billling' \}/,
    );
  });

  it('is refused to a decider, by its name', async () => {
    const failure = await startFailure({
      imports: [AllFrameModule.forFeature([{ name: 'light', decider: light }])],
    });
    expect(failure).toBeInstanceOf(UnknownStoreError);
    expect(failure.message).toMatch(
      /decider "light" wants the default store.*AllFrameModule\.forRoot\(backend\)/,
    );
  });

  it('is refused to a projection, by the name of its class', async () => {
    const failure = await startFailure({ imports: [AllFrameModule.forRoot()], providers: [BillingOwners] });
    expect(failure).toBeInstanceOf(UnknownStoreError);
    expect(failure).toMatchObject({ code: 'UnknownStoreError', store: 'billing' });
    expect(failure.message).toMatch(/^BillingOwners wants store "billing"/);
  });

  it('is refused to a listener where every store has a name', async () => {
    @Injectable()
    class Greeter {
      @EventHandler(AccountOpened) onOpened(): void {}
    }
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot('memory:', { name: 'billing' })],
      providers: [Greeter],
    });
    expect(failure).toBeInstanceOf(UnknownStoreError);
    expect(failure.message).toMatch(/^Greeter wants the default store/);
  });

  it('is refused to an injecting class by Nest, which names both', async () => {
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Account])],
      providers: [Billing],
    });
    expect(failure.message).toMatch(/Billing/);
    expect(failure.message).toMatch(/AllFrameEventStore:billing/);
  });

  it('a repository without forFeature is refused by Nest, which names aggregate and user', async () => {
    const failure = await startFailure({ imports: [AllFrameModule.forRoot()], providers: [Accounts] });
    expect(failure.message).toMatch(/Accounts/);
    expect(failure.message).toMatch(/AggregateRepository<Account>/);
  });
});
