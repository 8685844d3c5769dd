/** Schemas of a server of the tests: each is one test's own, and gone with it. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';

type Row = Record<string, unknown>;

/** The newest server; what differs between versions is tested on all of them. */
export function serverUrl(): string {
  const [newest] = inject('postgresServers');
  if (newest === undefined) throw new Error('no server has been started');
  return newest.url;
}

/** One statement on a connection of its own. */
export async function sql(url: string, text: string, values: unknown[] = []): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** The name of a schema that nobody has made yet; what is made of it is dropped with the test. */
export function newSchema(url = serverUrl()): string {
  const schema = `test_${randomUUID().replaceAll('-', '')}`;
  onTestFinished(async () => void (await sql(url, `drop schema if exists ${schema} cascade`)));
  return schema;
}

/** A connection that ends with the test. */
export async function newClient(url = serverUrl()): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The same address with other parts: a role, a database, what follows the `?`. */
export function urlWith(
  url: string,
  { user, database, ...parameters }: Readonly<Record<string, string | undefined>>,
): string {
  const changed = new URL(url);
  if (user !== undefined) changed.username = user;
  if (database !== undefined) changed.pathname = `/${database}`;
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value as string);
  return changed.href;
}
