/** What the PostgreSQL backend costs and gains, beside loops with `pg` alone. */
import type { Effort } from './harness/effort.js';
import type { Scenario } from './harness/row.js';
import { append } from './postgres/append.bench.js';
import { growth } from './postgres/growth.bench.js';
import { latency } from './postgres/latency.bench.js';
import { reading } from './postgres/reading.bench.js';

const ROUNDS_MAX = 7;

export const postgres: readonly Scenario[] = [append, reading, latency, growth].map((scenario) => ({
  ...scenario,
  run: (effort) => scenario.run(besideServer(effort)),
}));

/** The server has the core as well, so waiting for it tells nothing of a disturbed round: all of them count. */
function besideServer({ rounds, warmUpRounds, share }: Effort): Effort {
  const counted = Math.min(rounds, ROUNDS_MAX);
  return { rounds: counted, roundsMax: counted, warmUpRounds: Math.min(warmUpRounds, 1), share };
}
