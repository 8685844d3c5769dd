/** A synchronous standby that is away: nothing is acknowledged before it is there as well, repetitions included. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { eventually } from '../../eventually.js';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

async function standbyIs(name: string): Promise<void> {
  await server.query(`alter system set synchronous_standby_names = '${name}'`);
  await server.query('select pg_reload_conf()');
  await eventually(async () => {
    expect(await server.query('show synchronous_standby_names')).toEqual([
      { synchronous_standby_names: name },
    ]);
  });
}

/** Server processes that wait for the standby. */
async function waiting(): Promise<number> {
  return (await server.query("select from pg_stat_activity where wait_event = 'SyncRep'")).length;
}

describe('while the synchronous standby is away', () => {
  it('neither an append nor its repetition after a cut connection is acknowledged', async () => {
    const store = await EventStore.open(new PostgresBackend({ connectionString: server.url }));
    await store.append('s-1', [{ type: 'noted', data: {} }]);
    await standbyIs('nobody');

    const events = [{ type: 'noted', data: {}, id: randomUUID() }];
    let answered = false;
    const append = store.append('s-1', events).then((result) => {
      answered = true;
      return result;
    });
    await eventually(async () => expect(await waiting()).toBe(1));
    // It is committed on this server by now; the store repeats it, finds it, and has to wait all the same.
    await server.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    await eventually(async () => {
      const calls = await server.query(
        "select from pg_stat_activity where wait_event = 'SyncRep' and query like '%pg_logical_emit_message%'",
      );
      expect(calls).toHaveLength(1);
    });
    expect(answered).toBe(false);

    await standbyIs('');
    expect(await append).toMatchObject({ version: 2, position: 2 });
    await store.close();
  });
});
