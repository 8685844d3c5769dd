/**
 * The original's own table of overheads: what the store adds to its bare backend, per append, query and snapshot, and
 * what each subscriber adds to an append. A figure is a difference, taken round by round.
 */
import assert from 'node:assert/strict';
import type { EventStore, Snapshot } from '@allframe/nestjs';
import { Subject } from 'rxjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, differenceOf, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { timeWhole } from '../harness/stopwatch.js';
import { Arrivals } from './arrivals.js';
import { event, filledStore, newStore, type Payload, payload } from './events.js';
import { type Fill, intoBackend, intoStore, ONE_BY_ONE, repeated } from './upstream-cell.js';

const STREAMS = 100;

export const overhead: Scenario = {
  name: 'overhead',
  run: async (effort) => [
    await appendRow(effort),
    await queryRow(1, effort),
    await queryRow(100, effort),
    await subscriberRow(1, effort),
    await subscriberRow(100, effort),
    ...(await snapshotRows(effort)),
  ],
};

/** In the upstream cell. */
async function appendRow(effort: Effort): Promise<Row> {
  const stores = scaled(100, effort);
  const filling =
    (fill: Fill): Contestant<'us'> =>
    async () => ({ us: (await repeated(stores, fill)) / stores / ONE_BY_ONE.eventsTotal });
  const { store, backend } = await interleave(
    { store: filling(intoStore(ONE_BY_ONE)), backend: filling(intoBackend(ONE_BY_ONE)) },
    effort,
  );
  return {
    what: 'overhead of the store, per append',
    unit: 'µs',
    ours: differenceOf(store.us, backend.us),
    baseline: { name: 'bare backend.append, encoded before', figure: figureOf(backend.us) },
    target: { atMost: 1 },
  };
}

async function queryRow(eventsEach: number, effort: Effort): Promise<Row> {
  const calls = scaled(20_000, effort);
  const filled = await filledStore(STREAMS, eventsEach);
  const { store, backend } = await interleave(
    {
      store: () => perCall(calls, (i) => filled.getEvents(streamOf(i))),
      backend: () =>
        perCall(calls, (i) =>
          filled.backend.readStream({
            streamId: streamOf(i),
            fromVersion: 1,
            toVersion: Number.MAX_SAFE_INTEGER,
            direction: 'forward',
            limit: 512,
          }),
        ),
    },
    effort,
  );
  await filled.close();
  return {
    what: `overhead of the store, per query of ${eventsEach} event${eventsEach === 1 ? '' : 's'}`,
    unit: 'µs',
    ours: differenceOf(store.us, backend.us),
    baseline: { name: 'bare backend.readStream', figure: figureOf(backend.us) },
    target: { atMost: 1 },
  };
}

async function subscriberRow(subscribers: number, effort: Effort): Promise<Row> {
  const appends = scaled(Math.max(2_000, 20_000 / subscribers), effort);
  const { none, many, subject } = await interleave(
    {
      none: () => deliveredByStore(0, appends),
      many: () => deliveredByStore(subscribers, appends),
      subject: () => deliveredBySubject(subscribers, appends),
    },
    effort,
  );
  return {
    what: `overhead of a subscriber, per append, ${subscribers} of them`,
    unit: 'µs',
    ours: differenceOf(many.us, none.us, subscribers),
    baseline: {
      name: 'rxjs Subject, per observer',
      figure: figureOf(subject.us.map((us) => us / subscribers)),
    },
    target: { atMost: 10 },
  };
}

/** Microseconds from the call of `append` until it has returned and every subscriber has seen the event. */
async function deliveredByStore(subscribers: number, appends: number): Promise<{ us: number }> {
  const store = await newStore();
  const arrivals = new Arrivals(subscribers, appends);
  const subscriptions = Array.from({ length: subscribers }, () => store.subscribe(() => arrivals.note()));
  await Promise.all(subscriptions.map(({ ready }) => ready));
  const figures = await perCall(appends, async (i) => {
    const everywhere = arrivals.expect();
    await store.append(streamOf(i), [event(i)]);
    if (subscribers > 0) await everywhere;
  });
  assert.equal(arrivals.count, subscribers * appends);
  await store.close();
  return figures;
}

async function deliveredBySubject(subscribers: number, sends: number): Promise<{ us: number }> {
  const subject = new Subject<Payload>();
  const arrivals = new Arrivals(subscribers, sends);
  for (let i = 0; i < subscribers; i++) subject.subscribe(() => arrivals.note());
  const figures = await perCall(sends, async (i) => {
    const everywhere = arrivals.expect();
    subject.next(payload(i));
    await everywhere;
  });
  subject.complete();
  return figures;
}

async function snapshotRows(effort: Effort): Promise<readonly Row[]> {
  const calls = scaled(10_000, effort);
  const snapshot = anAccount();
  const text = JSON.stringify(snapshot);
  const store = await newStore();
  const { backend } = store;
  for (let i = 0; i < STREAMS; i++) await store.saveSnapshot(streamOf(i), snapshot);
  const measured = await interleave(
    {
      save: () => perCall(calls, (i) => store.saveSnapshot(streamOf(i), snapshot)),
      put: () =>
        perCall(calls, (i) =>
          backend.append({
            streams: [],
            records: [{ collection: 'snapshots', key: streamOf(i), value: text }],
            recordedAt: 0,
          }),
        ),
      load: () => perCall(calls, (i) => loaded(store, streamOf(i))),
      get: () => perCall(calls, (i) => backend.readRecord('snapshots', streamOf(i))),
    },
    effort,
  );
  await store.close();
  const row = (what: 'save' | 'load', bare: 'put' | 'get', name: string): Row => ({
    what: `overhead of the store, per snapshot ${what} of ${text.length} bytes`,
    unit: 'µs',
    ours: differenceOf(measured[what].us, measured[bare].us),
    baseline: { name, figure: figureOf(measured[bare].us) },
    target: { atMost: 50 },
  });
  return [
    row('save', 'put', 'bare backend.append of its text'),
    row('load', 'get', 'bare backend.readRecord'),
  ];
}

async function loaded(store: EventStore, streamId: string): Promise<void> {
  assert.notEqual(await store.getLatestSnapshot(streamId), null);
}

/** About 1 KB of JSON. */
function anAccount(): Snapshot {
  const entries = Array.from({ length: 25 }, (_, i) => payload(i));
  return { version: 100, revision: 1, state: { owner: 'Ada', balance: 1_000, entries } };
}

async function perCall(calls: number, call: (i: number) => Promise<unknown>): Promise<{ us: number }> {
  const us = await timeWhole(async () => {
    for (let i = 0; i < calls; i++) await call(i);
  });
  return { us: us / calls };
}

function streamOf(i: number): string {
  return `stream-${i % STREAMS}`;
}
