/** The servers that tests run against: started before the first of them, and ended after the last. */
import type { TestProject } from 'vitest/node';
import { embeddedPrograms, installedPrograms, PostgresServer } from './server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Servers by what they are called. */
    postgresServers: readonly { readonly name: string; readonly url: string }[];
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const installed = installedPrograms();
  if (process.env['CI'] !== undefined && installed.length === 0) {
    throw new Error(
      'in CI the tests run on a server of Debian, too, and none is installed: apt-get install postgresql',
    );
  }
  const servers = await Promise.all(
    [await embeddedPrograms(), ...installed].map((programs) => PostgresServer.start(programs)),
  );
  const given = process.env['ALLFRAME_TEST_POSTGRES_URL'];
  provide('postgresServers', [
    ...servers.map(({ programs, url }) => ({ name: `PostgreSQL ${programs.version}`, url })),
    ...(given === undefined ? [] : [{ name: 'ALLFRAME_TEST_POSTGRES_URL', url: given }]),
  ]);
  return async () => {
    await Promise.all(servers.map((server) => server.remove()));
  };
}
