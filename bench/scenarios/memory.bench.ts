/** For information: the heap that a million events take, next to the heap that their JSON texts alone take. */
import assert from 'node:assert/strict';
import { scaled } from '../harness/effort.js';
import { figureOf } from '../harness/interleave.js';
import type { Scenario } from '../harness/row.js';
import { BareLog, filledStore, payload } from './events.js';

const STREAM_EVENTS = 100;

export const memory: Scenario = {
  name: 'memory',
  async run(effort) {
    const streams = scaled(10_000, effort);
    const perMillion = 1_000_000 / (streams * STREAM_EVENTS);
    const ours = await heapOf(() => filledStore(streams, STREAM_EVENTS));
    const bare = await heapOf(() => filledBareLog(streams));
    return [
      {
        what: 'heap of 1M events in 10,000 streams',
        unit: 'MB',
        ours: figureOf([ours * perMillion]),
        baseline: { name: 'their JSON texts in an array per stream', figure: figureOf([bare * perMillion]) },
      },
    ];
  },
};

/** Megabytes that `make` leaves on the heap, and that are free again without its result. */
async function heapOf(make: () => Promise<object>): Promise<number> {
  const before = heapUsed();
  const made = await make();
  const after = heapUsed();
  assert.ok(made);
  return (after - before) / 1e6;
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function filledBareLog(streams: number): Promise<BareLog> {
  const log = new BareLog();
  for (let i = 0; i < streams * STREAM_EVENTS; i++) {
    await log.append(`stream-${Math.floor(i / STREAM_EVENTS)}`, [payload(i)]);
  }
  return log;
}
