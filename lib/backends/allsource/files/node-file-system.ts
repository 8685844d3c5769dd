/** The machine's file system. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { FileStatus, FileSystem, OpenFile } from './file-system.js';

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const;

const syncLater = promisify(fdatasync);
const removeLater = promisify(unlink);
const writeLater = promisify(write);

export class NodeFileSystem implements FileSystem {
  open(path: string, mode: 'read' | 'write' | 'create'): OpenFile {
    return new NodeFile(path, openSync(path, FLAGS[mode]));
  }

  list(directory: string): readonly string[] {
    return readdirSync(directory).sort();
  }

  stat(path: string): FileStatus | undefined {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    return { kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other', size: stats.size };
  }

  makeDirectory(path: string): void {
    mkdirSync(path);
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  remove(path: string): void {
    unlinkSync(path);
  }

  removeOnThread(path: string): Promise<void> {
    return removeLater(path);
  }

  syncDirectory(path: string): void {
    // Windows has no such call; its file systems keep names durable by themselves.
    if (process.platform === 'win32') return;
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }
}

class NodeFile implements OpenFile {
  #open = true;

  constructor(
    readonly path: string,
    private readonly openDescriptor: number,
  ) {}

  /** The number of a closed file may be another one's by now. */
  private get descriptor(): number {
    if (!this.#open) throw new Error(`${this.path} is closed`);
    return this.openDescriptor;
  }

  size(): number {
    return fstatSync(this.descriptor).size;
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const got = readSync(this.descriptor, buffer, offset + done, length - done, position + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    let done = 0;
    while (done < length) {
      done += writeSync(this.descriptor, buffer, offset + done, length - done, position + done);
    }
  }

  sync(): void {
    fdatasyncSync(this.descriptor);
  }

  async writeOnThread(buffer: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    let done = 0;
    while (done < length) {
      const { bytesWritten } = await writeLater(
        this.descriptor,
        buffer,
        offset + done,
        length - done,
        position + done,
      );
      done += bytesWritten;
    }
  }

  async syncOnThread(): Promise<void> {
    await syncLater(this.descriptor);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.openDescriptor);
  }
}
