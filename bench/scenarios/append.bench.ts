/** The upstream cell, 1,000 events one by one, and 10,000 events in batches of 100; each round fills many stores. */
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario, Target } from '../harness/row.js';
import { rateOf } from '../harness/stopwatch.js';
import {
  type Fill,
  IN_BATCHES,
  intoBackend,
  intoBareLog,
  intoStore,
  ONE_BY_ONE,
  repeated,
  type Shape,
} from './upstream-cell.js';

export const append: Scenario = {
  name: 'append',
  run: async (effort) => [
    ...(await rows('append one by one', ONE_BY_ONE, { atLeast: 469_000 }, effort)),
    ...(await rows('append in batches of 100', IN_BATCHES, { atLeast: 1_000_000 }, effort)),
  ],
};

async function rows(what: string, shape: Shape, target: Target, effort: Effort): Promise<readonly Row[]> {
  const stores = scaled(100_000 / shape.eventsTotal, effort);
  const filling =
    (fill: Fill): Contestant<'rate'> =>
    async () => ({ rate: rateOf(stores * shape.eventsTotal, await repeated(stores, fill)) });
  const measured = await interleave(
    {
      store: filling(intoStore(shape)),
      bareLoop: filling(intoBareLog(shape)),
      backend: filling(intoBackend(shape)),
    },
    effort,
  );
  const row = (name: string, rates: readonly number[]): Row => ({
    what,
    unit: 'events/s',
    ours: figureOf(measured.store.rate),
    baseline: { name, figure: figureOf(rates) },
    target,
  });
  return [
    row('bare loop of JSON.stringify and push', measured.bareLoop.rate),
    row('bare backend.append, encoded before', measured.backend.rate),
  ];
}
