/**
 * Sixty-four writers in four processes, and a reader that is stopped and started again all the time. Libraries with
 * positions drawn before the commit lose and double events here.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { seed, seeded, seededRandom } from '../../store/seed.js';
import { builtProgram } from '../real/built.js';
import type { WriterLife, WriterReport } from '../real/children/postgres-writer.js';
import { Follower } from './follower.js';
import { expectSound, storedPlaces } from './stored.js';

const PROCESSES = 4;
const STOPS_LEAST = 10;

let server: PostgresServer;
let program: string;
beforeAll(async () => {
  [server, program] = await Promise.all([
    embeddedPrograms().then((programs) => PostgresServer.start(programs)),
    builtProgram('postgres-writer'),
  ]);
});
afterAll(() => server.remove());

/** A process of writers that waits for the word to begin. */
class Writers {
  private constructor(
    private readonly child: ChildProcess,
    private readonly said: { errors: string },
  ) {}

  static async start(life: WriterLife): Promise<Writers> {
    const child = fork(program, [JSON.stringify(life)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const said = { errors: '' };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.errors += text));
    const writers = new Writers(child, said);
    await writers.#next();
    return writers;
  }

  /** Resolves when all has been written. */
  async write(): Promise<WriterReport> {
    const report = this.#next();
    this.child.send('begin');
    return (await report) as WriterReport;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  async #next(): Promise<unknown> {
    const ended = once(this.child, 'close').then(() => {
      throw new Error(`the writers have ended: ${this.said.errors}`);
    });
    const [message] = (await Promise.race([once(this.child, 'message'), ended])) as unknown[];
    return message;
  }
}

/** Writes something in another database of the same server, and does not commit it until it is told to end. */
async function foreignTransaction(): Promise<() => Promise<void>> {
  await server.query('create database elsewhere');
  const client = new pg.Client({ connectionString: server.urlOf('elsewhere') });
  await client.connect();
  await client.query('begin');
  await client.query('create table written (n int)');
  await client.query('insert into written values (1)');
  return async () => {
    await client.query('rollback');
    await client.end();
  };
}

describe('many writers', () => {
  it(seeded('of many processes lose and double nothing for a reader that stops at random'), async () => {
    const schema = 'busy';
    const open = (): Promise<EventStore> =>
      EventStore.open(new PostgresBackend({ connectionString: server.url, schema }));
    const random = seededRandom();
    const upTo = (most: number): number => Math.floor(random() * most) + 1;
    const follower = new Follower(await open());
    const endForeign = await foreignTransaction();
    const lives = Array.from({ length: PROCESSES }, (_, number) => ({
      url: server.url,
      schema,
      number,
      seed,
      writers: 16,
      appendsEach: 150,
    }));
    const processes = await Promise.all(lives.map((life) => Writers.start(life)));
    try {
      let isWriting = true;
      const written = Promise.all(processes.map((writers) => writers.write())).finally(
        () => (isWriting = false),
      );
      // Whatever becomes of the reader, nobody else is to hear of it if they fail.
      written.catch(() => undefined);
      let stops = 0;
      while (isWriting || stops < STOPS_LEAST) {
        let left = upTo(300);
        let stopped: (() => void) | undefined;
        const enough = new Promise<void>((resolve) => (stopped = resolve));
        follower.start(() => {
          if (--left > 0) return;
          // From inside: the event is done, and the next one must not come.
          void follower.stop();
          stopped?.();
        });
        await Promise.race([enough, written]);
        await follower.stop();
        stops++;
        if (random() < 0.3) {
          await follower.store.close();
          follower.store = await open();
        }
      }
      const reports = await written;
      const stored = await storedPlaces(server, schema);
      follower.start();
      await follower.reaches(stored.length);
      await follower.store.close();

      expectSound(stored, 'gapless');
      expect(follower.seen).toEqual(stored);
      const accepted = new Map(
        reports.flatMap((report) => report.accepted).map(({ tag, ...at }) => [tag, at]),
      );
      expect(new Map(stored.map(({ tag, streamId, version }) => [tag, { streamId, version }]))).toEqual(
        accepted,
      );
      for (const { lost } of reports) expect(lost).toBeGreaterThan(0);
    } finally {
      for (const writers of processes) writers.kill();
      await endForeign();
    }
  });
});
