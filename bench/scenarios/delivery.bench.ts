/**
 * How long after the call of `append` a subscriber's handler is called, for every subscriber; one append at a time,
 * the next one once every subscriber has seen it and the event loop has turned.
 */
import { setImmediate } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import type { Tail } from '../harness/statistics.js';
import { Arrivals } from './arrivals.js';
import { event, newStore, type Payload, payload } from './events.js';

export const delivery: Scenario = {
  name: 'delivery',
  async run(effort) {
    const rows: Row[] = [];
    for (const subscribers of [1, 10, 100]) rows.push(...(await rowsFor(subscribers, effort)));
    return rows;
  },
};

async function rowsFor(subscribers: number, effort: Effort): Promise<readonly Row[]> {
  // At least 2,000 appends and 20,000 deliveries in a round, so that p99.9 stands on 20 of them.
  const appends = scaled(Math.max(2_000, 20_000 / subscribers), effort);
  const measured = await interleave(
    { store: throughStore(subscribers, appends), subject: throughSubject(subscribers, appends) },
    effort,
  );
  const row = (name: string, metric: Tail): Row => ({
    what: `append to handler, ${subscribers} subscriber${subscribers === 1 ? '' : 's'}, ${name}`,
    unit: 'µs',
    ours: figureOf(measured.store[metric]),
    baseline: { name: 'rxjs Subject, as many observers', figure: figureOf(measured.subject[metric]) },
  });
  return [row('p50', 'p50'), { ...row('p99', 'p99'), target: { atMost: 1_000 } }, row('p99.9', 'p999')];
}

function throughStore(subscribers: number, appends: number): Contestant<Tail> {
  return async () => {
    const store = await newStore();
    const arrivals = new Arrivals(subscribers, appends);
    const subscriptions = Array.from({ length: subscribers }, () => store.subscribe(() => arrivals.note()));
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (let i = 0; i < appends; i++) {
      const everywhere = arrivals.expect();
      await store.append(`stream-${i % 100}`, [event(i)]);
      await everywhere;
      await setImmediate();
    }
    await store.close();
    return arrivals.summary();
  };
}

function throughSubject(subscribers: number, appends: number): Contestant<Tail> {
  return async () => {
    const subject = new Subject<Payload>();
    const arrivals = new Arrivals(subscribers, appends);
    for (let i = 0; i < subscribers; i++) subject.subscribe(() => arrivals.note());
    for (let i = 0; i < appends; i++) {
      const everywhere = arrivals.expect();
      subject.next(payload(i));
      await everywhere;
      await setImmediate();
    }
    subject.complete();
    return arrivals.summary();
  };
}
