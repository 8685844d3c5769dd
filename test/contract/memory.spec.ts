import { describe, it } from 'vitest';
import { InMemoryBackend } from '../../lib/backends/memory/in-memory-backend.js';
import { eventStoreContract } from '../../lib/testing/contract/event-store-contract.js';

/** A place is an object: as long as it is held, closing and opening it again finds everything. */
const places = new Map<string, InMemoryBackend>();

function open(place: string): InMemoryBackend {
  const held = places.get(place) ?? new InMemoryBackend();
  places.set(place, held);
  return held;
}

eventStoreContract(
  { describe, it },
  {
    name: 'memory',
    open,
    remove: (place) => void places.delete(place),
    capabilities: { durable: true, transactional: false, duplicateWindow: Infinity },
  },
);
