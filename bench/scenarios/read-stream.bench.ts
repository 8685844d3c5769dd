/** One stream of 100 events is read as a whole: as envelopes with `data` unparsed, and with every `data` looked at. */
import assert from 'node:assert/strict';
import { type Effort, scaled } from '../harness/effort.js';
import { type Contestant, figureOf, interleave } from '../harness/interleave.js';
import type { Row, Scenario } from '../harness/row.js';
import { timeEach } from '../harness/stopwatch.js';
import { type Tail, tailOf } from '../harness/statistics.js';
import { filledStore, type Payload, payload } from './events.js';

const EVENTS = 100;
const P99_TARGET_US = 11.9;

export const readStream: Scenario = {
  name: 'read-stream',
  async run(effort) {
    const store = await filledStore(1, EVENTS);
    const texts = Array.from({ length: EVENTS }, (_, i) => JSON.stringify(payload(i)));
    const measured = await interleave(
      {
        envelopes: eachCall(effort, async () => (await store.getEvents('stream-0')).length),
        parsed: eachCall(effort, async () => {
          let seen = 0;
          for (const { data } of await store.getEvents('stream-0')) seen += (data as Payload).data.length;
          return seen / 'payload'.length;
        }),
        parse: eachCall(effort, async () => {
          const all = await Promise.resolve(texts.map((text) => JSON.parse(text) as Payload));
          return all.length;
        }),
      },
      effort,
    );
    await store.close();
    const row = (what: string, read: 'envelopes' | 'parsed', metric: Tail): Row => ({
      what: `${what}, ${metric}`,
      unit: 'µs',
      ours: figureOf(measured[read][metric]),
      baseline: { name: 'JSON.parse mapped over the texts', figure: figureOf(measured.parse[metric]) },
    });
    return [
      row('getEvents of a stream of 100 events', 'envelopes', 'p50'),
      {
        ...row('getEvents of a stream of 100 events', 'envelopes', 'p99'),
        target: { atMost: P99_TARGET_US },
      },
      row('the same, and data of each', 'parsed', 'p50'),
      row('the same, and data of each', 'parsed', 'p99'),
    ];
  },
};

/** @param read reads the stream once and gives the number of events it saw */
function eachCall(effort: Effort, read: () => Promise<number>): Contestant<Tail> {
  return async () => {
    let seen = 0;
    const calls = scaled(20_000, effort);
    const warmUp = Math.round(calls / 10);
    const counted = async (): Promise<void> => {
      seen += await read();
    };
    const samples = await timeEach(calls, counted, warmUp);
    assert.equal(seen, (calls + warmUp) * EVENTS);
    return tailOf(samples);
  };
}
