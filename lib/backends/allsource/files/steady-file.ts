import type { OpenFile } from './file-system.js';

/** So much may wait for a sync. */
const UNSYNCED_BYTES_MAX = 1024 * 1024;

/**
 * A file that is synced piece by piece while it is written. A journalling file system makes every sync of a name, of
 * any file, wait for all new data: tens of megabytes that are written at once would keep commits waiting.
 */
export class SteadyFile implements OpenFile {
  #unsynced = 0;

  constructor(private readonly file: OpenFile) {}

  get path(): string {
    return this.file.path;
  }

  size(): number {
    return this.file.size();
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.file.read(buffer, offset, length, position);
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    this.file.write(buffer, offset, length, position);
    if (this.#counts(length)) this.sync();
  }

  sync(): void {
    this.#unsynced = 0;
    this.file.sync();
  }

  async writeOnThread(buffer: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    await this.file.writeOnThread(buffer, offset, length, position);
    if (this.#counts(length)) await this.syncOnThread();
  }

  syncOnThread(): Promise<void> {
    this.#unsynced = 0;
    return this.file.syncOnThread();
  }

  close(): void {
    this.file.close();
  }

  #counts(bytes: number): boolean {
    this.#unsynced += bytes;
    return this.#unsynced >= UNSYNCED_BYTES_MAX;
  }
}
