/** Handlers that are run again, callers that go and come back, and what either may leave behind. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  type AppendResult,
  Command,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  type Commit,
  EventStore,
  InMemoryBackend,
  Limits,
} from '@allframe/nestjs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { busOf, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

const event = (n: number) => ({ type: 'done', data: { n } });

/** A backend that takes its time for one stream. */
class SlowBackend extends InMemoryBackend {
  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    if (commit.streams[0]?.streamId === 'slow') await setImmediate();
    return super.append(commit);
  }
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('a handler that is run again', () => {
  it('records what it has decided last, and takes nothing else for it', async () => {
    class Go extends Command<string> {
      readonly id = '1';
    }
    const store = await openStore();
    let attempts = 0;
    @Aggregate('thing')
    class Thing extends AggregateRoot {
      @CommandHandler(Go) async go(): Promise<string> {
        if (++attempts === 1) {
          this.apply({ type: 'first', data: {} });
          await new Promise<void>((resolve) => {
            // Another writer, outside of the command.
            otherWriter.push(resolve);
          });
          return 'first';
        }
        for (const streamId of ['audit', 'thing-1'])
          await store.append(streamId, [event(1)]).catch(() => undefined);
        this.apply({ type: 'second', data: {} });
        return 'second';
      }
    }
    const otherWriter: (() => void)[] = [];
    const bus = new CommandBus({ store });
    bus.registerAggregate(Thing, new AggregateRepository(store, Thing));
    const answer = bus.execute(new Go(), { commandId: 'c' });
    await expect.poll(() => otherWriter.length).toBe(1);
    await store.append('thing-1', [event(0)]);
    otherWriter[0]?.();
    expect(await answer).toBe('second');
    expect(await bus.execute(new Go(), { commandId: 'c' })).toBe('second');
    expect((await store.getEvents('thing-1')).map(({ type }) => type)).toEqual(['done', 'second']);
    expect(await store.getEvents('audit')).toEqual([]);
  });

  it('records it with its own append, whatever else it has left to append meanwhile', async () => {
    class Go extends Command<string> {
      readonly id = '1';
    }
    const store = await openStore();
    const left: Promise<unknown>[] = [];
    @Aggregate('thing')
    class Thing extends AggregateRoot {
      @CommandHandler(Go) go(): string {
        this.apply({ type: 'gone', data: {} });
        // In every turn between the decision and its append.
        void (async () => {
          for (let i = 0; i < 20; i++) {
            await Promise.resolve();
            left.push(failureOf(store.append('audit', [event(i)])));
          }
        })();
        return 'gone';
      }
    }
    const bus = new CommandBus({ store });
    bus.registerAggregate(Thing, new AggregateRepository(store, Thing));
    expect(await bus.execute(new Go(), { commandId: 'c' })).toBe('gone');
    await Promise.all(left);
    expect((await store.getEvents('thing-1')).map(({ type }) => type)).toEqual(['gone']);
  });

  it.each([
    ['without an id', {}, {}],
    ['with an id', { commandId: 'a' }, {}],
    ['with several appends', { commandId: 'a' }, { severalAppends: true }],
  ] as const)(
    'does not append beside what its first run has left behind, %s',
    async (_name, how, options) => {
      const store = await openStore();
      const late = gate();
      const outcomes: Promise<unknown>[] = [];
      let runs = 0;
      const settings: CommandHandlerOptions<Free> = { ...options, retry: { attempts: 3 } };
      const bus = busOf(
        store,
        async () => {
          const isFirst = ++runs === 1;
          const left = late.opened.then(() => store.append('left', [event(1)]));
          outcomes.push(failureOf(left));
          await store.append('s', [event(1)], { expectedVersion: isFirst ? 7 : 'any' });
          return isFirst ? left : runs;
        },
        settings,
      );
      expect(await bus.execute(new Free('x'), how)).toBe(2);
      late.open();
      expect(await outcomes[0]).toMatchObject({ code: 'AttemptAbandonedError', streamId: 'left' });
      expect(await store.getEvents('s')).toHaveLength(1);
      // What the run that counts has left behind is its own affair.
      await outcomes[1];
      expect(await store.getEvents('left')).toHaveLength(1);
    },
  );

  it('waits for what is in flight before it decides to run again', async () => {
    const store = await openStore(new SlowBackend());
    let runs = 0;
    const bus = busOf(
      store,
      async () => {
        runs++;
        await Promise.all([
          store.append('s', [event(1)], { expectedVersion: 7 }),
          store.append('slow', [event(1)]),
        ]);
      },
      { retry: { attempts: 3 } },
    );
    expect((await failureOf(bus.execute(new Free('x')))).name).toBe('WrongExpectedVersionError');
    expect([runs, (await store.getEvents('slow')).length]).toEqual([1, 1]);
  });
});

describe('a command that comes back to its own handler', () => {
  class Outer extends Command<unknown> {}
  class Middle extends Command<unknown> {}

  it('is refused, also by way of another one that may be run again', async () => {
    const store = await openStore();
    const bus = new CommandBus({ store });
    class Handlers {
      @CommandHandler(Outer) outer(): Promise<unknown> {
        return bus.execute(new Middle());
      }
      @CommandHandler(Middle, { retry: { attempts: 2 } }) middle(): Promise<unknown> {
        return bus.execute(new Outer(), { commandId: 'c' });
      }
    }
    bus.register(new Handlers());
    expect((await failureOf(bus.execute(new Outer(), { commandId: 'c' }))).message).toMatch(
      /wait for itself/,
    );
  });

  it('is another one in another store', async () => {
    const [store, other] = [await openStore(), await openStore()];
    const second = busOf(other, async () => 'there');
    const first = busOf(store, ({ text }) => second.execute(new Free(text), { commandId: 'c' }));
    expect(await first.execute(new Free('x'), { commandId: 'c' })).toBe('there');
  });
});

describe('the class of a command', () => {
  it('is that of its prototype, whatever members it has', async () => {
    const store = await openStore();
    let runs = 0;
    const bus = busOf(store, async () => {
      await store.append('s', [event(++runs)]);
      return runs;
    });
    const sent = Object.assign(new Free('x'), JSON.parse('{"constructor":"x"}') as object);
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toBe(1);
    expect((await failureOf(bus.execute(sent, { commandId: 'a' }))).name).toBe('IdempotencyConflictError');
    expect(await bus.execute(sent)).toBe(2);
  });

  it('is not mixed up with another one of its name', async () => {
    const urgents = [1, 2].map(() => {
      class Urgent extends Free {}
      return Urgent;
    });
    const store = await openStore();
    const bus = busOf(store, async ({ text }) => {
      await store.append('s', [event(1)]);
      return text;
    });
    const [one, two] = urgents.map((Urgent) => new Urgent('x')) as [Free, Free];
    expect(await bus.execute(one, { commandId: 'a' })).toBe('x');
    expect((await failureOf(bus.execute(two, { commandId: 'a' }))).name).toBe('AmbiguousCommandNameError');
    expect(await bus.execute(two)).toBe('x');
    const nameless = new (class extends Free {})('x');
    expect((await failureOf(bus.execute(nameless, { commandId: 'a' }))).name).toBe('InvalidArgumentError');
    expect(() => CommandHandler(Free, { name: 'Free/Urgent' })(class {} as never)).toThrow(/leave it out/);
  });
});

describe('a caller that has gone', () => {
  it('does not take the answer from one that comes after it', async () => {
    const store = await openStore();
    const clock = new FakeClock();
    const steps: (() => void)[] = [];
    let runs = 0;
    const bus = busOf(
      store,
      async (_command, { signal }) => {
        runs++;
        await new Promise<void>((resolve) => void steps.push(resolve));
        signal.throwIfAborted();
        return 'answer';
      },
      {},
      { clock },
    );
    const gone = failureOf(bus.execute(new Free('x'), { commandId: 'a', timeoutMs: 10 }));
    await expect.poll(() => steps.length).toBe(1);
    await clock.advance(10);
    expect((await gone).name).toBe('ExecutionTimeoutError');
    const next = bus.execute(new Free('x'), { commandId: 'a' });
    steps[0]?.();
    await expect.poll(() => steps.length).toBe(2);
    steps[1]?.();
    expect(await next).toBe('answer');
    expect(runs).toBe(2);
  });

  it('while middleware was at work gets nothing begun', async () => {
    const store = await openStore();
    const clock = new FakeClock();
    const held = gate();
    let runs = 0;
    const bus = busOf(
      store,
      async () => ++runs,
      {},
      {
        clock,
        middleware: [
          async (_context, next) => {
            await held.opened;
            return next();
          },
        ],
      },
    );
    for (const how of [{}, { commandId: 'a' }]) {
      const gone = failureOf(bus.execute(new Free('x'), { ...how, timeoutMs: 10 }));
      await clock.advance(10);
      expect((await gone).name).toBe('ExecutionTimeoutError');
    }
    held.open();
    expect(await bus.execute(new Free('y'))).toBe(1);
  });

  it('leaves no timer and no listener behind, whatever is thrown', async () => {
    const clock = new FakeClock();
    let waiting = 0;
    const counting = {
      now: () => clock.now(),
      after: (ms: number, callback: () => void) => {
        waiting++;
        const cancel = clock.after(ms, callback);
        return () => {
          waiting--;
          cancel();
        };
      },
    };
    const bus = busOf(
      await openStore(),
      async () => 1,
      {},
      {
        clock: counting,
        middleware: [
          () => {
            throw new Error('at once');
          },
        ],
      },
    );
    expect((await failureOf(bus.execute(new Free('x'), { timeoutMs: 1_000 }))).message).toBe('at once');
    expect(waiting).toBe(0);
  });

  it('waits for every one of two closes', async () => {
    const clock = new FakeClock();
    const work = gate();
    const bus = busOf(await openStore(), () => work.opened, {}, { clock });
    const sent = bus.execute(new Free('x'));
    const drained = Promise.all([bus.drain(1_000), bus.drain(1_000)]);
    work.open();
    await Promise.all([sent, drained]);
  });
});

describe('what is there already', () => {
  it('by events of given ids is remembered with its answer, for an aggregate', async () => {
    class Give extends Command<string> {
      readonly id = '1';
      constructor(readonly text: string) {
        super();
      }
    }
    const given = { type: 'given', data: {}, id: '018f0000-0000-7000-8000-000000000001' };
    const loaded = gate();
    const appended = gate();
    let runs = 0;
    @Aggregate('gift')
    class Gift extends AggregateRoot {
      @CommandHandler(Give) async give({ text }: Give): Promise<string> {
        runs++;
        loaded.open();
        await appended.opened;
        this.apply(given);
        return text;
      }
    }
    const store = await openStore();
    const bus = new CommandBus({ store });
    bus.registerAggregate(Gift, new AggregateRepository(store, Gift));
    const answer = bus.execute(new Give('x'), { commandId: 'a' });
    await loaded.opened;
    // Another writer of the same event at the same place, and so without the record.
    await store.append('gift-1', [given]);
    appended.open();
    expect(await answer).toBe('x');
    expect(await bus.execute(new Give('x'), { commandId: 'a' })).toBe('x');
    expect([runs, await store.head()]).toEqual([1, 1]);
  });

  it("is left alone by the removal of old ids where it is somebody's own", async () => {
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    onTestFinished(() => store.close());
    for (const collection of ['commands', 'allframe:commands'])
      await store.records.write([{ collection, key: 'mine', value: { precious: true } }]);
    const bus = busOf(
      store,
      () => store.append('s', [event(1)]),
      {},
      { keepCommandIdsMs: 1, random: () => 0 },
    );
    await bus.execute(new Free('x'), { commandId: 'old' });
    await clock.advance(Limits.commandRecordSweepMs);
    await bus.execute(new Free('x'), { commandId: 'new' });
    const kept = (): Promise<unknown> => store.records.get('allframe:commands', 'Free:old');
    await expect.poll(kept).toBeNull();
    for (const collection of ['commands', 'allframe:commands'])
      expect(await store.records.get(collection, 'mine')).toEqual({ precious: true });
  });
});
