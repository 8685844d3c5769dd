/** What a role needs that is to use a store and may not make one: these grants, and none beyond. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EventStore, WrongExpectedVersionError } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { newClient, newSchema, serverUrl, sql, urlWith } from '../../postgres/schemas.js';
import { numbered } from '../../store/bank.js';

/** What has to be granted, one by one. */
const grantsOn = (schema: string): readonly string[] => [
  `usage on schema ${schema}`,
  ...['events', 'records', 'leases', 'store', 'migrations'].map((table) => `select on ${schema}.${table}`),
  ...['events', 'records', 'leases'].map((table) => `insert on ${schema}.${table}`),
  ...['records', 'leases', 'store'].map((table) => `update on ${schema}.${table}`),
  ...['records', 'leases'].map((table) => `delete on ${schema}.${table}`),
  // Everybody has these, unless they have been taken away.
  ...[
    'append_commits',
    'append_event',
    'enter_timeline',
    'decide_each',
    'last_position',
    'server_timeline',
  ].map((name) => `execute on function ${schema}.${name}`),
];

async function newRole(): Promise<string> {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  await sql(serverUrl(), `create role ${role} login`);
  onTestFinished(async () => void (await sql(serverUrl(), `drop owned by ${role}; drop role ${role}`)));
  return role;
}

/** Does everything that a store can do, on a server that has just become another one. */
async function useAll(connectionString: string, schema: string): Promise<void> {
  await sql(serverUrl(), `update ${schema}.store set timeline = 'another'`);
  const store = await EventStore.open(
    new PostgresBackend({ connectionString, schema, maxConnections: 3, unavailableTimeoutMs: 0 }),
  );
  try {
    const streamId = randomUUID();
    await store.append(streamId, numbered(2), { expectedVersion: 'noStream' });
    await store.append(streamId, numbered(1));
    // Which one of several commits is refused is decided by a function of its own.
    await store.append(streamId, numbered(2), { expectedVersion: 1 }).catch((error: unknown) => {
      if (!(error instanceof WrongExpectedVersionError)) throw error;
    });
    await store.getEvents(streamId);
    await store.head();
    await store.saveSnapshot(streamId, { version: 2, revision: 1, state: {} });
    await store.records.write([{ collection: 'mine', key: streamId, value: 1 }]);
    await store.records.write([{ collection: 'mine', key: streamId, value: null }]);
    await store.checkpoints.claim(streamId);
    const owner = randomUUID();
    await store.backend.leases?.hold([streamId], owner, 1_000);
    await store.backend.leases?.release([streamId], owner);
    await store.stats();
  } finally {
    await store.close();
  }
}

describe('a role that may not make a schema', () => {
  it('can do everything with these grants, and not with one of them less', async () => {
    const schema = newSchema();
    const role = await newRole();
    await PostgresBackend.migrate({ connectionString: serverUrl(), schema });
    const admin = await newClient();
    await admin.query(`revoke execute on all functions in schema ${schema} from public`);
    const grants = grantsOn(schema);
    for (const grant of grants) await admin.query(`grant ${grant} to ${role}`);
    const connectionString = urlWith(serverUrl(), { user: role });
    await useAll(connectionString, schema);

    const notNeeded: string[] = [];
    for (const grant of grants) {
      await admin.query(`revoke ${grant} from ${role}`);
      await useAll(connectionString, schema).then(
        () => notNeeded.push(grant),
        (error: unknown) =>
          expect(error, grant).toMatchObject({ code: 'PostgresRequestError', sqlState: '42501' }),
      );
      await admin.query(`grant ${grant} to ${role}`);
    }
    expect(notNeeded).toEqual([]);
    await useAll(connectionString, schema);
  });

  it('is told so when it is to make one', async () => {
    const schema = newSchema();
    const connectionString = urlWith(serverUrl(), { user: await newRole() });
    const opening = EventStore.open(new PostgresBackend({ connectionString, schema }));
    await expect(opening).rejects.toMatchObject({ code: 'PostgresRequestError', sqlState: '42501' });
    await expect(opening).rejects.toThrow(/lacks a right/);
  });
});
