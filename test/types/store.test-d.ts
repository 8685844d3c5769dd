/** The store: what goes in, and what comes out. */
import { map, type Observable, scan } from 'rxjs';
import {
  type AppendResult,
  DomainEvent,
  type EventInput,
  EventStore,
  type ExpectedVersion,
  InMemoryBackend,
  ofType,
  type RecordedEvent,
  Snapshot,
  type StoreSubscription,
} from '@allframe/nestjs';
import { Account, AccountOpened, MoneyDeposited, store } from './domain.js';
import { exactly } from './exactly.js';

const deposited = new MoneyDeposited(1);

// Events: instances and plain objects, together as well.
exactly<Promise<AppendResult>>()(store.append('account-1', [deposited]));
void store.append('account-1', [deposited, { type: 'money.deposited', data: { amount: 1 } }]);
export const full: EventInput = {
  type: 'a',
  data: null,
  id: 'x',
  schemaVersion: 1,
  metadata: { user: 'ada', correlationId: 'c' },
};
// @ts-expect-error events come in a list
void store.append('account-1', deposited);
// @ts-expect-error a string is no event
void store.append('account-1', ['money.deposited']);

// Expected versions.
exactly<number | 'any' | 'noStream' | 'streamExists'>()(null as unknown as ExpectedVersion);
for (const expectedVersion of ['any', 'noStream', 'streamExists', 0, 7] as const) {
  void store.append('account-1', [deposited], { expectedVersion });
}
// @ts-expect-error no such word
void store.append('account-1', [deposited], { expectedVersion: 'empty' });
// @ts-expect-error a number is not its digits
void store.append('account-1', [deposited], { expectedVersion: '3' });
// @ts-expect-error no such option
void store.append('account-1', [deposited], { expected: 3 });

// Results, which nobody may change.
const result = await store.append('account-1', [deposited]);
exactly<{
  streamId: string;
  fromVersion: number;
  version: number;
  position: number;
  idempotent: boolean;
}>()({ ...result });
// @ts-expect-error a result is read only
result.version = 2;
exactly<readonly AppendResult[]>()(
  await store.appendAll([{ streamId: 'a-1', events: [deposited], expectedVersion: 'noStream' }], {
    records: [{ collection: 'c', key: 'k', value: { n: 1 }, expected: null }],
  }),
);

// Reading: what the type of an event's data is, its reader has to find out.
const [event] = await store.getEvents('account-1');
exactly<RecordedEvent<unknown> | undefined>()(event);
if (event?.data instanceof MoneyDeposited) exactly<number>()(event.data.amount);
// @ts-expect-error nobody has looked what it is
void event?.data.amount;
for await (const recorded of store.readStream('account-1', {
  fromVersion: 1,
  direction: 'backward',
  limit: 9,
})) {
  exactly<Date>()(recorded.recordedAt);
  exactly<string | undefined>()(recorded.metadata.correlationId);
  exactly<unknown>()(recorded.metadata['user']);
}
// @ts-expect-error there are two directions
store.readAll({ direction: 'up' });

// RxJS: the type flows through `ofType`, for one class, for two, and for a list of them.
const events$ = store.events$({ after: 'now', types: ['money.deposited'], categories: ['account'] });
exactly<Observable<RecordedEvent<unknown>>>()(events$);
exactly<Observable<RecordedEvent<MoneyDeposited>>>()(events$.pipe(ofType(MoneyDeposited)));
exactly<Observable<RecordedEvent<AccountOpened | MoneyDeposited>>>()(
  events$.pipe(ofType(AccountOpened, MoneyDeposited)),
);
const classes = [AccountOpened, MoneyDeposited] as const;
exactly<Observable<RecordedEvent<AccountOpened | MoneyDeposited>>>()(events$.pipe(ofType(...classes)));
exactly<Observable<number>>()(
  events$.pipe(
    ofType(MoneyDeposited),
    map((deposit) => deposit.data.amount),
    scan((a, b) => a + b, 0),
  ),
);
events$.pipe(ofType(AccountOpened, MoneyDeposited)).subscribe(({ data }) => {
  if (data instanceof AccountOpened) exactly<string>()(data.owner);
  else exactly<number>()(data.amount);
});
// @ts-expect-error an event type is not its class
events$.pipe(ofType('money.deposited'));
// @ts-expect-error a position is a number
store.events$({ after: '0' });

// Subscriptions.
exactly<StoreSubscription>()(
  store.subscribe(async () => undefined, { after: 0, onError: (error, failed) => void [error, failed.id] }),
);

// Snapshots.
const account = new Account();
exactly<number>()(Snapshot.create(account, account.version).revision);
exactly<Account | undefined>()((await store.getLatestSnapshot('account-1'))?.intoAggregate(Account));
// @ts-expect-error an event is no aggregate
Snapshot.create(deposited, 1);
// @ts-expect-error an event's class is no aggregate's
(await store.getLatestSnapshot('account-1'))?.intoAggregate(MoneyDeposited);

// Opening, with the classes it should know.
exactly<Promise<EventStore>>()(
  EventStore.open(new InMemoryBackend(), { events: [AccountOpened, MoneyDeposited] }),
);
// @ts-expect-error by its class, not by its name
void EventStore.open(new InMemoryBackend(), { events: ['money.deposited'] });
// @ts-expect-error a URL is opened by openBackend, or by forRoot
void EventStore.open('memory:');

// @ts-expect-error the version of a schema is a number
@DomainEvent('a', { version: '2' })
export class Versioned {}
