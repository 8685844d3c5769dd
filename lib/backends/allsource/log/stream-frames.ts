import { Limits } from '../../../core/limits.js';
import type { LiveStream } from '../live/live-streams.js';
import type { LogSegment } from './log-segment.js';

/** A frame of the log that holds events of a stream. */
export interface StreamFrame {
  readonly firstVersion: number;
  /** Of the stream's last event in it. */
  readonly version: number;
  readonly position: number;
}

interface Trail {
  /** The newest first. */
  frames: StreamFrame[];
  /** The stream's position before the oldest of them, 0 where there is none. */
  before: number;
}

/**
 * Which frames hold the events of a stream. Each frame names the one before it, so they are found by following them
 * back from the newest, as far as is wanted; the way is remembered for the streams that were read last, since a long
 * stream is read page by page, and every page would go all of it again.
 */
export class StreamFrames {
  readonly #trails = new Map<string, Trail>();

  /** @param segmentOf the file of the log that holds a position */
  constructor(private readonly segmentOf: (position: number) => LogSegment | undefined) {}

  /** The newest first, down to the one that holds version `from`, or the first that is not sealed. */
  of(streamId: string, stream: LiveStream, from: number, sealedThrough: number): readonly StreamFrame[] {
    const trail = this.#trails.get(streamId) ?? { frames: [], before: stream.visiblePosition };
    this.#remember(streamId, trail);
    while ((trail.frames.at(-1)?.position ?? Infinity) <= sealedThrough) trail.frames.pop();
    const newest = trail.frames[0];
    if (newest === undefined) trail.before = stream.visiblePosition;
    else if (newest.position < stream.visiblePosition) {
      const newer: Trail = { frames: [], before: stream.visiblePosition };
      this.#follow(streamId, newer, 0, newest.position);
      trail.frames = [...newer.frames, ...trail.frames];
    }
    this.#follow(streamId, trail, from, sealedThrough);
    return trail.frames;
  }

  /** Lengthens a trail to the frame with version `from`, but not to positions up to `through`. */
  #follow(streamId: string, trail: Trail, from: number, through: number): void {
    while (trail.before > through && (trail.frames.at(-1)?.firstVersion ?? Infinity) > from) {
      const part = this.segmentOf(trail.before)?.readStreamAt(streamId, trail.before);
      const [first] = part?.events ?? [];
      const last = part?.events.at(-1);
      if (part === undefined || first === undefined || last === undefined) return;
      trail.frames.push({ firstVersion: first.version, version: last.version, position: trail.before });
      trail.before = part.previousPosition;
    }
  }

  #remember(streamId: string, trail: Trail): void {
    this.#trails.delete(streamId);
    this.#trails.set(streamId, trail);
    for (const oldest of this.#trails.keys()) {
      if (this.#trails.size <= Limits.streamTrailsMax) return;
      this.#trails.delete(oldest);
    }
  }
}
