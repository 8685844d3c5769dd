/**
 * Modes that may lose their tail in a crash reserve positions in the manifest before they give them to events, so that no
 * position is given twice.
 */
import { Limits } from '../../core/limits.js';
import type { AllSourceSettings } from './allsource-options.js';
import { EVENT_BYTES_MIN } from './log/frame.js';

/** So many at a time; the next ones when half of them are left. */
export const RESERVED_POSITIONS = 2_000_000;

/** Events that one group can hold, at most: it is full once it has so many bytes, and the last commit may exceed that. */
export const GROUP_EVENTS_MAX = Math.ceil(Limits.groupBytesMax / EVENT_BYTES_MIN) + Limits.commitEventsMax;

export function reservesPositions({ path, durability }: AllSourceSettings): boolean {
  return path !== undefined && durability !== 'commit';
}
