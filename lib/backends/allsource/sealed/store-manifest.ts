import type { StoreFiles } from '../files/store-files.js';
import { type Manifest, writeManifest } from './manifest.js';

/** The manifest of an open store: what it says is what is on disk. */
export class StoreManifest {
  #current: Manifest;

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

  /** @throws StoreLockedError, and what the file system throws; the manifest is then what it was */
  change(changes: Partial<Manifest>): void {
    const next = { ...this.#current, ...changes };
    writeManifest(this.files.sealed, this.files.directory.manifest, next, () => {
      const loss = this.loss();
      if (loss !== undefined) throw loss;
    });
    this.#current = next;
  }
}
