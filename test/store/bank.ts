/** Events of a bank, for tests. */
import {
  DomainEvent,
  EventStore,
  type EventStoreBackend,
  type EventStoreOptions,
  InMemoryBackend,
  type PlainEventInput,
} from '@allframe/nestjs';
import { onTestFinished } from 'vitest';

@DomainEvent('account.opened', { version: 2 })
export class AccountOpened {
  constructor(
    readonly owner: string,
    readonly balance: number,
  ) {}
}

@DomainEvent('money.deposited')
export class MoneyDeposited {
  constructor(readonly amount: number) {}

  get isLarge(): boolean {
    return this.amount >= 1_000;
  }
}

@DomainEvent('account.closed')
export class AccountClosed {}

/** A store that is closed with the test. */
export async function openStore(
  backend: EventStoreBackend = new InMemoryBackend(),
  options: EventStoreOptions = {},
): Promise<EventStore> {
  const store = await EventStore.open(backend, { shutdownTimeoutMs: 2_000, ...options });
  onTestFinished(() => store.close());
  return store;
}

/** `count` plain events of type `n`, numbered from `first`. */
export function numbered(count: number, first = 1): PlainEventInput[] {
  return Array.from({ length: count }, (_, i) => ({ type: 'n', data: { n: first + i } }));
}
