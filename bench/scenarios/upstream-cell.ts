/** The upstream benchmark's own cell, and what it is compared with: a fresh store, opened within the time, is filled. */
import assert from 'node:assert/strict';
import { type Commit, InMemoryBackend } from '@allframe/nestjs';
import { timeWhole } from '../harness/stopwatch.js';
import { BareLog, encodedCommit, event, events, newStore, payload } from './events.js';

const STREAMS = 100;

/** How many events there are in all, and in each append. */
export interface Shape {
  readonly eventsTotal: number;
  readonly eventsEach: number;
}

export const ONE_BY_ONE: Shape = { eventsTotal: 1_000, eventsEach: 1 };
export const IN_BATCHES: Shape = { eventsTotal: 10_000, eventsEach: 100 };

/** Fills something fresh and gives the microseconds that takes. */
export type Fill = () => Promise<number>;

export function intoStore({ eventsTotal, eventsEach }: Shape): Fill {
  return async () => {
    let store = await newStore();
    const us = await timeWhole(async () => {
      store = await newStore();
      for (let i = 0, n = 0; i < eventsTotal; i += eventsEach, n++) {
        await store.append(streamOf(n), eventsEach === 1 ? [event(i)] : events(eventsEach, i));
      }
    });
    assert.equal(await store.backend.head(), eventsTotal);
    await store.close();
    return us;
  };
}

export function intoBareLog({ eventsTotal, eventsEach }: Shape): Fill {
  return async () => {
    const log = new BareLog();
    const us = await timeWhole(async () => {
      for (let i = 0, n = 0; i < eventsTotal; i += eventsEach, n++) {
        await log.append(streamOf(n), eventsEach === 1 ? [payload(i)] : payloads(eventsEach, i));
      }
    });
    assert.equal(log.streams.size, STREAMS);
    return us;
  };
}

/** The store's own work done beforehand: only the backend is timed. */
export function intoBackend({ eventsTotal, eventsEach }: Shape): Fill {
  const commits: readonly Commit[] = Array.from({ length: eventsTotal / eventsEach }, (_, n) =>
    encodedCommit(streamOf(n), n * eventsEach, eventsEach),
  );
  return async () => {
    const backend = new InMemoryBackend();
    const us = await timeWhole(async () => {
      await backend.open();
      for (const commit of commits) await backend.append(commit);
    });
    assert.equal(await backend.head(), eventsTotal);
    return us;
  };
}

/** Fills `times` times. */
export async function repeated(times: number, fill: Fill): Promise<number> {
  let us = 0;
  for (let i = 0; i < times; i++) us += await fill();
  return us;
}

function payloads(count: number, from: number): readonly unknown[] {
  return Array.from({ length: count }, (_, i) => payload(from + i));
}

function streamOf(append: number): string {
  return `stream-${append % STREAMS}`;
}
