import type { AppendResult } from '../../../core/commit.js';
import { Limits } from '../../../core/limits.js';

/** A version that is not known. */
const UNKNOWN = -1;

/**
 * The versions of streams as they are after this process's last call, for as long as nobody else appends: the database
 * takes them for true only if the last position is still the one that they go with.
 */
export class KnownVersions {
  /** The last position of the store, as far as is known; -1 for not at all. */
  position = UNKNOWN;
  readonly #versions = new Map<string, number>();

  of(streamId: string): number {
    return this.#versions.get(streamId) ?? UNKNOWN;
  }

  /** @param firstPosition what the call has given out first; 0 for a call that gives out none */
  learn(firstPosition: number, results: readonly AppendResult[]): void {
    if (firstPosition === 0) return;
    // Others have appended since, to streams nobody knows.
    if (firstPosition !== this.position + 1) this.#versions.clear();
    this.position = firstPosition - 1;
    for (const { streamId, version, position } of results) {
      this.#versions.set(streamId, version);
      this.position = position;
    }
    if (this.#versions.size > Limits.knownVersionsMax) this.#versions.clear();
  }
}
