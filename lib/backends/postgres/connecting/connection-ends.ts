/** Connections end at any moment, and an end that nobody listens to would be that of the process. */
import type { PostgresClient, PostgresPool } from '../driver.js';

/** Listens wherever a pool and its connections are nobody else's to listen to. */
export function outliveConnections(pool: PostgresPool): void {
  // A pool tells of idle connections that were cut.
  pool.on('error', nothing);
  pool.on('acquire', outlive);
}

export function forgetConnections(pool: PostgresPool): void {
  pool.off('error', nothing);
  pool.off('acquire', outlive);
}

/**
 * A pool stops listening to a connection when it hands it out, and whoever has asked for it listens a moment later. A
 * server that is going down ends it within that moment: its last words come with those that say it is ready.
 */
function outlive(connection: unknown): void {
  const client = connection as PostgresClient;
  client.on('error', nothing);
  setImmediate(() => client.off('error', nothing));
}

function nothing(): void {
  // What runs on the connection fails, and says why.
}
