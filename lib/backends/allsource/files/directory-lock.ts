/**
 * Keeps a second process away from a directory.
 *
 * On Linux a socket in the abstract namespace, named after the real path, belongs to one process and is gone the moment
 * that dies, `kill -9` included. A file tells people who it is; it decides where there are no such sockets, or where
 * containers that share the directory do not share them.
 */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StorageUnavailableError, StoreLockedError } from '../allsource.errors.js';

/** Gives the directory back. */
export type Release = () => Promise<void>;

const LOCK_FILE = 'LOCK';

/** Who holds a directory, as the file says it. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Changes with every start of the machine, empty where it is not known. */
  readonly boot: string;
  /** When the process began, in ticks since the start of the machine; empty where it is not known. */
  readonly started: string;
  readonly since: string;
}

/** @throws StoreLockedError if another owner has it, StorageUnavailableError if it cannot be locked */
export async function lockDirectory(directory: string): Promise<Release> {
  const path = join(realpathSync(directory), LOCK_FILE);
  const server = process.platform === 'linux' ? await listen(path, directory) : undefined;
  try {
    const owner = readOwner(path);
    if (owner !== undefined && isAlive(owner)) throw new StoreLockedError(directory, describe(owner));
    writeFileSync(path, `${JSON.stringify(thisProcess(), null, 1)}\n`);
  } catch (error) {
    await close(server);
    if (error instanceof StoreLockedError) throw error;
    const { message } = error as Error;
    throw new StorageUnavailableError(path, `the directory cannot be locked (${message})`, { cause: error });
  }
  return async () => {
    rmSync(path, { force: true });
    await close(server);
  };
}

async function listen(path: string, directory: string): Promise<Server> {
  const name = createHash('sha256').update(path).digest('hex');
  const server = createServer((socket) => socket.destroy());
  // Nobody has anything to say to it, and it must not keep the process from ending.
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') {
        reject(
          new StorageUnavailableError(directory, `it cannot be locked (${error.message})`, { cause: error }),
        );
        return;
      }
      const owner = readOwner(path);
      reject(new StoreLockedError(directory, owner === undefined ? 'another process' : describe(owner)));
    });
    server.listen(`\0allframe-${name}`, resolve);
  });
  return server;
}

async function close(server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  await new Promise((resolve) => server.close(resolve));
}

function readOwner(path: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, 'utf8'));
    assert.ok(typeof owner === 'object' && owner !== null && 'pid' in owner);
    return owner as Owner;
  } catch {
    // There is none, or it was never finished: then it says nothing about anybody who is alive.
    return undefined;
  }
}

function describe({ pid, host, since }: Owner): string {
  const who = pid === process.pid ? `this process (${pid})` : `process ${pid}`;
  return `${who} on ${host}, since ${since}`;
}

function thisProcess(): Owner {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    started: startOf(process.pid),
    since: new Date().toISOString(),
  };
}

/** Whether the process that wrote the file still runs; another one may have its number by now. */
function isAlive({ pid, boot, started, host }: Owner): boolean {
  if (host !== hostname() || boot !== bootId()) return false;
  if (pid === process.pid) {
    // This process holds the socket by now, so the file was left behind; elsewhere the file is all there is.
    return process.platform !== 'linux' && started === startOf(pid);
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' && started === startOf(pid);
  }
  return started === startOf(pid);
}

function bootId(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id').trim();
}

/** Field 22 of `/proc/<pid>/stat`; the name before it may hold blanks and brackets. */
function startOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
