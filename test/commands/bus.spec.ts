/** A bus outside of Nest: dispatch, validation, middleware, time, retries and metadata. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  Command,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  CommandValidationError,
  ContextKey,
  EventStore,
  type ICommandHandler,
  InMemoryBackend,
  type MessageMiddleware,
  Query,
  QueryBus,
  QueryHandler,
  withEventMetadata,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { busOf, FillPurse, Free, Purse } from './bank.js';

async function openStore(): Promise<EventStore> {
  const store = await EventStore.open(new InMemoryBackend());
  onTestFinished(() => store.close());
  return store;
}

const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('It did not fail'),
    (error: Error) => error,
  );

class Order extends Command<unknown> {
  constructor(
    readonly product: string,
    readonly lines: readonly { readonly amount: unknown }[] = [],
  ) {
    super();
  }

  describe(): string {
    return `order of ${this.product}`;
  }
}

function orders(options: CommandHandlerOptions<Order>, work: ICommandHandler<Order>['execute']): CommandBus {
  @CommandHandler(Order, options)
  class Orders implements ICommandHandler<Order> {
    execute = work;
  }
  const bus = new CommandBus();
  bus.register(new Orders());
  return bus;
}

const lines = [{ amount: 1 }, { amount: 'many' }];

describe('validation', () => {
  it.each([
    ['zod', z.object({ product: z.string().min(1), lines: z.array(z.object({ amount: z.number() })) })],
    [
      'valibot',
      v.object({
        product: v.pipe(v.string(), v.minLength(1)),
        lines: v.array(v.object({ amount: v.number() })),
      }),
    ],
    ['arktype', type({ product: 'string > 0', lines: type({ amount: 'number' }).array() })],
  ])('by %s tells each issue with its path', async (_name, schema) => {
    const bus = orders({ schema }, async (order) => order.describe());
    expect(await bus.execute(new Order('tea', [{ amount: 1 }]))).toBe('order of tea');
    const error = (await failureOf(bus.execute(new Order('', lines)))) as CommandValidationError;
    expect(error).toBeInstanceOf(CommandValidationError);
    expect(error).toMatchObject({ command: 'Order', kind: 'validation' });
    expect(error.issues.map(({ path }) => path).toSorted()).toEqual(['lines[1].amount', 'product']);
    for (const { message } of error.issues) expect(message).not.toBe('');
  });

  it('hands on what the schema gives, with the class of the command', async () => {
    const schema = z.object({ product: z.string().trim(), lines: z.array(z.unknown()) });
    const bus = orders({ schema }, async (order) => [order instanceof Order, order.describe()]);
    expect(await bus.execute(new Order('  tea '))).toEqual([true, 'order of tea']);
  });

  it('may be asynchronous, and stand on the class of the command', async () => {
    class Checked extends Command<string> {
      static readonly schema = z.object({ name: z.string().refine(async (name) => name !== 'bad') });
      constructor(readonly name: string) {
        super();
      }
    }
    @CommandHandler(Checked)
    class Handler {
      execute = async ({ name }: Checked): Promise<string> => name;
    }
    const bus = new CommandBus();
    bus.register(new Handler());
    expect(await bus.execute(new Checked('good'))).toBe('good');
    expect((await failureOf(bus.execute(new Checked('bad')))).name).toBe('CommandValidationError');
  });

  it('is refused at registration by something that is no schema, with the name of the handler', () => {
    expect(() => orders({ schema: { parse: () => 1 } as never }, async () => 1)).toThrow(
      /schema of Orders.*Standard Schema/,
    );
  });

  it('guards queries as well', async () => {
    class Find extends Query<number> {
      constructor(readonly text: string) {
        super();
      }
    }
    class Finder {
      @QueryHandler(Find, { schema: z.object({ text: z.string().min(1) }) }) find({ text }: Find): number {
        return text.length;
      }
    }
    const bus = new QueryBus();
    bus.register(new Finder());
    expect(await bus.execute(new Find('abc'))).toBe(3);
    expect((await failureOf(bus.execute(new Find('')))).name).toBe('QueryValidationError');
  });
});

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
    clock.advance(100);
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

describe('metadata', () => {
  it('flows from the command to its events, and to commands that these cause', async () => {
    const store = await openStore();
    const bus = busOf(store, async (_command, { id }) => {
      await store.append('s', [{ type: 'happened', data: {} }]);
      return id;
    });
    await bus.execute(new Free('x'), { commandId: 'c1', metadata: { user: 'ada' } });
    const id = await withEventMetadata({ correlationId: 'request' }, () => bus.execute(new Free('y')));
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

  it('refuses options that cannot be', async () => {
    const bus = busOf(await openStore());
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
    expect((await failureOf(new CommandBus().execute(new Free('x')))).name).toBe('HandlerNotFoundError');
    expect(
      (await failureOf(orders({}, async () => 1).execute(new Order('x'), { commandId: 'a' }))).message,
    ).toMatch(/no store/);
  });
});
