import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';

const ARGUMENT = 'the URL of the event store';

/** Each backend is loaded only when its scheme is asked for, so that nobody loads a driver they do not use. */
const backends: Readonly<Record<string, (url: string) => Promise<EventStoreBackend>>> = {
  'memory:': async () => {
    const { InMemoryBackend } = await import('./memory/in-memory-backend.js');
    return new InMemoryBackend();
  },
  'allsource:': async (url) => {
    const path = directoryOf(new URL(url));
    const { AllSourceBackend } = await import('./allsource/allsource-backend.js');
    return AllSourceBackend.production(path);
  },
  'postgres:': openPostgres,
  'postgresql:': openPostgres,
};

async function openPostgres(connectionString: string): Promise<EventStoreBackend> {
  const { PostgresBackend } = await import('./postgres/postgres-backend.js');
  return new PostgresBackend({ connectionString });
}

/**
 * A backend by its URL; it is opened by the store that uses it.
 *
 * - `memory:` is a new, empty one in this process.
 * - `allsource:./data` and `allsource:/var/lib/shop` are `AllSourceBackend.production` in that directory: a relative path
 *   begins at the working directory, and what has a meaning in URLs is written as `%20`, `%23`, `%25`, `%3F`.
 * - `postgres://user:password@host:5432/database` is a `PostgresBackend` there; `?schema=orders` names its schema.
 * @throws InvalidArgumentError for a URL that names no backend; the message holds the scheme and never the URL, which
 * may hold a password
 * @publicApi
 */
export async function openBackend(url: string): Promise<EventStoreBackend> {
  const known = Object.keys(backends).join(', ');
  // Several hosts, as PostgreSQL has them, are no URL by the rules of the web.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase();
  if (scheme === undefined || !(URL.canParse(url) || url.includes(','))) {
    throw new InvalidArgumentError(ARGUMENT, `it is not a URL; begin it with one of ${known}`);
  }
  const make = Object.hasOwn(backends, scheme) ? backends[scheme] : undefined;
  if (make === undefined) {
    throw new InvalidArgumentError(
      ARGUMENT,
      `there is no backend for "${scheme}"; begin it with one of ${known}`,
    );
  }
  return make(url);
}

/** The directory that a URL names. What might be meant otherwise is refused, before a store is made at a wrong place. */
function directoryOf({ protocol, host, pathname, search, hash }: URL): string {
  const wanted = `write ${protocol}./data for a relative directory, ${protocol}/var/lib/data for an absolute one`;
  if (host !== '') {
    throw new InvalidArgumentError(ARGUMENT, `it names a host, and a directory is wanted; ${wanted}`);
  }
  if (search !== '' || hash !== '') {
    throw new InvalidArgumentError(
      ARGUMENT,
      'nothing but a directory is wanted in it; write "?" as %3F and "#" as %23 if they are part of its name',
    );
  }
  if (pathname === '') throw new InvalidArgumentError(ARGUMENT, `it names no directory; ${wanted}`);
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new InvalidArgumentError(
      ARGUMENT,
      'a "%" in it does not begin an encoded character; write "%" as %25',
    );
  }
}
