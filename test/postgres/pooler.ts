/** PgBouncer in transaction mode, the strictest way to a server: every transaction may be on another connection. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asUser, freePort, hasStarted, type PostgresServer } from './server.js';

const PROGRAM = '/usr/sbin/pgbouncer';

export const isPoolerInstalled = (): boolean => existsSync(PROGRAM);

export class Pooler {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /** Resolves when it answers. */
  static async before(server: PostgresServer): Promise<Pooler> {
    const port = await freePort();
    const file = join(server.directory, 'pgbouncer.ini');
    const settings = [
      '[databases]',
      `* = host=127.0.0.1 port=${server.port} user=postgres`,
      '[pgbouncer]',
      'pool_mode = transaction',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'max_client_conn = 500',
      'default_pool_size = 50',
    ];
    await writeFile(file, `${settings.join('\n')}\n`);
    const child = spawn(PROGRAM, ['-q', file], { ...asUser, stdio: ['ignore', 'ignore', 'inherit'] });
    process.once('exit', () => child.kill());
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    if (await hasStarted(child, url)) return new Pooler(child, url);
    throw new Error(`${PROGRAM} does not start`);
  }

  async stop(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill();
    await exit;
  }
}
