/** How sealed files are called. Names are never used twice: a merged segment has a longer range, a run a number of its own. */
import { join } from 'node:path';

const DIGITS = 16;

/** Where the two files of a segment are. */
export interface SegmentPaths {
  readonly events: string;
  readonly index: string;
}

/** @param from its first position @param to its last */
export function segmentName(from: number, to: number): string {
  return `${digits(from)}-${digits(to)}`;
}

export function segmentPaths(
  places: { readonly segments: string; readonly index: string },
  name: string,
): SegmentPaths {
  return { events: join(places.segments, `${name}.parquet`), index: join(places.index, `${name}.streams`) };
}

export function pathsOf({ events, index }: SegmentPaths): readonly string[] {
  return [events, index];
}

/** @param number greater than that of every run before */
export function runName(number: number): string {
  return digits(number);
}

export function runPath(places: { readonly records: string }, name: string): string {
  return join(places.records, `${name}.run`);
}

function digits(number: number): string {
  return String(number).padStart(DIGITS, '0');
}
