/** A bus outside of Nest: dispatch, middleware, time and metadata. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  Command,
  CommandBus,
  CommandHandler,
  ContextKey,
  type MessageMiddleware,
  withEventMetadata,
} from '@allframe/nestjs';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { busOf, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

describe('middleware', () => {
  it('stands around the handler in its order, with what earlier ones have set', async () => {
    const USER = new ContextKey<string>('user');
    const seen: string[] = [];
    const named =
      (name: string): MessageMiddleware =>
      async (context, next) => {
        seen.push(`${name} in, ${context.kind} ${context.messageName} for ${context.get(USER) ?? 'nobody'}`);
        context.set(USER, name);
        const answer = await next();
        seen.push(`${name} out`);
        return answer;
      };
    const store = await openStore();
    const bus = busOf(
      store,
      async (_command, context) => {
        seen.push(`handler for ${context.get(USER)}`);
      },
      {},
      { middleware: [named('outer'), named('inner')] },
    );
    await bus.execute(new Free('x'));
    expect(seen).toEqual([
      'outer in, command Free for nobody',
      'inner in, command Free for outer',
      'handler for inner',
      'inner out',
      'outer out',
    ]);
  });

  it('may refuse, answer by itself, and handle what fails', async () => {
    const store = await openStore();
    const fails = async (): Promise<never> => Promise.reject(new Error('broken'));
    const bus = busOf(
      store,
      fails,
      {},
      {
        middleware: [
          async (context, next) => {
            const { text } = context.message as Free;
            if (text === 'answer') return 42;
            return next().catch((error: Error) => `caught ${error.message}`);
          },
          async (context, next) => {
            if ((context.message as Free).text === 'refuse') throw new Error('refused');
            return next();
          },
        ],
      },
    );
    expect(await bus.execute(new Free('answer'))).toBe(42);
    expect(await bus.execute(new Free('refuse'))).toBe('caught refused');
    expect(await bus.execute(new Free('x'))).toBe('caught broken');
  });
});

describe('time', () => {
  it('ends the waiting, and tells the handler', async () => {
    const store = await openStore();
    const clock = new FakeClock();
    let told: unknown;
    const bus = busOf(
      store,
      (_command, { signal }) =>
        new Promise(() => signal.addEventListener('abort', () => (told = signal.reason))),
      {},
      { clock },
    );
    const failure = failureOf(bus.execute(new Free('x'), { timeoutMs: 100 }));
    await clock.advance(100);
    expect(await failure).toMatchObject({ code: 'ExecutionTimeoutError', kind: 'timeout', timeoutMs: 100 });
    expect(told).toBe(await failure);
  });

  it('follows the signal of the caller', async () => {
    const store = await openStore();
    const bus = busOf(store, () => new Promise(() => undefined));
    const abort = new AbortController();
    const reason = new Error('gone');
    const failure = failureOf(bus.execute(new Free('x'), { signal: abort.signal }));
    abort.abort(reason);
    expect(await failure).toBe(reason);
    expect(await failureOf(bus.execute(new Free('x'), { signal: abort.signal }))).toBe(reason);
  });

  it('tells a shared handler only when the last of its callers has gone', async () => {
    const store = await openStore();
    let signal: AbortSignal | undefined;
    let finish = (): void => undefined;
    const bus = busOf(store, async (_command, context) => {
      ({ signal } = context);
      await new Promise<void>((resolve) => (finish = resolve));
      return 'done';
    });
    const first = new AbortController();
    const gone = failureOf(bus.execute(new Free('x'), { commandId: 'a', signal: first.signal }));
    const second = bus.execute(new Free('x'), { commandId: 'a', signal: new AbortController().signal });
    await expect.poll(() => signal).toBeDefined();
    first.abort(new Error('gone'));
    expect((await gone).message).toBe('gone');
    expect(signal?.aborted).toBe(false);
    finish();
    expect(await second).toBe('done');
  });
});

describe('metadata', () => {
  it('flows from the command to its events, and to commands that these cause', async () => {
    const store = await openStore();
    const bus = busOf(store, async (_command, { id }) => {
      await store.append('s', [{ type: 'happened', data: {} }]);
      return id;
    });
    await bus.execute(new Free('x'), { commandId: 'c1', metadata: { user: 'ada' } });
    const none = { correlationId: undefined } as never;
    const id = await withEventMetadata({ correlationId: 'request' }, () =>
      bus.execute(new Free('y'), { metadata: none }),
    );
    const [first, second] = await store.getEvents('s');
    expect(first?.metadata).toEqual({ correlationId: 'c1', causationId: 'c1', user: 'ada' });
    expect(second?.metadata).toEqual({ correlationId: 'request', causationId: id });
    const nested = new Promise<unknown>((resolve) => {
      const subscription = store.subscribe(async (cause) => {
        const inner = await bus.execute(new Free('z'), { commandId: `after-${cause.id}` });
        await subscription.unsubscribe();
        resolve([cause, inner]);
      });
      void subscription.ready.then(() =>
        withEventMetadata({ correlationId: 'flow' }, () => store.append('t', [{ type: 'began', data: {} }])),
      );
    });
    const [cause] = (await nested) as [{ readonly id: string }];
    expect((await store.getEvents('s'))[2]?.metadata).toEqual({
      correlationId: 'flow',
      causationId: `after-${cause.id}`,
    });
  });
});

describe('dispatch', () => {
  it('names a second handler, a missing one, and one that is decorated but not registered', async () => {
    const store = await openStore();
    const bus = busOf(store);
    class Unknown extends Command<void> {}
    class Forgotten extends Command<void> {}
    @CommandHandler(Forgotten)
    class ForgottenHandler {
      async execute(): Promise<void> {}
    }
    class Second {
      @CommandHandler(Free) handle(): void {}
    }
    expect(() => bus.register(new Second())).toThrow(/Free is handled by FreeHandler and by Second\.handle/);
    expect((await failureOf(bus.execute(new Unknown()))).message).toMatch(
      /Unknown.*@CommandHandler\(Unknown\)/,
    );
    expect(await failureOf(bus.execute(new Forgotten()))).toMatchObject({
      code: 'HandlerNotFoundError',
      decorated: ['ForgottenHandler'],
    });
    expect(new ForgottenHandler()).toBeDefined();
    expect((await failureOf(bus.execute({ text: 'x' }))).message).toMatch(/instance of one/);
    for (const wrong of [null, undefined, 'text'])
      expect(await failureOf(bus.execute(wrong as never))).toMatchObject({ code: 'InvalidArgumentError' });
  });

  it('takes a subclass to the handler of its base, and hands errors on as they are', async () => {
    class Special extends Free {}
    const error = new RangeError('mine');
    const bus = busOf(await openStore(), async ({ text }) =>
      text === 'fail' ? Promise.reject(error) : text,
    );
    expect(await bus.execute(new Special('x'))).toBe('x');
    expect(await failureOf(bus.execute(new Special('fail')))).toBe(error);
  });

  it('refuses options that would hold nothing', async () => {
    const store = await openStore();
    expect(() => busOf(store, undefined, { expectedVersion: 'streamExists' })).toThrow(
      /expectedVersion of FreeHandler/,
    );
    class Cut extends Command<void> {
      readonly id = '1';
    }
    @Aggregate('tree')
    class Tree extends AggregateRoot {
      @CommandHandler(Cut, { severalAppends: true }) cut(): void {
        this.apply({ type: 'cut', data: {} });
      }
    }
    const bus = new CommandBus({ store });
    expect(() => bus.registerAggregate(Tree, new AggregateRepository(store, Tree))).toThrow(
      /severalAppends of Tree.cut/,
    );
  });

  it('refuses options that cannot be, before any middleware sees them', async () => {
    let calls = 0;
    const counting: MessageMiddleware = (_context, next) => (calls++, next());
    const bus = busOf(await openStore(), undefined, {}, { middleware: [counting] });
    for (const options of [
      { commandId: '' },
      { commandId: 7 },
      { timeoutMs: -1 },
      { signal: {} },
      { expectedVersion: -1 },
      { commandId: 'x'.repeat(300) },
      7,
    ])
      expect((await failureOf(bus.execute(new Free('x'), options as never))).name).toMatch(
        /InvalidArgumentError|LimitExceededError/,
      );
    expect(calls).toBe(0);
    expect((await failureOf(new CommandBus().execute(new Free('x')))).name).toBe('HandlerNotFoundError');
  });
});
