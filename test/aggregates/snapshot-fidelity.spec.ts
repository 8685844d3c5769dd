import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  DomainEvent,
  EventHandler,
  EventStore,
  InMemoryBackend,
  UnserialisableDataError,
} from '@allframe/nestjs';
import { describe, expect, it, vi } from 'vitest';

@DomainEvent('task.closed')
class Closed {
  constructor(readonly at: string) {}
}

@Aggregate('task', { snapshotEvery: 1 })
class Task extends AggregateRoot {
  status: string | undefined = 'new';
  close(at: string): void {
    this.apply(new Closed(at));
  }
  @EventHandler(Closed) onClosed(_event: Closed): void {
    this.status = undefined;
  }
}

@Aggregate('dated', { snapshotEvery: 1 })
class Dated extends AggregateRoot {
  at: Date | null = null;
  close(at: string): void {
    this.apply(new Closed(at));
  }
  @EventHandler(Closed) onClosed(event: Closed): void {
    this.at = new Date(event.at);
  }
}

async function openStore() {
  const logger = { error: vi.fn(), warn: vi.fn() };
  return { logger, store: await EventStore.open(new InMemoryBackend(), { logger }) };
}

describe('a state that is loaded from a snapshot is the one that the events give', () => {
  it('where a field became undefined', async () => {
    const { store } = await openStore();
    const tasks = new AggregateRepository(store, Task);
    await tasks.update('1', (task) => task.close('2024-01-01T00:00:00Z'));
    expect(await store.getLatestSnapshot('task-1')).not.toBeNull();
    expect((await tasks.load('1')).status).toBeUndefined();
  });

  it('where a field comes back from JSON as something else: then no snapshot is taken, and it is reported', async () => {
    const { store, logger } = await openStore();
    const dated = new AggregateRepository(store, Dated);
    await dated.update('1', (one) => one.close('2024-01-01T00:00:00Z'));
    expect(await store.getLatestSnapshot('dated-1')).toBeNull();
    expect(logger.error.mock.calls[0]?.[1]).toBeInstanceOf(UnserialisableDataError);
    expect(String(logger.error.mock.calls[0]?.[1])).toContain('Dated.at');
    expect((await dated.load('1')).at).toEqual(new Date('2024-01-01T00:00:00Z'));
  });
});
