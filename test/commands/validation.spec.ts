/** Commands and queries against schemas of the libraries that speak Standard Schema. */
import {
  Command,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  CommandValidationError,
  type ICommandHandler,
  Query,
  QueryBus,
  QueryHandler,
} from '@allframe/nestjs';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf } from './failure.js';

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
