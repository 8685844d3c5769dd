/** Readers on a replica that lags: late, and never wrong. */
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../eventually.js';
import { installedPrograms, PostgresServer, type ServerPrograms } from '../../postgres/server.js';
import { isSkipped } from '../real/machine.js';

const [programs] = installedPrograms();
/** A replica begins as a copy that pg_basebackup makes, and the npm package has none. */
const reason =
  programs === undefined && process.env['CI'] === undefined ? 'apt-get install postgresql' : undefined;

let primary: PostgresServer;
let replica: PostgresServer;

/** A store whose readers are on the replica. */
async function withStore(schema: string, work: (store: EventStore) => Promise<void>): Promise<void> {
  const readPool = new pg.Pool({ connectionString: replica.url, max: 4 });
  const store = await EventStore.open(
    new PostgresBackend({ connectionString: primary.url, readPool, schema }),
  );
  try {
    // The replica has to have heard of the schema.
    await eventually(async () => {
      expect((await readPool.query('select from pg_namespace where nspname = $1', [schema])).rowCount).toBe(
        1,
      );
    });
    await work(store);
  } finally {
    await store.close();
    await readPool.end();
  }
}

const notes = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ type: 'noted', data: { n: from + i } }));

describe.skipIf(isSkipped('replicas', reason))('a reader on a replica that lags', () => {
  beforeAll(async () => {
    primary = await PostgresServer.start(programs as ServerPrograms);
    replica = await PostgresServer.standbyOf(primary, 'replica');
  });
  afterAll(async () => {
    await replica.remove();
    await primary.remove();
  });

  it('gets each event once, in order, as the replica gets it', () =>
    withStore('following', async (store) => {
      const seen: number[] = [];
      const { ready } = store.subscribe((event) => void seen.push(event.position), { after: 0 });
      await ready;
      await store.append('s-1', notes(1, 5));
      await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5]));

      await replica.query('select pg_wal_replay_pause()');
      await eventually(async () => {
        expect(await replica.query('select pg_get_wal_replay_pause_state() as state')).toEqual([
          { state: 'paused' },
        ]);
      });
      for (let i = 0; i < 5; i++) await store.append('s-2', notes(6 + i, 1));
      await replica.query('select pg_wal_replay_resume()');
      await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    }));

  it('comes to the head where a head is promised, and decides on the truth', () =>
    withStore('deciding', async (store) => {
      await store.append('s-1', notes(1, 3));
      await replica.query('select pg_wal_replay_pause()');
      await eventually(async () => {
        expect(await replica.query('select pg_get_wal_replay_pause_state() as state')).toEqual([
          { state: 'paused' },
        ]);
      });
      await store.append('s-2', notes(4, 600));
      await store.append('s-1', notes(604, 1), { expectedVersion: 3 });
      const positions = async (options: object): Promise<number[]> => {
        const found: number[] = [];
        for await (const event of store.readAll(options)) found.push(event.position);
        return found;
      };
      const all = Array.from({ length: 604 }, (_, i) => i + 1);
      expect(await positions({})).toEqual(all);
      expect(await positions({ types: ['noted'] })).toEqual(all);
      expect(await positions({ direction: 'backward' })).toEqual(all.toReversed());
      expect(await positions({ after: 2, upTo: 600 })).toEqual(all.slice(2, 600));
      expect((await store.getEvents('s-1')).map(({ version }) => version)).toEqual([1, 2, 3, 4]);
      expect(await store.head()).toBe(604);
      await replica.query('select pg_wal_replay_resume()');
    }));
});
