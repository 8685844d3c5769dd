/** What every durable append has to do at least: write bytes at the end of a file of zeros, and sync. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const ZEROS = Buffer.alloc(1024 * 1024);

export class RawLog {
  readonly #file: number;
  #at = 0;

  /** @param bytes how much will be written */
  constructor(directory: string, bytes: number) {
    this.#file = openSync(join(directory, 'raw.log'), 'w+');
    for (let at = 0; at < bytes; at += ZEROS.length) writeSync(this.#file, ZEROS, 0, ZEROS.length, at);
    fsyncSync(this.#file);
  }

  append(frame: Buffer): void {
    writeSync(this.#file, frame, 0, frame.length, this.#at);
    fdatasyncSync(this.#file);
    this.#at += frame.length;
  }

  close(): void {
    closeSync(this.#file);
  }
}
