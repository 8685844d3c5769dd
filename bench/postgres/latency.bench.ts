/** How long after the call of `append` a handler is called, in the same process and in another one. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EventStore } from '@allframe/nestjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { type Tail, tailOf } from '../harness/statistics.js';
import { inStore, onServer } from './benched-server.js';

const ACROSS_P99_MS = 20;

/** Microseconds of the clock that all processes of a machine have in common. */
export const sharedClockUs = (): number => Number(process.hrtime.bigint() / 1000n);

export const latency: Scenario = {
  name: 'postgres-latency',
  startsProcess: true,
  run: (effort) =>
    onServer(async (url) => {
      const { here, there } = await interleave(
        { here: inSame(url, effort), there: inOther(url, effort) },
        effort,
      );
      const rows = (where: string, measured: typeof here): Row[] =>
        (['p50', 'p99'] as const).map((metric) => ({
          what: `postgres: append to handler, ${where}, ${metric}`,
          unit: 'ms',
          ours: figureOf(measured[metric].map((us) => us / 1000)),
        }));
      const [across50, across99] = rows('in another process', there) as [Row, Row];
      return [
        ...rows('in the same process', here),
        across50,
        { ...across99, target: { atMost: ACROSS_P99_MS } },
      ];
    }),
};

function inSame(url: string, effort: Effort): Contestant<Tail> {
  return () =>
    inStore(url, async (store) => {
      const delays: number[] = [];
      let seen: () => void = () => undefined;
      const { ready } = store.subscribe(({ data }) => {
        delays.push(sharedClockUs() - (data as { readonly at: number }).at);
        seen();
      });
      await ready;
      await oneByOne(store, effort, () => new Promise<void>((resolve) => (seen = resolve)));
      return tailOf(delays);
    });
}

function inOther(url: string, effort: Effort): Contestant<Tail> {
  return () =>
    inStore(url, async (store, schema) => {
      const child = fork(fileURLToPath(new URL('latency-process.js', import.meta.url)), [
        `${url}?schema=${schema}`,
      ]);
      await once(child, 'message');
      const delays: number[] = [];
      child.on('message', (delay: number) => delays.push(delay));
      await oneByOne(store, effort, () => once(child, 'message'));
      await ended(child);
      return tailOf(delays);
    });
}

/** The next event is appended when the one before has been handled. */
async function oneByOne(store: EventStore, effort: Effort, handled: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < scaled(300, effort); i++) {
    const arrived = handled();
    await store.append(`stream-${i % 100}`, [{ type: 'bench.event', data: { at: sharedClockUs() } }]);
    await arrived;
    await setImmediate();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.send('end');
  await exit;
}
