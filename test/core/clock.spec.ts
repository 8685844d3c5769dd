import { describe, expect, it, vi } from 'vitest';
import { pause, systemClock } from '../../lib/core/clock.js';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { isSettled } from '../store/gate.js';

describe('systemClock', () => {
  it.each([Infinity, Number.MAX_SAFE_INTEGER, 2 ** 31])(
    'waits long for %d ms, where Node would wait 1 ms',
    (ms) => {
      vi.useFakeTimers();
      try {
        const called = vi.fn();
        const cancel = systemClock.after(ms, called);
        vi.advanceTimersByTime(60_000);
        expect(called).not.toHaveBeenCalled();
        cancel();
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('calls back once, and not when it was taken back', async () => {
    const calls: string[] = [];
    systemClock.after(0, () => calls.push('taken back'))();
    await new Promise<void>((resolve) => {
      // A timer of the library keeps no process alive; this one does, for the test.
      const alive = setTimeout(() => undefined, 5_000);
      systemClock.after(1, () => {
        calls.push('called');
        clearTimeout(alive);
        resolve();
      });
    });
    expect(calls).toEqual(['called']);
  });
});

describe('pause', () => {
  it('resolves when its time has come, and leaves no listener on the signal', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const paused = pause(clock, 100, signal);
    await clock.advance(99);
    expect(await isSettled(paused)).toBe(false);
    await clock.advance(1);
    expect(await isSettled(paused)).toBe(true);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it('resolves at once when aborted, before or meanwhile, and leaves no timer', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const paused = pause(clock, 100, controller.signal);
    expect(clock.pending).toBe(1);
    controller.abort();
    await paused;
    await pause(clock, 100, controller.signal);
    expect(clock.pending).toBe(0);
  });
});

describe('FakeClock', () => {
  it('calls back in the order of time, whatever the order of asking, and timers that timers start', async () => {
    const clock = new FakeClock(1_000);
    const calls: [string, number][] = [];
    clock.after(30, () => calls.push(['third', clock.now()]));
    clock.after(10, () => {
      calls.push(['first', clock.now()]);
      clock.after(10, () => calls.push(['second', clock.now()]));
    });
    clock.after(31, () => calls.push(['too late', clock.now()]));
    await clock.advance(30);
    expect(calls).toEqual([
      ['first', 1_010],
      ['second', 1_020],
      ['third', 1_030],
    ]);
    expect(clock.pending).toBe(1);
    expect(clock.now()).toBe(1_030);
  });
});
