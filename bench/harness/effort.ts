/** How much is done for one figure. */
export interface Effort {
  /** Rounds that count; a figure is their median. */
  readonly rounds: number;
  /** Rounds before them that only warm the compiler up. */
  readonly warmUpRounds: number;
  /** Rounds at the most that are run to find enough undisturbed ones. */
  readonly roundsMax: number;
  /** The share of each scenario's work that is done, up to 1. */
  readonly share: number;
}

export const FULL: Effort = { rounds: 9, warmUpRounds: 3, roundsMax: 27, share: 1 };

/** Shows that everything runs; its figures say nothing. */
export const QUICK: Effort = { rounds: 1, warmUpRounds: 0, roundsMax: 1, share: 0.002 };

/** A number of events, calls or streams of a scenario, cut down to the effort's share. */
export function scaled(count: number, { share }: Effort): number {
  return Math.max(1, Math.round(count * share));
}
