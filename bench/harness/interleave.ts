/**
 * Measures several contestants side by side: each round runs all of them, so that a busy minute of the machine or a
 * slower clock hits all alike, and the order turns round each time, so that none is always the one that runs second.
 *
 * Written here because tinybench and mitata run one task to its end before the next begins.
 */
import { watchCoreWait } from './core-wait.js';
import type { Effort } from './effort.js';
import { median } from './statistics.js';

/** Does its whole work once and gives what it measured, by name. */
export type Contestant<Metric extends string> = () => Promise<Readonly<Record<Metric, number>>>;

/** The measurements of each round that counts, of each contestant and metric. */
export type Rounds<Name extends string, Metric extends string> = Readonly<
  Record<Name, Readonly<Record<Metric, readonly number[]>>>
>;

/** What each contestant measured in one round, and how much of the round other processes had the core. */
interface Round<Name extends string, Metric extends string> {
  readonly measured: Readonly<Record<Name, Readonly<Record<Metric, number>>>>;
  readonly waitedShare: number;
}

/** A round with less waiting than this is as good as one on a machine of its own. */
const WAITED_SHARE_MAX = 0.02;

/** Where rounds are disturbed by other processes, more are run, and those with the least waiting count. */
export async function interleave<Name extends string, Metric extends string>(
  contestants: Readonly<Record<Name, Contestant<Metric>>>,
  { rounds, warmUpRounds, roundsMax }: Effort,
  watchWait: typeof watchCoreWait = watchCoreWait,
): Promise<Rounds<Name, Metric>> {
  const names = Object.keys(contestants) as Name[];
  const turned = names.toReversed();
  for (let i = 0; i < warmUpRounds; i++) await runRound(contestants, i % 2 === 0 ? names : turned, watchWait);
  const all: Round<Name, Metric>[] = [];
  const undisturbed = (): number => all.filter(({ waitedShare }) => waitedShare <= WAITED_SHARE_MAX).length;
  while (undisturbed() < rounds && all.length < roundsMax) {
    all.push(await runRound(contestants, all.length % 2 === 0 ? names : turned, watchWait));
  }
  const best = all.toSorted((a, b) => a.waitedShare - b.waitedShare).slice(0, rounds);
  return byName(names, best);
}

async function runRound<Name extends string, Metric extends string>(
  contestants: Readonly<Record<Name, Contestant<Metric>>>,
  order: readonly Name[],
  watchWait: typeof watchCoreWait,
): Promise<Round<Name, Metric>> {
  const measured: Partial<Record<Name, Readonly<Record<Metric, number>>>> = {};
  const waitedShare = watchWait();
  for (const name of order) {
    // One contestant's garbage must not become the next one's pause.
    globalThis.gc?.();
    measured[name] = await contestants[name]();
  }
  return { measured: measured as Round<Name, Metric>['measured'], waitedShare: waitedShare() };
}

function byName<Name extends string, Metric extends string>(
  names: readonly Name[],
  rounds: readonly Round<Name, Metric>[],
): Rounds<Name, Metric> {
  const result: Partial<Record<Name, Partial<Record<Metric, number[]>>>> = {};
  for (const name of names) {
    const metrics: Partial<Record<Metric, number[]>> = {};
    for (const { measured } of rounds) {
      for (const [metric, value] of Object.entries(measured[name]) as [Metric, number][]) {
        (metrics[metric] ??= []).push(value);
      }
    }
    result[name] = metrics;
  }
  return result as Rounds<Name, Metric>;
}

/** A figure and how far its rounds lay apart. */
export interface Figure {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function figureOf(rounds: readonly number[]): Figure {
  return { median: median(rounds), lowest: Math.min(...rounds), highest: Math.max(...rounds) };
}

/** What `more` costs beyond `less`, round by round and divided by `parts`. */
export function differenceOf(more: readonly number[], less: readonly number[], parts = 1): Figure {
  return figureOf(more.map((value, i) => (value - (less[i] as number)) / parts));
}
