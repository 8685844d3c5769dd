/** Faults of other buses, as docs of this project list them, that commands and queries must not have. */
import { Command, CommandHandler, EventStore, InMemoryBackend } from '@allframe/nestjs';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { watchUnhandled } from '../store/unhandled.js';
import { busOf, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

describe('faults seen in other buses', () => {
  it('fault 1: one that throws does not end it, the next is handled', async () => {
    const bus = busOf(await openStore(), async ({ text }) => {
      if (text === 'bad') throw new Error('bad');
      return text;
    });
    for (let i = 0; i < 3; i++) {
      expect((await failureOf(bus.execute(new Free('bad')))).message).toBe('bad');
      expect(await bus.execute(new Free('good'))).toBe('good');
    }
  });

  it('fault 2: commands of one caller are begun in the order in which they were sent', async () => {
    const seen: string[] = [];
    const bus = busOf(await openStore(), async ({ text }) => void seen.push(text));
    await Promise.all(['1', '2', '3', '4'].map((text) => bus.execute(new Free(text))));
    expect(seen).toEqual(['1', '2', '3', '4']);
  });

  it('fault 3: a command that is sent again does not throw, also as the same object', async () => {
    const bus = busOf(await openStore(), async ({ text }) => text);
    const command = Object.freeze(new Free('x'));
    expect([await bus.execute(command), await bus.execute(command)]).toEqual(['x', 'x']);
  });

  it('fault 3: a close waits for commands on their way, up to its deadline', async () => {
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    let finish = (): void => undefined;
    const bus = busOf(store, () => new Promise<void>((resolve) => (finish = resolve)), {}, { clock });
    const sent = bus.execute(new Free('x'));
    let isDrained = false;
    const drained = bus.drain(1_000).then(() => (isDrained = true));
    await clock.advance(999);
    expect(isDrained).toBe(false);
    finish();
    await Promise.all([sent, drained]);
    void bus.execute(new Free('hangs'));
    const given = bus.drain(1_000);
    await clock.advance(1_000);
    await given;
    await store.close();
  });

  it('fault 4: two buses share nothing', async () => {
    const [one, other] = [busOf(await openStore(), async () => 1), busOf(await openStore(), async () => 2)];
    expect([await one.execute(new Free('x')), await other.execute(new Free('x'))]).toEqual([1, 2]);
  });

  it('fault 5: a second handler is refused, and leaves the first one in place', async () => {
    const bus = busOf(await openStore(), async () => 'first');
    class Second {
      @CommandHandler(Free) handle(): string {
        return 'second';
      }
    }
    expect(() => bus.register(new Second())).toThrow(/FreeHandler and by Second\.handle/);
    expect(await bus.execute(new Free('x'))).toBe('first');
  });

  it('fault 5a: no success is reported for a handler that failed, however it fails', async () => {
    class Sync extends Command<void> {}
    class SyncHandler {
      @CommandHandler(Sync) handle(): void {
        throw new Error('at once');
      }
    }
    const bus = busOf(await openStore(), () => Promise.reject(new Error('later')));
    bus.register(new SyncHandler());
    for (const options of [{}, { commandId: 'a' }, { timeoutMs: 1_000 }]) {
      expect((await failureOf(bus.execute(new Sync(), options))).message).toBe('at once');
      expect((await failureOf(bus.execute(new Free('x'), options))).message).toBe('later');
    }
  });

  it('fault 6: a handler that fails after everybody has gone ends nothing', async () => {
    const unhandled = watchUnhandled();
    const clock = new FakeClock();
    let fail = (_error: Error): void => undefined;
    const bus = busOf(
      await openStore(),
      () => new Promise((_resolve, reject) => (fail = reject)),
      {},
      { clock },
    );
    for (const options of [{}, { commandId: 'a' }]) {
      const gone = failureOf(bus.execute(new Free('x'), { ...options, timeoutMs: 10 }));
      await clock.advance(10);
      expect((await gone).name).toBe('ExecutionTimeoutError');
      fail(new Error('too late'));
      expect(await unhandled()).toEqual([]);
    }
  });
});
