import {
  EventStore,
  type EventPage,
  InMemoryBackend,
  type LogQuery,
  type StreamQuery,
} from '@allframe/nestjs';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../eventually.js';

/** Gives the same page again and again, and never says that it is the last one. */
class StuckBackend extends InMemoryBackend {
  override async readAll({ after, upTo, direction }: LogQuery): Promise<EventPage> {
    return { events: [], through: direction === 'forward' ? after : upTo + 1, atEnd: false };
  }
  override async readStream({ fromVersion }: StreamQuery): Promise<EventPage> {
    return { events: [], through: fromVersion - 1, atEnd: false };
  }
}

describe('a backend whose pages do not move on', () => {
  it('is refused by readers, who would ask for ever', async () => {
    const store = await EventStore.open(new StuckBackend());
    await store.append('a', [{ type: 'x', data: 1 }]);
    await expect(store.getEvents('a')).rejects.toThrow(/no further than the one before/);
    await expect(store.getAllEvents()).rejects.toThrow(/no further than the one before/);
    await expect(store.readAll({ direction: 'backward', upTo: 1 }).next()).rejects.toThrow(
      /eventStoreContract/,
    );
    await store.close();
  });

  it('is reported by a subscription, which leaves the others their turn', async () => {
    const logger = { error: vi.fn(), warn: vi.fn() };
    const store = await EventStore.open(new StuckBackend(), { logger });
    await store.append('a', [{ type: 'x', data: 1 }]);
    store.subscribe(() => undefined, { after: 0 });
    await eventually(() => expect(logger.error).toHaveBeenCalled());
    expect(String(logger.error.mock.calls[0]?.[1])).toMatch(/no further than the one before/);
    await store.close();
  });
});
