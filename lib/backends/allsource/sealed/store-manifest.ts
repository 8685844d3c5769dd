import type { StoreFiles } from '../files/store-files.js';
import { type Manifest, writeManifest } from './manifest.js';

/** The manifest of an open store: what it says is what is on disk. */
export class StoreManifest {
  #current: Manifest;
  #isCertain = true;

  constructor(
    private readonly files: StoreFiles,
    current: Manifest,
    /** Why the store is not this process's any more, if so. */
    private readonly loss: () => Error | undefined,
  ) {
    this.#current = current;
  }

  get current(): Manifest {
    return this.#current;
  }

  /**
   * Whether the file is `current`: not after a change that failed when only its name was left to be changed, nor where
   * another process has taken the store over.
   */
  get isCertain(): boolean {
    return this.#isCertain && this.loss() === undefined;
  }

  /** @throws StoreLockedError, and what the file system throws; `current` is then what it was */
  change(changes: Partial<Manifest>): void {
    const next = { ...this.#current, ...changes };
    writeManifest(this.files.sealed, this.files.directory.manifest, next, () => {
      this.#isCertain = false;
      const loss = this.loss();
      if (loss !== undefined) throw loss;
    });
    this.#current = next;
    this.#isCertain = true;
  }
}
