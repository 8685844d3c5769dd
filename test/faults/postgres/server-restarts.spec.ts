/** A server that crashes and comes back under load: the application notices nothing but a pause. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { Follower } from './follower.js';
import { Load } from './load.js';
import { expectSound, storedPlaces } from './stored.js';

const CALLERS = 32;
const CRASHES = 3;

let server: PostgresServer;
beforeAll(async () => {
  // Set like this it forgets what it has acknowledged, unless a transaction asks for more.
  server = await PostgresServer.start(await embeddedPrograms(), { synchronous_commit: 'off' });
});
afterAll(() => server.remove());

const quiet = { warn: () => undefined, error: () => undefined };

describe.each(['immediate', 'fast'] as const)('a server that is stopped (%s) and started again', (mode) => {
  it('loses and doubles nothing, and writers and readers go on by themselves', async () => {
    const schema = `restarted ${mode}`;
    const open = (): Promise<EventStore> =>
      EventStore.open(new PostgresBackend({ connectionString: server.url, schema }), { logger: quiet });
    const [writing, reading] = [await open(), await open()];
    const followers = [new Follower(writing).start(), new Follower(reading).start()];
    const load = new Load(writing, CALLERS);
    for (let crash = 0; crash < CRASHES; crash++) {
      await load.progresses();
      await server.stop(mode);
      await server.start();
    }
    await load.progresses();
    await load.stop();
    const stored = await storedPlaces(server, schema);
    for (const follower of followers) await follower.reaches(stored.length);
    await Promise.all([writing.close(), reading.close()]);

    expectSound(stored, 'gapless');
    load.expectKept(stored);
    for (const { seen } of followers) expect(seen).toEqual(stored);
    // It was away for a moment, and they are given half a minute.
    expect(load).toMatchObject({ unknown: 0, conflicts: 0 });
    expect(load.acknowledged.size).toBe(stored.length);
  });
});
