/** Appends while sealing and merging run beside them, and how long these keep the event loop from its work. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AllSourceOptions } from '@allframe/nestjs/allsource';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Scenario } from '../harness/row.js';
import { rateOf, timeWhole } from '../harness/stopwatch.js';
import { event } from '../scenarios/events.js';
import { inStore, UNSEALED } from './data-directory.js';

const CALLERS = 256;
const SHARE_WHILE_SEALING = 0.7;
const BLOCKED_MS = 20;
const NS_PER_MS = 1e6;

/** Sealing and merging never pause. */
const ALWAYS_SEALING: AllSourceOptions = { sealAfterEvents: 20_000, mergeFanIn: 2 };

export const sealing: Scenario = {
  name: 'allsource-sealing',
  async run(effort) {
    const measured = await interleave(
      { sealing: appends(ALWAYS_SEALING, effort), idle: appends(UNSEALED, effort) },
      effort,
    );
    const idle = figureOf(measured.idle.rate);
    return [
      {
        what: 'durable append while sealing and merging, 256 callers',
        unit: 'events/s',
        ours: figureOf(measured.sealing.rate),
        baseline: { name: 'the same without sealing', figure: idle },
        target: { atLeast: idle.median * SHARE_WHILE_SEALING },
      },
      {
        what: 'longest block of the event loop meanwhile',
        unit: 'ms',
        ours: figureOf(measured.sealing.blockedMs),
        baseline: { name: 'the same without sealing', figure: figureOf(measured.idle.blockedMs) },
        target: { atMost: BLOCKED_MS },
      },
    ];
  },
};

function appends(options: AllSourceOptions, effort: Effort): Contestant<'rate' | 'blockedMs'> {
  const each = Math.max(1, Math.round(scaled(400_000, effort) / CALLERS));
  return () =>
    inStore(options, async (store) => {
      const work = (count: number): Promise<unknown> =>
        Promise.all(
          Array.from({ length: CALLERS }, async (_, caller) => {
            for (let i = 0; i < count; i++) await store.append(`stream-${caller}`, [event(i)]);
          }),
        );
      await work(Math.max(1, Math.round(each / 4)));
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const us = await timeWhole(async () => void (await work(each)));
      delay.disable();
      return { rate: rateOf(each * CALLERS, us), blockedMs: delay.max / NS_PER_MS };
    });
}
