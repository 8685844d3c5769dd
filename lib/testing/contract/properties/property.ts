/** Properties: lines that hold for any plan of a kind, tried with random ones. */
import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { type ContractLine, lineFor, type Need } from '../contract-line.js';
import { type ContractSubject, DEFAULT_RUNS, DEFAULT_TIMEOUT_MS } from '../contract-subject.js';
import type { Trial } from '../trial.js';
import {
  type Arbitrary,
  type PropertyLibrary,
  hasPropertyLibrary,
  loadPropertyLibrary,
} from './property-library.js';

/** The line needs fast-check, an optional peer. */
const fastCheck: Need = () =>
  hasPropertyLibrary() ? undefined : `fast-check is not installed where the tests run (${process.cwd()})`;

/** Of the time that a line has, the part in which further plans are begun; the rest is for the last of them. */
const TIME_FOR_PLANS = 0.6;

/**
 * A line that holds for any plan.
 * @param plans makes random plans
 * @param holds carries one out at a place of its own, and fails if something is wrong
 */
export function propertyLine<P>(
  name: string,
  plans: (fc: PropertyLibrary) => Arbitrary<P>,
  holds: (trial: Trial, plan: P) => Promise<void>,
  needs: readonly Need[] = [],
): ContractLine {
  return lineFor([...needs, fastCheck], name, async (trial) => {
    const fc = await loadPropertyLibrary();
    const property = fc.asyncProperty(plans(fc), (plan) => trial.atNewPlace((own) => holds(own, plan)));
    const { subject } = trial;
    const details = await fc.check(property, {
      numRuns: runsOf(subject),
      interruptAfterTimeLimit: (subject.timeoutMs ?? DEFAULT_TIMEOUT_MS) * TIME_FOR_PLANS,
      ...replayed(),
    });
    if (!details.failed) return;
    const { seed, counterexamplePath, counterexample, numRuns, numShrinks, errorInstance } = details;
    const replay = counterexamplePath === null ? String(seed) : `${seed}:${counterexamplePath}`;
    const reason = errorInstance instanceof Error ? errorInstance.message : inspect(errorInstance);
    const error = new AssertionError({
      message:
        `${reason}\n\nThe smallest plan found, in run ${numRuns}, made smaller ${numShrinks} times:\n` +
        `${inspect(counterexample?.[0], { depth: 12, breakLength: 110 })}\n\n` +
        `To try this plan again, run this test alone with ALLFRAME_SEED=${replay} in the environment; ` +
        `with ALLFRAME_SEED=${seed} all plans of this run are tried again, with ALLFRAME_RUNS=1000 more of them.`,
    });
    error.cause = errorInstance;
    throw error;
  });
}

function runsOf(subject: ContractSubject): number {
  const runs = Number(process.env['ALLFRAME_RUNS'] ?? subject.runs ?? DEFAULT_RUNS);
  if (Number.isSafeInteger(runs) && runs > 0) return runs;
  throw new Error(`ALLFRAME_RUNS is ${process.env['ALLFRAME_RUNS']}, but a whole number from 1 on is wanted`);
}

/** What `ALLFRAME_SEED` asks for: a seed, or a seed and the path to one plan, as a failure prints them. */
function replayed(): { seed?: number; path?: string } {
  const text = process.env['ALLFRAME_SEED'];
  if (text === undefined || text === '') return {};
  const [, seed, path] = /^(-?\d+)(?::([\d:]+))?$/.exec(text) ?? [];
  if (seed === undefined) {
    throw new Error(`ALLFRAME_SEED is ${text}, but a seed such as 1234 or 1234:5:0 is wanted`);
  }
  return { seed: Number(seed), ...(path === undefined ? {} : { path }) };
}
