/**
 * Commands with ids whose process is killed at any point, and sent again: what they do happens once, on AllSource and on
 * PostgreSQL, for aggregates and for handlers that append by themselves.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EventStore, openBackend } from '@allframe/nestjs';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { seeded, seededRandom } from '../../store/seed.js';
import { builtProgram } from './built.js';
import type { KillPoint } from './children/commander.js';
import { Answers } from './killed-commands.js';

const COMMANDS = 40;
const CALLERS = 3;
const POINTS: readonly KillPoint[] = ['before the append', 'after the append', 'at an answer'];

let server: PostgresServer;
let program: string;
beforeAll(async () => {
  [server, program] = await Promise.all([
    embeddedPrograms().then((programs) => PostgresServer.start(programs)),
    builtProgram('commander'),
  ]);
});
afterAll(() => server.remove());

let schemas = 0;
function newUrl(backend: string): string {
  if (backend === 'PostgreSQL') return `${server.url}?schema=commands_${++schemas}`;
  const directory = mkdtempSync(join(tmpdir(), 'allframe-commands-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return `allsource:${directory}`;
}

describe.each(['AllSource', 'PostgreSQL'])('commands of a process that is killed, on %s', (backend) => {
  it(seeded('have their effect once, and every answer is the same'), async () => {
    const random = seededRandom();
    const upTo = (most: number): number => 1 + Math.floor(random() * most);
    const url = newUrl(backend);
    const answers = new Answers();
    const life = { url, commands: COMMANDS, callers: CALLERS };
    for (const at of [...POINTS, ...POINTS])
      await answers.run(program, { ...life, kill: { at, count: upTo(COMMANDS / 2) } });
    for (let n = 0; n < 6; n++) await answers.run(program, life, upTo(COMMANDS * CALLERS));
    await answers.run(program, life);
    // A process may be through before it is killed from outside; those that kill themselves are not.
    expect(answers.kills).toBeGreaterThanOrEqual(2);

    const store = await EventStore.open(await openBackend(url));
    onTestFinished(() => store.close());
    let lost = 0;
    for (let n = 0; n < COMMANDS; n++) {
      const decided = answers.byCommand.get(`Decide ${n}`);
      expect([...(decided?.errors ?? [])]).toEqual([]);
      expect([...(decided?.answers ?? [])]).toEqual([JSON.stringify({ id: String(n) })]);
      expect(await store.getEvents(`decided-${n}`)).toHaveLength(1);

      const appended = answers.byCommand.get(`Append ${n}`);
      const isLost = appended?.errors.has('CommandResultLostError') === true;
      if (isLost) lost++;
      expect([...(appended?.errors ?? [])]).toEqual(isLost ? ['CommandResultLostError'] : []);
      // One that was answered was recorded: it is never lost afterwards.
      expect([...(appended?.answers ?? [])]).toEqual(
        isLost ? [] : [JSON.stringify({ id: String(n), version: 1 })],
      );
      expect(await store.getEvents(`appended-${n}`)).toHaveLength(1);
    }
    process.stdout.write(
      `${backend}: ${answers.kills} kills, ${lost} of ${COMMANDS} answers of handlers lost\n`,
    );
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(COMMANDS);
  });
});
