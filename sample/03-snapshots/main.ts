/** Snapshots: the state of an aggregate, kept so that loading it reads only what came after. By hand first, then by itself. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  DomainEvent,
  EventHandler,
  EventStore,
  InMemoryBackend,
  Snapshot,
} from '@allframe/nestjs';

@DomainEvent('money.deposited')
export class MoneyDeposited {
  constructor(readonly amount: number) {}
}

/** `snapshotEvery` is for the repository of the second half; by hand it means nothing. */
@Aggregate('account', { snapshotEvery: 10 })
export class Account extends AggregateRoot {
  balance = 0;

  deposit(amount: number): void {
    this.apply(new MoneyDeposited(amount));
  }

  @EventHandler(MoneyDeposited) onDeposited({ amount }: MoneyDeposited): void {
    this.balance += amount;
  }
}

// On AllSourceBackend.production('./data') snapshots are as durable as events.
const store = await EventStore.open(new InMemoryBackend(), { events: [MoneyDeposited] });

// Rebuild an aggregate: a fresh one, and all of its events.
await store.append('account-ada', [new MoneyDeposited(10), new MoneyDeposited(20), new MoneyDeposited(30)]);
const account = new Account();
account.loadFromHistory(await store.getEvents('account-ada'));
console.log(`Rebuilt from ${account.version} events: ${account.balance}`);

// Save a snapshot: its public fields, and the version at which it has them.
await store.saveSnapshot('account-ada', Snapshot.create(account, account.version));

// Life goes on.
await store.append('account-ada', [new MoneyDeposited(1), new MoneyDeposited(2)]);

// Load the snapshot, and apply only what came after it.
const restored = (await store.getLatestSnapshot('account-ada'))!.intoAggregate(Account);
console.log(`From the snapshot of version ${restored.version}: ${restored.balance}`);
const newer = await store.getEventsAfter('account-ada', restored.version);
restored.loadFromHistory(newer);
console.log(`And ${newer.length} events after it: ${restored.balance}`);

// A repository does all of this: it takes a snapshot after every tenth event, and begins with it when it loads.
const accounts = new AggregateRepository(store, Account);
for (let i = 0; i < 25; i++) await accounts.update('bob', (bob) => bob.deposit(1));
const taken = await store.getLatestSnapshot('account-bob');
const bob = await accounts.load('bob');
console.log(`A snapshot was taken at version ${taken?.version} of ${bob.version}: ${bob.balance}`);

// Snapshots make loading faster and nothing else: without them the state is the same.
const fromEvents = await new AggregateRepository(store, Account, { snapshots: false }).load('bob');
console.log(`Without it: ${fromEvents.balance}`);
await store.close();
