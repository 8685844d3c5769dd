/** `@allframe/nestjs/testing`: what tests are written with. */
import { describe, it } from 'node:test';
import { EventStore, InMemoryBackend } from '@allframe/nestjs';
import {
  eventStoreContract,
  eventStoreDifferential,
  FakeClock,
  given,
  type GivenAggregate,
  type GivenDecider,
} from '@allframe/nestjs/testing';
import { light } from './aggregates.test-d.js';
import { Account, AccountOpened, MoneyDeposited } from './domain.js';
import { exactly } from './exactly.js';

exactly<GivenAggregate<Account>>()(given(Account));
exactly<GivenAggregate<Account>>()(given(Account, [new AccountOpened('Ada', 1), { type: 'a', data: 1 }]));
exactly<Promise<void>>()(
  given(Account, [new AccountOpened('Ada', 1)])
    .when((account) => exactly<Account>()(account))
    .then([new MoneyDeposited(1)]),
);
void given(Account)
  .when(async (account) => account.deposit(1))
  .thenThrows(RangeError);
// @ts-expect-error no such method on an account
void given(Account).when((account) => account.close());
// @ts-expect-error an event's class is no aggregate's
void given(MoneyDeposited);

// A decider: the history is of its events, the command is one of its commands.
type Command = Parameters<typeof light.decide>[0];
exactly<GivenDecider<Command>>()(given(light));
exactly<GivenDecider<Command>>()(given(light, [{ type: 'switched', data: { on: true } }]));
void given(light, [
  { type: 'switched', data: { on: true } },
  { type: 'broken', data: { after: 1 } },
])
  .when({ type: 'press' })
  .thenNothing();
// @ts-expect-error no such event
void given(light, [{ type: 'dimmed', data: {} }]);
// @ts-expect-error the light is on or off, and nothing between
void given(light, [{ type: 'switched', data: { on: 0.5 } }]);
// @ts-expect-error no such command
void given(light).when({ type: 'pull' });

void EventStore.open(new InMemoryBackend(), { clock: new FakeClock(0) });

// Any runner by its shape, here node:test.
eventStoreContract(
  { describe, it },
  {
    name: 'mine',
    open: (place: string) => {
      exactly<string>()(place);
      return new InMemoryBackend();
    },
    capabilities: { durable: true, transactional: false, duplicateWindow: 100_000 },
  },
);
// @ts-expect-error what it can do has to be said
eventStoreContract({ describe, it }, { name: 'mine', open: () => new InMemoryBackend() });
const subject = {
  name: 'mine',
  open: () => new InMemoryBackend(),
  capabilities: { durable: true, transactional: false, duplicateWindow: 1 },
};
eventStoreDifferential({ describe, it }, subject, { ...subject, name: 'other' });
// @ts-expect-error one backend has nothing to be compared with
eventStoreDifferential({ describe, it }, subject);
// @ts-expect-error a runner declares groups as well
eventStoreContract({ it }, subject);
// @ts-expect-error a place is the name of one
eventStoreContract({ describe, it }, { ...subject, open: (place: number) => new InMemoryBackend() });
