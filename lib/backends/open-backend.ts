import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';

/** Each backend is loaded only when its scheme is asked for, so that nobody loads a driver they do not use. */
const backends: Readonly<Record<string, (url: URL) => Promise<EventStoreBackend>>> = {
  'memory:': async () => {
    const { InMemoryBackend } = await import('./memory/in-memory-backend.js');
    return new InMemoryBackend();
  },
};

/**
 * A backend by its URL; it is opened by the store that uses it. `memory:` is a new, empty one in this process.
 * @throws InvalidArgumentError for a URL that names no backend; the message holds the scheme and never the URL, which
 * may hold a password
 * @publicApi
 */
export async function openBackend(url: string): Promise<EventStoreBackend> {
  const known = Object.keys(backends).join(', ');
  if (!URL.canParse(url)) {
    throw new InvalidArgumentError(
      'the URL of the event store',
      `it is not a URL; begin it with one of ${known}`,
    );
  }
  const parsed = new URL(url);
  const make = Object.hasOwn(backends, parsed.protocol) ? backends[parsed.protocol] : undefined;
  if (make === undefined) {
    throw new InvalidArgumentError(
      'the URL of the event store',
      `there is no backend for "${parsed.protocol}"; begin it with one of ${known}`,
    );
  }
  return make(parsed);
}
