/**
 * Modes that may lose their tail in a crash reserve positions in the manifest before they give them to events, so that no
 * position is given twice.
 */
import type { AllSourceSettings } from './allsource-options.js';

/** So many at a time; the next ones when half of them are left. */
export const RESERVED_POSITIONS = 2_000_000;

/** More events than one group can hold: its 32 MiB and one more commit, at 52 bytes an event at least. */
export const GROUP_EVENTS_MAX = 660_000;

export function reservesPositions({ path, durability }: AllSourceSettings): boolean {
  return path !== undefined && durability !== 'commit';
}
