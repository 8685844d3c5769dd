/** What handlers leave behind when they end: timers, loops, parts of a `Promise.all`. */
import {
  Command,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  type CommandOptions,
  type EventStore,
  type MessageMiddleware,
} from '@allframe/nestjs';
import { describe, expect, it } from 'vitest';
import { busOf, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

const event = (n: number) => ({ type: 'done', data: { n } });

class Tick extends Command<void> {
  constructor(readonly n: number) {
    super();
  }
}

const asksForMetadata: MessageMiddleware = (context, next) => {
  expect(context.metadata.correlationId).toBeTypeOf('string');
  return next();
};

/** A handler that sends the next command when it has ended, `count` times. @returns the bus, when the last has ended */
async function chain(
  store: EventStore,
  count: number,
  work: (n: number) => Promise<unknown>,
  options: CommandHandlerOptions<Tick> = {},
  optionsOf: (n: number) => CommandOptions = () => ({}),
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    @CommandHandler(Tick, options)
    class Ticking {
      async execute({ n }: Tick): Promise<void> {
        await work(n);
        if (n === count) resolve();
        else setImmediate(() => void bus.execute(new Tick(n + 1), optionsOf(n + 1)).catch(reject));
      }
    }
    const bus = new CommandBus({ store, middleware: [asksForMetadata] });
    bus.register(new Ticking());
    bus.execute(new Tick(1), optionsOf(1)).catch(reject);
  });
}

describe('a command that is sent by what the one before has left behind', () => {
  // Deeper than any stack, and slow if each looked through all before it.
  const COUNT = 20_000;

  it('carries the first one on in its events, and nothing else', async () => {
    const store = await openStore();
    await chain(store, COUNT, async (n) => n === COUNT && store.append('s', [event(n)]));
    expect(await store.head()).toBe(1);
  });

  it.each([
    ['retries', { retry: { attempts: 3 } }, () => ({})],
    ['ids', {}, (n: number) => ({ commandId: `${n}` })],
  ] as const)(
    'knows only those that are still at work, with %s',
    async (_name, options, optionsOf) => {
      const store = await openStore();
      await chain(store, COUNT, (n) => store.append(`s-${n}`, [event(n)]), options, optionsOf);
      expect(await store.head()).toBe(COUNT);
    },
    60_000,
  );

  it('knows only those that are still at work, also where it begins before the one before has ended', async () => {
    const store = await openStore();
    await new Promise<void>((resolve, reject) => {
      @CommandHandler(Tick, { retry: { attempts: 3 } })
      class Overlapping {
        async execute({ n }: Tick): Promise<void> {
          // Now that it is at work the one before may end.
          tellBegun();
          if (n === 5 * COUNT) return void store.append('s', [event(n)]).then(() => resolve(), reject);
          const begun = new Promise<void>((resolveBegun) => (tellBegun = resolveBegun));
          setImmediate(() => void bus.execute(new Tick(n + 1)).catch(reject));
          await begun;
        }
      }
      let tellBegun: () => void = () => undefined;
      const bus = new CommandBus({ store });
      bus.register(new Overlapping());
      bus.execute(new Tick(1)).catch(reject);
    });
    expect(await store.head()).toBe(1);
  });

  it('may be the same again: its handler does not wait for it any more', async () => {
    const store = await openStore();
    let later: Promise<unknown> | undefined;
    const bus: CommandBus = busOf(store, async () => {
      later ??= new Promise((resolve) => setImmediate(resolve)).then(() =>
        bus.execute(new Free('x'), { commandId: 'a' }),
      );
      await store.append('s', [event(1)]);
      return 'first';
    });
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toBe('first');
    expect(await later).toBe('first');
  });
});

describe('an append that comes after its handler has failed', () => {
  it('is refused where the command may be sent again by its id', async () => {
    const store = await openStore();
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    let late: Promise<unknown> | undefined;
    let runs = 0;
    const bus = busOf(store, async () => {
      const run = ++runs;
      if (run === 1) {
        late = failureOf(held.then(() => store.append('s', [event(run)])));
        throw new RangeError('flaky');
      }
      await store.append('s', [event(run)]);
    });
    expect(await failureOf(bus.execute(new Free('x'), { commandId: 'a' }))).toBeInstanceOf(RangeError);
    await bus.execute(new Free('x'), { commandId: 'a' });
    goOn();
    expect(await late).toMatchObject({ code: 'AttemptAbandonedError', streamId: 's' });
    expect((await store.getEvents('s')).map(({ data }) => data)).toEqual([{ n: 2 }]);
  });
});

describe('a run whose caller has gone', () => {
  it('gives its answer to who sends the command again', async () => {
    let goOn: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    let runs = 0;
    const bus = busOf(await openStore(), async () => {
      runs++;
      await waiting;
      return runs;
    });
    const gone = new AbortController();
    const failed = failureOf(bus.execute(new Free('x'), { commandId: 'a', signal: gone.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    gone.abort(new Error('gone'));
    expect(await failed).toMatchObject({ message: 'gone' });
    const again = bus.execute(new Free('x'), { commandId: 'a' });
    goOn();
    expect(await again).toBe(1);
    expect(runs).toBe(1);
  });
});

describe('closing', () => {
  it('waits for a handler whose caller has gone', async () => {
    const store = await openStore();
    let goOn: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    const bus = busOf(store, async () => {
      await waiting;
      await store.append('s', [event(1)]);
    });
    const gone = new AbortController();
    const failed = failureOf(bus.execute(new Free('x'), { signal: gone.signal }));
    gone.abort(new Error('gone'));
    expect(await failed).toMatchObject({ message: 'gone' });
    let hasDrained = false;
    const drained = bus.drain(60_000).then(() => (hasDrained = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasDrained).toBe(false);
    goOn();
    await drained;
    expect(await store.head()).toBe(1);
  });
});
