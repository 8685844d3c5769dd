import type { LiveStream } from '../live/live-streams.js';
import type { LogSegment } from './log-segment.js';

/** A frame of the log that holds events of a stream. */
export interface StreamFrame {
  /** Of the stream's last event in it. */
  readonly version: number;
  readonly position: number;
  readonly firstVersion: number;
}

interface Trail {
  readonly frames: StreamFrame[];
  readonly through: number;
}

/**
 * Which frames hold the events of a stream. Each frame names the one before it, so they are found by following them
 * back from the newest; the way is remembered for the streams that were read last, since a long stream is read page
 * by page, and every page would go all of it again.
 */
export class StreamFrames {
  readonly #trails = new Map<string, Trail>();

  /** @param segmentOf the file of the log that holds a position */
  constructor(private readonly segmentOf: (position: number) => LogSegment | undefined) {}

  /** In the order of versions, those that are not sealed and hold versions up to the stream's visible one. */
  of(streamId: string, stream: LiveStream, sealedThrough: number): readonly StreamFrame[] {
    const known = this.#trails.get(streamId);
    const newer: StreamFrame[] = [];
    for (let position = stream.visiblePosition; position > Math.max(sealedThrough, known?.through ?? 0);) {
      const part = this.segmentOf(position)?.readStreamAt(streamId, position);
      const [first] = part?.events ?? [];
      const last = part?.events.at(-1);
      if (part === undefined || first === undefined || last === undefined) break;
      newer.push({ version: last.version, position, firstVersion: first.version });
      position = part.previousPosition;
    }
    const older = known?.frames.filter(({ position }) => position > sealedThrough) ?? [];
    const frames = [...older, ...newer.reverse()];
    this.#remember(streamId, { frames, through: stream.visiblePosition });
    return frames;
  }

  #remember(streamId: string, trail: Trail): void {
    this.#trails.delete(streamId);
    this.#trails.set(streamId, trail);
    for (const oldest of this.#trails.keys()) {
      if (this.#trails.size <= TRAILS_KEPT) break;
      this.#trails.delete(oldest);
    }
  }
}

/** Streams whose way is remembered. */
const TRAILS_KEPT = 16;
