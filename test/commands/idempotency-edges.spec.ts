/** Command ids at their edges: half done handlers, unknown outcomes, nested commands, expiry. */
import {
  AppendOutcomeUnknownError,
  type AppendResult,
  Command,
  type Commit,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  EventStore,
  InMemoryBackend,
  Limits,
} from '@allframe/nestjs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { busOf, FillPurse, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

const event = (n: number) => ({ type: 'done', data: { n } });

/** A backend that takes its time. */
class SlowBackend extends InMemoryBackend {
  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    await setImmediate();
    return super.append(commit);
  }
}

/** How often `work` runs, and what comes of sending one command twice. */
async function twice(
  store: EventStore,
  work: (run: number) => Promise<unknown>,
  options: CommandHandlerOptions<Free> = {},
): Promise<readonly [runs: number, first: unknown, second: unknown]> {
  let runs = 0;
  const bus = busOf(store, () => work(++runs), options);
  const sent = (): Promise<unknown> =>
    bus.execute(new Free('x'), { commandId: 'a' }).catch((error: Error) => error.name);
  const first = await sent();
  const second = await sent();
  return [runs, first, second];
}

describe('a handler that appends', () => {
  it('may append several times where it says so, and tells all of it when it fails', async () => {
    const store = await openStore();
    const bus = busOf(
      store,
      async ({ text }) => {
        await store.append('s', [event(1), event(2)]);
        await Promise.all([store.append('t', [event(3)]), store.append('u', [event(4)])]);
        if (text === 'fail') throw new RangeError('half done');
        return 'done';
      },
      { severalAppends: true },
    );
    expect(await bus.execute(new Free('x'), { commandId: 'good' })).toBe('done');
    expect(await bus.execute(new Free('x'), { commandId: 'good' })).toBe('done');
    expect(await store.head()).toBe(4);
    expect(await failureOf(bus.execute(new Free('fail'), { commandId: 'bad' }))).toBeInstanceOf(RangeError);
    const lost = await failureOf(bus.execute(new Free('fail'), { commandId: 'bad' }));
    expect(lost).toMatchObject({
      code: 'CommandResultLostError',
      commandId: 'bad',
      appends: [
        { streamId: 's', events: 2 },
        { streamId: 't', events: 1 },
        { streamId: 'u', events: 1 },
      ],
    });
    expect(await store.head()).toBe(8);
  });

  it('is not run again after it has failed with its events stored; before that it is', async () => {
    // Time stands still: what is known to be lost is not waited for.
    const store = await EventStore.open(new InMemoryBackend(), { clock: new FakeClock() });
    onTestFinished(() => store.close());
    const failsAfter = await twice(store, async () => {
      await store.append('s', [event(1)]);
      throw new RangeError('late');
    });
    expect(failsAfter).toEqual([1, 'RangeError', 'CommandResultLostError']);
    const other = await openStore();
    const failsBefore = await twice(other, async (run) => {
      if (run === 1) throw new RangeError('early');
      await other.append('s', [event(1)]);
      return run;
    });
    expect(failsBefore).toEqual([2, 'RangeError', 2]);
  });

  it('that appends nothing is run again, but not while it runs', async () => {
    const store = await openStore();
    expect(await twice(store, async (run) => run)).toEqual([2, 1, 2]);
    let runs = 0;
    const bus = busOf(store, async () => ++runs);
    const same = () => bus.execute(new Free('y'), { commandId: 'b' });
    expect(await Promise.all([same(), same(), same()])).toEqual([1, 1, 1]);
  });

  it('refuses other contents, also while the first is at work', async () => {
    const store = await openStore();
    const bus = busOf(store, async () => store.append('s', [event(1)]));
    const first = bus.execute(new Free('x'), { commandId: 'a' });
    expect((await failureOf(bus.execute(new Free('y'), { commandId: 'a' }))).name).toBe(
      'IdempotencyConflictError',
    );
    await first;
    expect((await failureOf(bus.execute(new Free('y'), { commandId: 'a' }))).name).toBe(
      'IdempotencyConflictError',
    );
  });

  it('gives everybody a copy of the answer, which has to be JSON', async () => {
    const store = await openStore();
    const bus = busOf(store, async () => ({ list: [1] }));
    const [one, other] = (await Promise.all([
      bus.execute(new Free('x'), { commandId: 'a' }),
      bus.execute(new Free('x'), { commandId: 'a' }),
    ])) as [{ list: number[] }, { list: number[] }];
    one.list.push(2);
    expect(other.list).toEqual([1]);
    expect(
      (await failureOf(busOf(store, async () => new Map()).execute(new Free('x'), { commandId: 'b' })))
        .message,
    ).toMatch(/answer of FreeHandler/);
    expect((await failureOf(busOf(store).execute(new Free(1n as never), { commandId: 'c' }))).name).toBe(
      'UnserialisableDataError',
    );
  });

  it('takes what it does not wait for along, and lets go of what comes later', async () => {
    const store = await openStore(new SlowBackend());
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let later: Promise<AppendResult> | undefined;
    const outcome = await twice(store, async () => {
      void store.append('s', [event(1)]);
      later = gate.then(() => store.append('later', [event(2)]));
      return 'answer';
    });
    expect(outcome).toEqual([1, 'answer', 'answer']);
    expect(await store.getEvents('s')).toHaveLength(1);
    go();
    expect(await later).toMatchObject({ streamId: 'later', version: 1 });
  });

  it('may not append to another store than the one its ids are kept in', async () => {
    const [store, other] = [await openStore(), await openStore()];
    expect(await twice(store, () => other.append('s', [event(1)]))).toEqual([
      2,
      'SecondAppendError',
      'SecondAppendError',
    ]);
    expect(await other.head()).toBe(0);
  });
});

describe('a subclass of a command', () => {
  it('has ids of its own, also where the handler is that of its base', async () => {
    class Special extends Free {}
    const store = await openStore();
    let runs = 0;
    const bus = busOf(store, async () => {
      await store.append('s', [event(++runs)]);
      return runs;
    });
    for (let i = 0; i < 2; i++) {
      expect(await bus.execute(new Free('x'), { commandId: 'a' })).toBe(1);
      expect(await bus.execute(new Special('x'), { commandId: 'a' })).toBe(2);
    }
  });
});

describe('nested commands', () => {
  class Outer extends Command<unknown> {
    constructor(readonly innerId: string | undefined) {
      super();
    }
  }

  let runs = 0;
  const nested = (store: EventStore): CommandBus => {
    const bus = busOf(store, async () => store.append('s', [event(1)]));
    class OuterHandler {
      @CommandHandler(Outer) async handle({ innerId }: Outer): Promise<string> {
        runs++;
        await bus.execute(new Free('x'), innerId === undefined ? {} : { commandId: innerId });
        return 'outer';
      }
    }
    bus.register(new OuterHandler());
    return bus;
  };

  it('belong to the outer one, with an id of their own as well', async () => {
    for (const innerId of [undefined, 'inner']) {
      const store = await openStore();
      const bus = nested(store);
      runs = 0;
      for (let i = 0; i < 2; i++)
        expect(await bus.execute(new Outer(innerId), { commandId: 'o' })).toBe('outer');
      expect([await store.head(), runs]).toEqual([1, 1]);
    }
  });

  it('may not be the same command again, which would wait for itself', async () => {
    const store = await openStore();
    const bus: CommandBus = busOf(store, () => bus.execute(new Free('x'), { commandId: 'a' }));
    expect((await failureOf(bus.execute(new Free('x'), { commandId: 'a' }))).message).toMatch(
      /wait for itself/,
    );
  });
});

/** A backend that says of some appends that it does not know whether they happened. */
class UnsureBackend extends InMemoryBackend {
  next: 'written' | 'not written' | undefined;

  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    const { next } = this;
    if (next === undefined || commit.streams.length === 0) return super.append(commit);
    this.next = undefined;
    if (next === 'written') await super.append(commit);
    throw new AppendOutcomeUnknownError(commit.streams.flatMap(({ events }) => events.map(({ id }) => id)));
  }
}

describe('an append of unknown outcome', () => {
  it.each(['written', 'not written'] as const)(
    '(%s) of an aggregate is settled by the id',
    async (outcome) => {
      const backend = new UnsureBackend();
      const store = await openStore(backend);
      const bus = busOf(store);
      backend.next = outcome;
      const first = bus.execute(new FillPurse('1', 5), { commandId: 'a' });
      // What was written is found at once; what was not is for the caller to send again.
      if (outcome === 'written') expect(await first).toMatchObject({ version: 1 });
      else expect(await failureOf(first)).toBeInstanceOf(AppendOutcomeUnknownError);
      expect(await bus.execute(new FillPurse('1', 5), { commandId: 'a' })).toMatchObject({ version: 1 });
      expect(await store.getEvents('purse-1')).toHaveLength(1);
    },
  );

  it.each([
    ['written', 1, 'CommandResultLostError'],
    ['not written', 2, 'answer'],
  ] as const)('(%s) of a handler never runs it twice for what is there', async (outcome, runs, second) => {
    const backend = new UnsureBackend();
    const clock = new FakeClock();
    const store = await EventStore.open(backend, { clock });
    onTestFinished(() => store.close());
    backend.next = outcome;
    let ran = 0;
    const bus = busOf(store, async () => {
      ran++;
      await store.append('s', [event(1)]);
      return 'answer';
    });
    const sent = (): Promise<unknown> =>
      bus.execute(new Free('x'), { commandId: 'a' }).catch((error: Error) => error.name);
    expect(await sent()).toBe('AppendOutcomeUnknownError');
    // Nobody is at work on it any more, but the record cannot tell before its time.
    await clock.advance(Limits.commandAnswerWaitMs);
    expect([await sent(), ran]).toEqual([second, runs]);
    expect(await store.getEvents('s')).toHaveLength(1);
  });
});

describe('a command id in time', () => {
  it('is waited for while another process is at work, and then given up', async () => {
    const backend = new InMemoryBackend();
    const clock = new FakeClock();
    const open = async (): Promise<EventStore> => {
      const store = await EventStore.open(backend, { clock });
      onTestFinished(() => store.close());
      return store;
    };
    const [one, other] = [await open(), await open()];
    let finish = (): void => undefined;
    let appended = (): void => undefined;
    const hasAppended = new Promise<void>((resolve) => (appended = resolve));
    const slow = busOf(one, async () => {
      await one.append('s', [event(1)]);
      appended();
      await new Promise<void>((resolve) => (finish = resolve));
      return 'slow';
    });
    const first = slow.execute(new Free('x'), { commandId: 'a' });
    await hasAppended;
    const bus = busOf(other, async () => other.append('s', [event(2)]));
    const impatient = failureOf(bus.execute(new Free('x'), { commandId: 'a' }));
    for (let ms = 0; ms < Limits.commandAnswerWaitMs; ms += Limits.commandAnswerDelayMaxMs)
      await clock.advance(Limits.commandAnswerDelayMaxMs);
    expect(await impatient).toMatchObject({ code: 'CommandResultLostError' });
    finish();
    expect(await first).toBe('slow');
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toBe('slow');
    expect(await one.getEvents('s')).toHaveLength(1);
  });

  it('is kept as long as is said, then free again, and removed', async () => {
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    onTestFinished(() => store.close());
    let runs = 0;
    const work = async (): Promise<number> => {
      runs++;
      await store.append('s', [event(1)]);
      return runs;
    };
    const bus = busOf(store, work, {}, { keepCommandIdsMs: 1_000, random: () => 0 });
    const sent = (commandId: string): Promise<unknown> => bus.execute(new Free('x'), { commandId });
    const kept = async (): Promise<readonly string[]> => {
      const keys: string[] = [];
      for await (const { key } of store.records.list('allframe:commands')) keys.push(key);
      return keys;
    };
    expect(await sent('a')).toBe(1);
    await clock.advance(999);
    expect(await sent('a')).toBe(1);
    await clock.advance(1);
    expect(await sent('a')).toBe(2);
    expect(await kept()).toEqual(['Free:a']);
    await clock.advance(Limits.commandRecordSweepMs);
    await sent('b');
    await expect.poll(kept).toEqual(['Free:b']);
  });
});
