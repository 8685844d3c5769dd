import { EventStore, InMemoryBackend } from '@allframe/nestjs';
import { onTestFinished } from 'vitest';

/** A store that closes with the test. */
export async function openStore(backend = new InMemoryBackend()): Promise<EventStore> {
  const store = await EventStore.open(backend);
  onTestFinished(() => store.close());
  return store;
}
