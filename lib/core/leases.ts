/**
 * Who of several processes runs what only one should run, for a while. A lease only saves work: what keeps a stalled
 * owner from doing harm is the epoch of its checkpoint.
 * @publicApi
 */
export interface Leases {
  /**
   * Takes or renews leases, by the clock that all processes share.
   * @param names of what is to be run
   * @param owner a UUID, another one for each owner
   * @param ttlMs after which a lease that is not renewed may be taken by somebody else, in milliseconds
   * @returns the names that `owner` has now
   */
  hold(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[]>;
  /** Gives leases back, so that others need not wait for their end. */
  release(names: readonly string[], owner: string): Promise<void>;
}
