/**
 * The few things that the backend asks of a file system, so that tests can put one in its place that fails and loses power.
 *
 * Calls are synchronous where the page cache answers in microseconds; a write or sync that a slow disk would make the
 * whole process wait for has a form that runs on a thread. All of them throw Node's own errors (`code: 'ENOSPC'`).
 */
export interface FileSystem {
  /** `create` makes a new file and fails if it exists; `write` opens an existing one for reading and writing. */
  open(path: string, mode: 'read' | 'write' | 'create'): OpenFile;
  /** The names in a directory, sorted. */
  list(directory: string): readonly string[];
  /** `undefined` where there is nothing. */
  stat(path: string): FileStatus | undefined;
  /** One level; its parent has to exist. */
  makeDirectory(path: string): void;
  /** Replaces what `to` named. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** `remove`, on a thread: a large file gives its space back when its name goes, which takes milliseconds. */
  removeOnThread(path: string): Promise<void>;
  /** Makes the names in a directory durable: what was created in it, renamed and removed. */
  syncDirectory(path: string): void;
}

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
}

export interface OpenFile {
  readonly path: string;
  size(): number;
  /** Reads into `buffer` from `position` of the file; gives the number of bytes, fewer only at the end of the file. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes all of it, at `position` of the file. */
  write(buffer: Uint8Array, offset: number, length: number, position: number): void;
  /** Makes what was written durable. After a failure it must never be called again on this file. */
  sync(): void;
  /** `write`, on a thread. */
  writeOnThread(buffer: Uint8Array, offset: number, length: number, position: number): Promise<void>;
  /** `sync`, on a thread. */
  syncOnThread(): Promise<void>;
  close(): void;
}
