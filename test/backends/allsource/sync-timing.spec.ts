import { describe, expect, it } from 'vitest';
import { SyncTiming } from '../../../lib/backends/allsource/log/sync-timing.js';

/** A timing and a disk whose syncs take as long as is said. */
function timing() {
  let now = 0;
  const subject = new SyncTiming(() => now);
  const sync = (ms: number): void => {
    const start = subject.start();
    now += ms;
    subject.end(start);
  };
  return { subject, sync };
}

describe('where a sync runs', () => {
  it('on the event loop as long as syncs are short', () => {
    const { subject, sync } = timing();
    for (let i = 0; i < 100; i++) sync(0.2);
    expect(subject.takeThread()).toBe(false);
    expect(subject.averageMs).toBeCloseTo(0.2);
  });

  it('one slow sync among short ones does not change it', () => {
    const { subject, sync } = timing();
    for (let i = 0; i < 20; i++) sync(0.1);
    sync(5);
    expect(subject.onThread).toBe(false);
  });

  it('on a thread where they are long, but for a trial now and then', () => {
    const { subject, sync } = timing();
    for (let i = 0; i < 20; i++) sync(8);
    const places = Array.from({ length: 96 }, () => subject.takeThread());
    expect(places.filter((onThread) => !onThread)).toHaveLength(3);
  });

  it('back on the loop when trials have become short', () => {
    const { subject, sync } = timing();
    for (let i = 0; i < 20; i++) sync(2);
    expect(subject.onThread).toBe(true);
    for (let i = 0; i < 10; i++) sync(0.1);
    expect(subject.onThread).toBe(false);
  });
});
