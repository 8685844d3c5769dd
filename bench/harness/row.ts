import type { Effort } from './effort.js';
import type { Figure } from './interleave.js';

export type Unit = 'events/s' | 'calls/s' | 'µs' | 'ms' | 'MB';

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: Figure;
  readonly baseline?: { readonly name: string; readonly figure: Figure };
  /** A row without a target is there for information. */
  readonly target?: Target;
}

export type Target = { readonly atLeast: number } | { readonly atMost: number };

/** What a scenario's process found. */
export interface Report {
  readonly rows: readonly Row[];
  /** The share of its time, counted rounds or not, in which it was ready to run and other processes had the cores. */
  readonly waitedShare: number;
}

/** Something that is measured in a process of its own. */
export interface Scenario {
  readonly name: string;
  readonly run: (effort: Effort) => Promise<readonly Row[]>;
  /** It starts a process of its own, which has to be compiled: it does not run from the sources. */
  readonly startsProcess?: true;
}

/** By how much a target is missed, as a share of it; 0 where it is met. */
export function shortfallOf({ ours, target }: Row): number | undefined {
  if (target === undefined) return undefined;
  if ('atLeast' in target) return Math.max(0, 1 - ours.median / target.atLeast);
  return Math.max(0, ours.median / target.atMost - 1);
}
