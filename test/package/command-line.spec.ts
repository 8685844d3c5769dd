/** The command that the package brings along, as a deployment calls it. */
import { inject, expect, it, describe } from 'vitest';
import { RunningProgram } from './running-program.js';

const program = 'dist/backends/postgres/allframe-postgres.js';
const [server] = inject('postgresServers');

async function run(...args: readonly string[]) {
  const running = RunningProgram.start([program, ...args], {});
  const printed = (await running.rest()).join('\n');
  return { printed, exitCode: await running.exitCode(), said: running.said };
}

describe('allframe-postgres', () => {
  it('prints what it would run, runs it, and then has nothing to do', async () => {
    const args = ['--schema', 'by command', server!.url];
    const dry = await run('migrate', '--dry-run', ...args);
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.printed).toMatch(/^create schema "by command";/);
    expect(dry.said).toMatch(/^\d+ statements would be run\n$/);
    expect(await run('migrate', ...args)).toEqual({
      printed: '',
      exitCode: 0,
      said: dry.said.replace('would be run', 'were run'),
    });
    expect(await run('migrate', ...args)).toEqual({
      printed: '',
      exitCode: 0,
      said: 'Nothing is to be done\n',
    });
  });

  it('says in a line what is wrong', async () => {
    expect(await run('migrate', 'mysql://ada:s3cret@x')).toEqual({
      printed: '',
      exitCode: 1,
      said: 'error: options.connectionString: it does not begin with postgres://; write postgres://user:password@host:5432/database\n',
    });
    expect((await run('migrate', '--wrong')).said).toMatch(/^error: Unknown option '--wrong'/);
    expect(await run()).toMatchObject({
      exitCode: 1,
      printed: expect.stringContaining('--dry-run') as string,
    });
  });
});
