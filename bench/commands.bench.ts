/** What a command costs on its way: beside `@nestjs/cqrs`, and each part of the way by itself. */
import { strict as assert } from 'node:assert';
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  Command,
  CommandBus,
  CommandHandler,
  type CommandHandlerOptions,
  type CommandOptions,
  AllFrameModule,
  EventStore,
  InMemoryBackend,
  type MessageMiddleware,
  Query,
  QueryBus,
  QueryHandler,
} from '@allframe/nestjs';
import { type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as cqrs from '@nestjs/cqrs';
import { z } from 'zod';
import { type Effort, scaled } from './harness/effort.js';
import { differenceOf, figureOf, interleave } from './harness/interleave.js';
import type { Row, Scenario } from './harness/row.js';
import { timeWhole } from './harness/stopwatch.js';

const CALLS = 100_000;
const US_PER_SECOND = 1_000_000;
/** The least share of the other bus's rate. */
const RATE_TO_CQRS = 1 / 3;

const SCHEMA = z.object({ accountId: z.string().min(1), amount: z.number().positive(), note: z.string() });

class Deposit extends Command<void> {
  constructor(
    readonly accountId: string,
    readonly amount: number,
    readonly note: string,
  ) {
    super();
  }
}

class BalanceOf extends Query<number> {}

const passOn: MessageMiddleware = (_context, next) => next();

@Aggregate('account')
class Account extends AggregateRoot {
  @CommandHandler(Deposit, { id: ({ accountId }) => accountId }) deposit({ amount }: Deposit): void {
    this.apply({ type: 'deposited', data: { amount } });
  }
}

export const commands: Scenario = {
  name: 'commands',
  run: async (effort) => [
    ...(await busRows(effort)),
    ...(await partRows(effort)),
    ...(await decidedRows(effort)),
  ],
};

/** The empty handler and the empty query of both libraries, each in a Nest application. */
async function busRows(effort: Effort): Promise<readonly Row[]> {
  const ours = await ourApplication();
  const theirs = await theirApplication();
  const commandBus = ours.app.get(CommandBus);
  const queryBus = ours.app.get(QueryBus);
  const theirCommandBus = theirs.app.get(cqrs.CommandBus);
  const theirQueryBus = theirs.app.get(cqrs.QueryBus);
  const calls = scaled(CALLS, effort);
  const measured = await interleave(
    {
      command: () => perCall(calls, (i) => commandBus.execute(new Deposit('a1', i, ''))),
      theirCommand: () => perCall(calls, (i) => theirCommandBus.execute(new theirs.Deposit('a1', i, ''))),
      query: () => perCall(calls, () => queryBus.execute(new BalanceOf())),
      theirQuery: () => perCall(calls, () => theirQueryBus.execute(new theirs.BalanceOf())),
    },
    effort,
  );
  await ours.app.close();
  await theirs.app.close();
  const row = (what: string, us: readonly number[], theirUs: readonly number[]): Row => {
    const baseline = figureOf(theirUs.map(rate));
    return {
      what: `commands: ${what}`,
      unit: 'calls/s',
      ours: figureOf(us.map(rate)),
      baseline: { name: '@nestjs/cqrs', figure: baseline },
      target: { atLeast: baseline.median * RATE_TO_CQRS },
    };
  };
  return [
    row('execute of an empty command handler', measured.command.us, measured.theirCommand.us),
    row('execute of an empty query handler', measured.query.us, measured.theirQuery.us),
  ];
}

/** What each part adds to an empty handler. */
async function partRows(effort: Effort): Promise<readonly Row[]> {
  const store = await EventStore.open(new InMemoryBackend());
  const bare = busWith(store, {}, []);
  const passing = busWith(store, {}, [passOn]);
  const validating = busWith(store, { schema: SCHEMA }, []);
  const calls = scaled(CALLS, effort);
  let id = 0;
  const measured = await interleave(
    {
      bare: () => perCall(calls, (i) => bare.execute(new Deposit('a1', i + 1, ''))),
      middleware: () => perCall(calls, (i) => passing.execute(new Deposit('a1', i + 1, ''))),
      schema: () => perCall(calls, (i) => validating.execute(new Deposit('a1', i + 1, ''))),
      zod: () => perCall(calls, async (i) => SCHEMA.safeParse(new Deposit('a1', i + 1, ''))),
      id: () =>
        perCall(calls, (i) => bare.execute(new Deposit('a1', i + 1, ''), { commandId: `command-${id++}` })),
    },
    effort,
  );
  await store.close();
  const row = (what: string, us: readonly number[]): Row => ({
    what: `commands: cost of ${what}`,
    unit: 'µs',
    ours: differenceOf(us, measured.bare.us),
  });
  return [
    row('one middleware that passes on', measured.middleware.us),
    {
      ...row('validation by a zod schema of three members', measured.schema.us),
      baseline: { name: 'its safeParse alone', figure: figureOf(measured.zod.us) },
    },
    row('a command id, for a handler that appends nothing', measured.id.us),
  ];
}

/** Commands that an aggregate decides on, with one event each, in memory. */
async function decidedRows(effort: Effort): Promise<readonly Row[]> {
  const calls = scaled(CALLS / 10, effort);
  const store = await EventStore.open(new InMemoryBackend());
  const accounts = new AggregateRepository(store, Account);
  const bus = new CommandBus({ store });
  bus.registerAggregate(Account, accounts);
  let next = 0;
  // A new one each time, so that none has a longer history to load than another.
  const account = (): string => `a${next++}`;
  const deposit = (options?: CommandOptions) => bus.execute(new Deposit(account(), 1, ''), options);
  const measured = await interleave(
    {
      update: () =>
        perCall(calls, () => accounts.update(account(), (one) => one.deposit(new Deposit('', 1, '')))),
      bus: () => perCall(calls, () => deposit()),
      id: () => perCall(calls, () => deposit({ commandId: `command-${next}` })),
    },
    effort,
  );
  const again = await interleave(
    {
      repeat: () =>
        perCall(calls, (i) =>
          bus.execute(new Deposit('repeated', 1, ''), { commandId: `repeat-${i % 100}` }),
        ),
    },
    effort,
  );
  assert.equal((await store.getEvents('account-repeated')).length, Math.min(100, calls));
  await store.close();
  return [
    {
      what: 'commands: cost of the bus, for a decision of one event in memory',
      unit: 'µs',
      ours: differenceOf(measured.bus.us, measured.update.us),
      baseline: { name: 'AggregateRepository.update', figure: figureOf(measured.update.us) },
    },
    {
      what: 'commands: cost of a command id, for the same decision',
      unit: 'µs',
      ours: differenceOf(measured.id.us, measured.bus.us),
    },
    {
      what: 'commands: a command id again, answered from its record',
      unit: 'µs',
      ours: figureOf(again.repeat.us),
    },
  ];
}

function busWith(
  store: EventStore,
  options: CommandHandlerOptions<Deposit>,
  middleware: readonly MessageMiddleware[],
): CommandBus {
  @CommandHandler(Deposit, options)
  class Handler {
    async execute(_command: Deposit): Promise<void> {}
  }
  const bus = new CommandBus({ store, middleware });
  bus.register(new Handler());
  return bus;
}

async function ourApplication(): Promise<{ app: INestApplicationContext }> {
  @CommandHandler(Deposit)
  class DepositHandler {
    async execute(_command: Deposit): Promise<void> {}
  }
  @QueryHandler(BalanceOf)
  class BalanceOfHandler {
    async execute(_query: BalanceOf): Promise<number> {
      return 1;
    }
  }
  const app = await applicationOf([AllFrameModule.forRoot()], [DepositHandler, BalanceOfHandler]);
  return { app };
}

async function theirApplication() {
  class Deposit extends cqrs.Command<void> {
    constructor(
      readonly accountId: string,
      readonly amount: number,
      readonly note: string,
    ) {
      super();
    }
  }
  class BalanceOf extends cqrs.Query<number> {}
  @cqrs.CommandHandler(Deposit)
  class DepositHandler {
    async execute(_command: Deposit): Promise<void> {}
  }
  @cqrs.QueryHandler(BalanceOf)
  class BalanceOfHandler {
    async execute(_query: BalanceOf): Promise<number> {
      return 1;
    }
  }
  const app = await applicationOf([cqrs.CqrsModule.forRoot()], [DepositHandler, BalanceOfHandler]);
  return { app, Deposit, BalanceOf };
}

async function applicationOf(
  imports: NonNullable<Parameters<typeof Module>[0]['imports']>,
  providers: readonly Type[],
): Promise<INestApplicationContext> {
  @Module({ imports, providers: [...providers] })
  class Application {}
  return NestFactory.createApplicationContext(Application, { logger: false });
}

async function perCall(calls: number, call: (i: number) => Promise<unknown>): Promise<{ us: number }> {
  const us = await timeWhole(async () => {
    for (let i = 0; i < calls; i++) await call(i);
  });
  return { us: us / calls };
}

function rate(us: number): number {
  return US_PER_SECOND / us;
}
