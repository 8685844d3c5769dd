/**
 * The state of a stream's aggregate as it was at one version of the stream.
 * @publicApi
 */
export interface Snapshot {
  /** The version of the stream whose events are all in `state`, and no later ones. */
  readonly version: number;
  /** The revision of the state's schema, from 1. A snapshot of another revision is ignored. */
  readonly revision: number;
  /** Anything with a JSON form. */
  readonly state: unknown;
}
