import type { StoredEvent } from './stored-event.js';

/** @publicApi */
export type ReadDirection = 'forward' | 'backward';

/**
 * What a backend is asked for of one stream. Bounds are inclusive.
 * @publicApi
 */
export interface StreamQuery {
  readonly streamId: string;
  readonly fromVersion: number;
  readonly toVersion: number;
  readonly direction: ReadDirection;
  /** Events in the page at the most, at least 1. */
  readonly limit: number;
}

/**
 * What a backend is asked for over all streams.
 * @publicApi
 */
export interface LogQuery {
  /** Exclusive lower bound. */
  readonly after: number;
  /** Inclusive upper bound. */
  readonly upTo: number;
  readonly direction: ReadDirection;
  /** Events in the page at the most, at least 1. */
  readonly limit: number;
  readonly filter?: EventFilter;
}

/**
 * Which events a reader wants: each given field must hold.
 * @publicApi
 */
export interface EventFilter {
  readonly types?: ReadonlySet<string>;
  readonly categories?: ReadonlySet<string>;
  readonly streamId?: string;
}

/**
 * One page of events, in the order of its query's direction. It may hold fewer than `limit`, or none, before the end.
 * @publicApi
 */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /**
   * How far the page looked, in the query's direction: the next page goes on behind it. A version for a stream, a
   * position for the log. Events that the filter left out are passed over, so a filtered reader moves on all the same.
   */
  readonly through: number;
  /** Nothing that was visible when the page was read lies behind it within the query's bounds. */
  readonly atEnd: boolean;
}
