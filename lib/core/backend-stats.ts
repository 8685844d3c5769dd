/**
 * What a backend tells of itself.
 * @publicApi
 */
export interface BackendStats {
  readonly totalEvents: number;
  /** Streams with at least one event. */
  readonly totalAggregates: number;
  readonly totalSnapshots: number;
  /** Figures of this backend, `backendType`, `totalIngested` (events since opening) and `uptime` (in seconds) among them. */
  readonly backendSpecific: Readonly<Record<string, string>>;
}
