/**
 * Keeps a second process away from a directory.
 *
 * On Linux a socket in the abstract namespace, named after the real path, belongs to one process and is gone the moment
 * that dies, `kill -9` included. A file tells people who it is, and decides where there are no such sockets.
 *
 * Containers that share a directory share neither sockets nor process numbers, so there the newest opening takes the
 * directory over: it replaces the file before it reads anything. Whoever held it looks, after every sync and before
 * anybody is told, whether the file is still its own. So what was acknowledged was on the disk before the new owner read.
 */
import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StorageUnavailableError, StoreLockedError } from '../allsource.errors.js';
import { storageError, UNFINISHED } from './store-directory.js';

/** Held from the moment it is given until it is released, or somebody takes the directory over. */
export interface DirectoryLock {
  /** Whether nobody has taken the directory over. Asked for every group of commits, so it costs one call of the system. */
  isHeld(): boolean;
  release(): Promise<void>;
}

/** In the directory of the store, and in that of its log where that is apart. */
export const LOCK_FILE = 'LOCK';

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
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(realpathSync(directory), LOCK_FILE);
  const server = process.platform === 'linux' ? await listen(path, directory) : undefined;
  let file: number;
  try {
    const owner = readOwner(path);
    if (owner !== undefined && isAlive(owner)) throw new StoreLockedError(directory, describe(owner));
    file = replaceLockFile(path);
  } catch (error) {
    await close(server);
    if (error instanceof StoreLockedError) throw error;
    throw storageError(error, path, 'the directory cannot be locked');
  }
  const isHeld = (): boolean => hasName(file);
  return {
    isHeld,
    async release() {
      // Not the file of somebody who has taken over.
      if (isHeld()) rmSync(path, { force: true });
      closeSync(file);
      await close(server);
    },
  };
}

/** Puts a file of this process in the place of what is there, and keeps it open. */
function replaceLockFile(path: string): number {
  // Containers share process numbers as well.
  const unfinished = `${path}.${randomBytes(4).toString('hex')}${UNFINISHED}`;
  writeFileSync(unfinished, `${JSON.stringify(thisProcess(), null, 1)}\n`);
  const file = openSync(unfinished, 'r');
  renameSync(unfinished, path);
  return file;
}

/** An open file without a name was removed, or another one was put in its place. */
function hasName(file: number): boolean {
  // Windows neither replaces a file that is open nor counts its names.
  return process.platform === 'win32' || fstatSync(file).nlink > 0;
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
    started: startTimeOf(process.pid),
    since: new Date().toISOString(),
  };
}

/** Whether the process that wrote the file still runs; another one may have its number by now. */
function isAlive({ pid, boot, started, host }: Owner): boolean {
  if (host !== hostname() || boot !== bootId()) return false;
  if (pid === process.pid) {
    // This process holds the socket by now, so the file was left behind; elsewhere the file is all there is.
    return process.platform !== 'linux' && started === startTimeOf(pid);
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' && started === startTimeOf(pid);
  }
  return started === startTimeOf(pid);
}

function bootId(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id').trim();
}

/** Field 22 of `/proc/<pid>/stat`; the name before it may hold blanks and brackets. */
function startTimeOf(pid: number): string {
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
