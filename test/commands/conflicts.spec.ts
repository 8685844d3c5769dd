/** Many commands at once for one aggregate. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  Command,
  CommandBus,
  CommandHandler,
  EventStore,
  InMemoryBackend,
  Limits,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { busOf, EmptyPurse, FillPurse, Free, OpenPurse, Purse } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

describe('fifty at once on one aggregate', () => {
  const many = <R>(work: () => Promise<R>): Promise<PromiseSettledResult<R>[]> =>
    Promise.allSettled(Array.from({ length: 50 }, work));

  it('all succeed where they are tried again', async () => {
    const store = await openStore();
    const bus = busOf(store);
    const results = await many(() => bus.execute(new FillPurse('1', 1)));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await store.getEvents('purse-1')).toHaveLength(50);
  });

  it('of an aggregate that is tried once: what fails is a conflict, what succeeds is stored', async () => {
    class Take extends Command<void> {
      readonly id = '1';
    }
    @Aggregate('stock')
    class Stock extends AggregateRoot {
      @CommandHandler(Take, { retry: false }) take(): void {
        this.apply({ type: 'taken', data: {} });
      }
    }
    const store = await openStore();
    const bus = new CommandBus({ store });
    bus.registerAggregate(Stock, new AggregateRepository(store, Stock));
    const results = await many(() => bus.execute(new Take()));
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed) expect(reason).toBeInstanceOf(WrongExpectedVersionError);
    expect(await store.getEvents('stock-1')).toHaveLength(50 - failed.length);
  });

  it('fail with the conflict where they are not, and what succeeds is stored', async () => {
    const store = await openStore();
    @CommandHandler(Free, { retry: false })
    class Once {
      async execute(): Promise<void> {
        await new AggregateRepository(store, Purse).update(
          '1',
          (purse) => purse.fill(new FillPurse('1', 1)),
          { attempts: 1 },
        );
      }
    }
    const bus = new CommandBus({ store });
    bus.register(new Once());
    const results = await many(() => bus.execute(new Free('x')));
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed) expect(reason).toBeInstanceOf(WrongExpectedVersionError);
    expect(await store.getEvents('purse-1')).toHaveLength(50 - failed.length);
  });

  it('are tried again where the handler says so, unless it has appended', async () => {
    const store = await openStore();
    const repository = new AggregateRepository(store, Purse);
    const update = () =>
      repository.update('1', (purse) => purse.fill(new FillPurse('1', 1)), { attempts: 1 });
    const bus = busOf(store, update, { retry: { attempts: 100 } });
    const results = await many(() => bus.execute(new Free('x')));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    let runs = 0;
    const appending = busOf(
      store,
      async () => {
        runs++;
        await store.append('log', [{ type: 'run', data: {} }]);
        await store.append('log', [{ type: 'run', data: {} }], { expectedVersion: 0 });
      },
      { retry: { attempts: 5 } },
    );
    expect(await failureOf(appending.execute(new Free('x')))).toBeInstanceOf(WrongExpectedVersionError);
    expect(runs).toBe(1);
  });

  it('a caller who names the version is not served by another', async () => {
    const store = await openStore();
    const bus = busOf(store);
    await bus.execute(new FillPurse('1', 1));
    await bus.execute(new FillPurse('1', 1), { expectedVersion: 1 });
    const failure = await failureOf(bus.execute(new FillPurse('1', 1), { expectedVersion: 1 }));
    expect(failure).toMatchObject({ code: 'WrongExpectedVersionError', expected: 1, actual: 2 });
  });
});

describe('a command for an aggregate', () => {
  it('that is sent by its own handler fails with the conflict that it makes, and nobody waits for ever', async () => {
    class Outer extends Command<void> {
      readonly id = '1';
    }
    class Inner extends Command<void> {
      readonly id = '1';
    }
    @Aggregate('nest')
    class Nest extends AggregateRoot {
      @CommandHandler(Outer, { retry: { attempts: 2 } }) async outer(): Promise<void> {
        this.apply({ type: 'outer', data: {} });
        await bus.execute(new Inner());
      }
      @CommandHandler(Inner) inner(): void {
        this.apply({ type: 'inner', data: {} });
      }
    }
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    onTestFinished(() => store.close());
    const bus = new CommandBus({ store });
    bus.registerAggregate(Nest, new AggregateRepository(store, Nest));
    const outer = failureOf(bus.execute(new Outer()));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(Limits.updateTurnMs);
    expect(await outer).toBeInstanceOf(WrongExpectedVersionError);
    expect((await store.getEvents('nest-1')).map(({ type }) => type)).toEqual(['inner']);
  });

  it('that nobody waits for any more when its turn comes is not run', async () => {
    const store = await openStore();
    const bus = busOf(store);
    const gone = new AbortController();
    const first = bus.execute(new FillPurse('1', 1));
    const second = failureOf(bus.execute(new FillPurse('1', 1), { signal: gone.signal }));
    gone.abort(new Error('gone'));
    expect(await second).toMatchObject({ message: 'gone' });
    await first;
    await bus.execute(new FillPurse('1', 1));
    expect(await store.getEvents('purse-1')).toHaveLength(2);
  });
});

describe('a handler that has met a conflict', () => {
  it('is not run again for a caller who has gone meanwhile, and appends nothing any more', async () => {
    const clock = new FakeClock();
    const store = await EventStore.open(new InMemoryBackend(), { clock });
    onTestFinished(() => store.close());
    let runs = 0;
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    let late: Promise<unknown> | undefined;
    const event = { type: 'run', data: {} };
    const bus = busOf(
      store,
      async () => {
        runs++;
        late = failureOf(held.then(() => store.append('s', [event])));
        await store.append('s', [event], { expectedVersion: 7 });
      },
      { retry: { attempts: 3, delayMs: 50 } },
      { random: () => 0.5 },
    );
    const gone = new AbortController();
    const failed = failureOf(bus.execute(new Free('x'), { signal: gone.signal }));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    gone.abort(new Error('gone'));
    expect(await failed).toMatchObject({ message: 'gone' });
    await clock.advance(1_000);
    await bus.drain(0);
    expect([runs, clock.pending]).toEqual([1, 0]);
    goOn();
    expect(await late).toMatchObject({ code: 'AttemptAbandonedError' });
    expect(await store.head()).toBe(0);
  });
});

describe('what a caller expects', () => {
  it('does not undo what the handler needs', async () => {
    const store = await openStore();
    const bus = busOf(store);
    await bus.execute(new OpenPurse('1', 'Ada'));
    for (const expectedVersion of [1, 'any', 'streamExists'] as const) {
      const again = await failureOf(bus.execute(new OpenPurse('1', 'Mallory'), { expectedVersion }));
      expect(again).toMatchObject({ code: 'WrongExpectedVersionError', expected: 'noStream' });
    }
    for (const expectedVersion of [0, 'any', 'noStream'] as const) {
      const ghost = await failureOf(bus.execute(new EmptyPurse('2'), { expectedVersion }));
      expect(ghost).toMatchObject({ code: 'AggregateNotFoundError' });
    }
    expect(await store.head()).toBe(1);
  });

  it('is refused by a handler that appends by itself, where nothing would hold it', async () => {
    const bus = busOf(await openStore());
    const failure = await failureOf(bus.execute(new Free('x'), { expectedVersion: 7 }));
    expect(failure).toMatchObject({ code: 'InvalidArgumentError', argument: 'options.expectedVersion' });
  });
});
