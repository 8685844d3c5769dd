/** `AggregateRepository.update` loads an aggregate of 100 events, decides, and appends one; each call another aggregate. */
import assert from 'node:assert/strict';
import { Aggregate, AggregateRepository, AggregateRoot, DomainEvent, EventHandler } from '@allframe/nestjs';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { type Tail, tailOf } from '../harness/statistics.js';
import { timeEach } from '../harness/stopwatch.js';
import { newStore } from './events.js';

const EVENTS = 100;

@DomainEvent('bench.counted')
class Counted {
  constructor(
    readonly index: number,
    readonly data: string,
  ) {}
}

@Aggregate('counter', { snapshotEvery: EVENTS })
class Counter extends AggregateRoot {
  total = 0;
  latest = '';

  count(index: number): void {
    this.apply(new Counted(index, 'payload'));
  }

  @EventHandler(Counted) onCounted({ index, data }: Counted): void {
    this.total += index;
    this.latest = data;
  }
}

export const update: Scenario = {
  name: 'update',
  async run(effort) {
    const measured = await interleave(
      {
        whole: throughRepository(effort, false),
        snapshot: throughRepository(effort, true),
        bareWhole: bareLoop(effort, texts(EVENTS)),
        bareSnapshot: bareLoop(effort, texts(1)),
      },
      effort,
    );
    const row = (
      what: string,
      [ours, bare]: readonly ['whole', 'bareWhole'] | readonly ['snapshot', 'bareSnapshot'],
      baseline: string,
      metric: Tail,
    ): Row => ({
      what: `update() of 100 events, ${what}, ${metric}`,
      unit: 'µs',
      ours: figureOf(measured[ours][metric]),
      baseline: { name: baseline, figure: figureOf(measured[bare][metric]) },
    });
    const whole = 'JSON.parse of 100, stringify of 1';
    const snapshot = 'JSON.parse of 1, stringify of 1';
    return [
      row('no snapshot', ['whole', 'bareWhole'], whole, 'p50'),
      row('no snapshot', ['whole', 'bareWhole'], whole, 'p99'),
      row('snapshot', ['snapshot', 'bareSnapshot'], snapshot, 'p50'),
      row('snapshot', ['snapshot', 'bareSnapshot'], snapshot, 'p99'),
    ];
  },
};

function throughRepository(effort: Effort, withSnapshot: boolean): Contestant<Tail> {
  return async () => {
    const store = await newStore();
    const counters = new AggregateRepository(store, Counter, withSnapshot ? {} : { snapshots: false });
    const calls = scaled(2_000, effort);
    for (let id = 0; id < calls; id++) {
      await counters.update(`${id}`, (counter) => {
        for (let i = 0; i < EVENTS; i++) counter.count(i);
      });
    }
    const samples = await timeEach(calls, (id) =>
      counters.update(`${id}`, (counter) => counter.count(EVENTS)),
    );
    const { totalEvents, totalSnapshots } = await store.stats();
    assert.equal(totalEvents, calls * (EVENTS + 1));
    assert.equal(totalSnapshots, withSnapshot ? calls : 0);
    await store.close();
    return tailOf(samples);
  };
}

/** Folds texts into a total, and adds a text. */
function bareLoop(effort: Effort, stored: readonly string[]): Contestant<Tail> {
  return async () => {
    const calls = scaled(2_000, effort);
    const logs = Array.from({ length: calls }, () => [...stored]);
    const samples = await timeEach(calls, async (id) => {
      const log = logs[id] as string[];
      let total = 0;
      for (const text of log) total += (JSON.parse(text) as Counted).index;
      await Promise.resolve(log.push(JSON.stringify(new Counted(total, 'payload'))));
    });
    assert.ok(logs.every((log) => log.length === stored.length + 1));
    return tailOf(samples);
  };
}

function texts(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => JSON.stringify(new Counted(i, 'payload')));
}
