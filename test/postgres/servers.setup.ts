/** The servers that tests run against: started before the first of them, and ended after the last. */
import type { TestProject } from 'vitest/node';
import { isSkipped } from '../faults/real/machine.js';
import { isPoolerInstalled, Pooler } from './pooler.js';
import { embeddedPrograms, installedPrograms, PostgresServer } from './server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Servers by what they are called. */
    postgresServers: readonly { readonly name: string; readonly url: string }[];
    /** The newest server, behind PgBouncer in transaction mode; where that is installed. */
    postgresPooler: { readonly name: string; readonly url: string } | null;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const installed = installedPrograms();
  if (process.env['CI'] !== undefined && (installed.length === 0 || !isPoolerInstalled())) {
    throw new Error(
      'in CI the tests run on a server of Debian and behind PgBouncer, too: apt-get install postgresql pgbouncer',
    );
  }
  const servers = await Promise.all(
    [await embeddedPrograms(), ...installed].map((programs) => PostgresServer.start(programs)),
  );
  const newest = servers[0] as PostgresServer;
  const reason = isPoolerInstalled() ? undefined : 'apt-get install pgbouncer';
  const pooler = isSkipped('behind PgBouncer', reason) ? undefined : await Pooler.before(newest);
  const name = `PostgreSQL ${newest.programs.version} behind PgBouncer`;
  provide('postgresPooler', pooler === undefined ? null : { name, url: pooler.url });
  const given = process.env['ALLFRAME_TEST_POSTGRES_URL'];
  provide('postgresServers', [
    ...servers.map(({ programs, url }) => ({ name: `PostgreSQL ${programs.version}`, url })),
    ...(given === undefined ? [] : [{ name: 'ALLFRAME_TEST_POSTGRES_URL', url: given }]),
  ]);
  return async () => {
    await pooler?.stop();
    await Promise.all(servers.map((server) => server.remove()));
  };
}
