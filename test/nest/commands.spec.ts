/** Commands and queries in a Nest application: found, injected, scoped, guarded, and waited for at the end. */
import {
  Aggregate,
  AggregateRoot,
  AllFrameModule,
  type AppendResult,
  Command,
  CommandBus,
  type CommandContext,
  CommandHandler,
  ContextKey,
  type Decider,
  EventHandler,
  EventStore,
  type ICommandHandler,
  type IQueryHandler,
  type MessageContext,
  type MessageMiddlewareClass,
  Projection,
  Query,
  QueryBus,
  QueryHandler,
} from '@allframe/nestjs';
import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { AccountOpened, MoneyDeposited } from './bank.js';
import { compiled, started, startFailure } from './running-app.js';

class Greet extends Command<string> {
  constructor(readonly name: string) {
    super();
  }
}

class Count extends Query<number> {}

@Injectable()
class Greetings {
  said = 0;
  greet(name: string): string {
    this.said++;
    return `Hello ${name}`;
  }
}

@CommandHandler(Greet)
class GreetHandler implements ICommandHandler<Greet> {
  constructor(@Inject(Greetings) private readonly greetings: Greetings) {}
  async execute({ name }: Greet): Promise<string> {
    return this.greetings.greet(name);
  }
}

@QueryHandler(Count)
class CountHandler implements IQueryHandler<Count> {
  constructor(@Inject(Greetings) private readonly greetings: Greetings) {}
  async execute(): Promise<number> {
    return this.greetings.said;
  }
}

const greeting = { imports: [AllFrameModule.forRoot()], providers: [Greetings, GreetHandler, CountHandler] };

class OpenAccount extends Command<AppendResult | null> {
  constructor(
    readonly accountId: string,
    readonly owner: string,
  ) {
    super();
  }
}

@Aggregate('account')
class Account extends AggregateRoot {
  owner = '';
  @CommandHandler(OpenAccount) open({ owner }: OpenAccount): void {
    this.apply(new AccountOpened(owner));
  }
  @EventHandler(AccountOpened) onOpened({ owner }: AccountOpened): void {
    this.owner = owner;
  }
}

class Toggle extends Command<AppendResult | null> {
  constructor(readonly lightId: string) {
    super();
  }
}

type Toggled = { readonly type: 'toggled'; readonly data: { readonly on: boolean } };
const light: Decider<{ readonly on: boolean }, Toggle, Toggled> = {
  initialState: () => ({ on: false }),
  decide: (_command, { on }) => ({ type: 'toggled', data: { on: !on } }),
  evolve: (_state, { data }) => data,
};

describe('handlers', () => {
  it('are found among the providers and get what they inject', async () => {
    const app = await started(greeting);
    expect(await app.get(CommandBus).execute(new Greet('Ada'))).toBe('Hello Ada');
    expect(await app.get(QueryBus).execute(new Count())).toBe(1);
  });

  it('are there once the application is made, before it has started', async () => {
    const app = await compiled(greeting);
    expect(await app.get(CommandBus).execute(new Greet('Ada'))).toBe('Hello Ada');
  });

  it('may be methods of an aggregate, of a decider, of a projection and of any provider', async () => {
    class OwnersOf extends Query<readonly string[]> {}
    @Projection('owners', { state: 'memory' })
    class Owners {
      readonly #owners: string[] = [];
      @EventHandler(AccountOpened) on({ owner }: AccountOpened): void {
        this.#owners.push(owner);
      }
      @QueryHandler(OwnersOf) all(): readonly string[] {
        return this.#owners;
      }
    }
    const app = await started({
      imports: [
        AllFrameModule.forRoot(),
        AllFrameModule.forFeature([Account, { name: 'light', decider: light, commands: [Toggle] }]),
      ],
      providers: [Owners],
    });
    const bus = app.get(CommandBus);
    expect(await bus.execute(new OpenAccount('1', 'Ada'))).toMatchObject({
      streamId: 'account-1',
      version: 1,
    });
    await bus.execute(new Toggle('1'));
    expect(await bus.execute(new Toggle('1'), { commandId: 'a' })).toMatchObject({
      streamId: 'light-1',
      version: 2,
    });
    expect(await bus.execute(new Toggle('1'), { commandId: 'a' })).toMatchObject({
      version: 2,
      idempotent: true,
    });
    expect((await app.get(EventStore).getEvents('light-1')).map(({ data }) => data)).toEqual([
      { on: true },
      { on: false },
    ]);
    await vi.waitFor(async () => expect(await app.get(QueryBus).execute(new OwnersOf())).toEqual(['Ada']));
  });

  it('are made anew for each command where they are request-scoped, and injected with it', async () => {
    let made = 0;
    @CommandHandler(Greet, { scope: Scope.REQUEST })
    class Scoped {
      constructor(
        @Inject(Greetings) private readonly greetings: Greetings,
        @Inject(REQUEST) private readonly context: CommandContext,
      ) {
        made++;
      }
      async execute({ name }: Greet): Promise<string> {
        return this.greetings.greet(`${name} of ${this.context.messageName}`);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Greetings, Scoped] });
    expect(made).toBe(0);
    const names = await Promise.all(['a', 'b'].map((name) => app.get(CommandBus).execute(new Greet(name))));
    expect(names).toEqual(['Hello a of Greet', 'Hello b of Greet']);
    expect(made).toBe(2);
  });

  it('run once where their module is imported through a diamond, and share nothing with another application', async () => {
    @Module({ providers: [Greetings, GreetHandler], exports: [Greetings] })
    class Base {}
    @Module({ imports: [Base] })
    class Left {}
    @Module({ imports: [Base] })
    class Right {}
    const root = {
      imports: [
        AllFrameModule.forRoot(),
        Left,
        Right,
        Base,
        AllFrameModule.forFeature([Account]),
        AllFrameModule.forFeature([Account]),
      ],
    };
    const [one, other] = [await started(root), await started(root)];
    await one.get(CommandBus).execute(new Greet('Ada'));
    expect(one.get(Greetings).said).toBe(1);
    expect(other.get(Greetings).said).toBe(0);
    expect(await one.get(CommandBus).execute(new OpenAccount('1', 'Ada'))).toMatchObject({ version: 1 });
  });

  it('of two classes of one name do not collide, unless an id is kept by the name', async () => {
    const handlers = ['first', 'second'].map((answer) => {
      class Same extends Command<string> {}
      @CommandHandler(Same)
      class SameHandler {
        async execute(): Promise<string> {
          return answer;
        }
      }
      return { Same, SameHandler };
    });
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: handlers.map(({ SameHandler }) => SameHandler),
    });
    const bus = app.get(CommandBus);
    expect(await Promise.all(handlers.map(({ Same }) => bus.execute(new Same())))).toEqual([
      'first',
      'second',
    ]);
    await expect(bus.execute(new handlers[0]!.Same(), { commandId: 'a' })).rejects.toMatchObject({
      code: 'AmbiguousCommandNameError',
    });
  });
});

describe('the start stops', () => {
  it('at a second handler for one command, with both names', async () => {
    @CommandHandler(Greet)
    class Rival {
      async execute(): Promise<string> {
        return '';
      }
    }
    const error = await startFailure({ ...greeting, providers: [...greeting.providers, Rival] });
    expect(error).toMatchObject({ code: 'DuplicateHandlerError', handlers: ['GreetHandler', 'Rival'] });
  });

  it('at its first fault, which every command is told as well', async () => {
    @CommandHandler(Greet)
    class Rival {
      async execute(): Promise<string> {
        return '';
      }
    }
    const app = await compiled({ ...greeting, providers: [...greeting.providers, Rival] });
    for (let i = 0; i < 2; i++) {
      const failure = app.get(CommandBus).execute(new Greet('Ada'));
      await expect(failure).rejects.toMatchObject({ handlers: ['GreetHandler', 'Rival'] });
    }
  });

  it('at a schema that is none, and at a class without execute', async () => {
    @CommandHandler(Greet, { schema: { type: 'object' } as never })
    class BadSchema {
      async execute(): Promise<string> {
        return '';
      }
    }
    expect(
      (await startFailure({ imports: [AllFrameModule.forRoot()], providers: [BadSchema] })).message,
    ).toMatch(/BadSchema.*Standard Schema/);
    class NoMethod {}
    CommandHandler(Greet)(NoMethod as never);
    expect(
      (await startFailure({ imports: [AllFrameModule.forRoot()], providers: [NoMethod] })).message,
    ).toMatch(/NoMethod.*execute/);
  });

  it('not at a handler that is forgotten, but the command names it', async () => {
    const app = await started({ imports: [AllFrameModule.forRoot()] });
    await expect(app.get(CommandBus).execute(new OpenAccount('1', 'Ada'))).rejects.toThrow(
      /Account\.open would handle it.*forFeature/,
    );
  });
});

describe("Nest's enhancers of a handler class", () => {
  it('work: guards, pipes and interceptors see the command', async () => {
    const seen: string[] = [];
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const [command] = context.getArgs<[Guarded, MessageContext]>();
        seen.push(
          `guard of ${context.getClass().name}.${context.getHandler().name} for a ${context.getType()}`,
        );
        return command.name !== 'Mallory';
      }
    }
    class Trim implements PipeTransform {
      transform(
        value: unknown,
        { metatype, type }: { readonly metatype?: unknown; readonly type: unknown },
      ): unknown {
        if (type === 'custom') return value;
        seen.push(`pipe for ${(metatype as { readonly name: string }).name}`);
        return new Guarded((value as Guarded).name.trim());
      }
    }
    class Loud implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler<string>): Observable<string> {
        return next.handle().pipe(map((answer) => answer.toUpperCase()));
      }
    }
    class Guarded extends Command<string> {
      constructor(readonly name: string) {
        super();
      }
    }
    @UseGuards(Guard)
    @UsePipes(new Trim())
    @UseInterceptors(Loud)
    @CommandHandler(Guarded)
    class GuardedHandler {
      async execute({ name }: Guarded, context: CommandContext): Promise<string> {
        return `${name} by ${context.messageName}`;
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [GuardedHandler] });
    const bus = app.get(CommandBus);
    expect(await bus.execute(new Guarded('  ada '))).toBe('ADA BY GUARDED');
    expect(seen).toEqual(['guard of GuardedHandler.execute for a command', 'pipe for Guarded']);
    await expect(bus.execute(new Guarded('Mallory'))).rejects.toThrow(/Forbidden/);
  });
});

describe('middleware', () => {
  const TENANT = new ContextKey<string>('tenant');

  it('is a function or a provider, and stands around commands and queries', async () => {
    const seen: string[] = [];
    @Injectable()
    class Tenancy implements MessageMiddlewareClass {
      constructor(@Inject(Greetings) private readonly greetings: Greetings) {}
      async use(context: MessageContext, next: () => Promise<unknown>): Promise<unknown> {
        context.set(TENANT, this.greetings.greet('north'));
        return next();
      }
    }
    const app = await started({
      imports: [
        AllFrameModule.forRoot(undefined, {
          middleware: [
            Tenancy,
            async (context, next) => {
              seen.push(`${context.kind} of ${context.get(TENANT)}`);
              return next();
            },
          ],
        }),
      ],
      providers: [...greeting.providers, Tenancy],
    });
    await app.get(CommandBus).execute(new Greet('Ada'));
    await app.get(QueryBus).execute(new Count());
    expect(seen).toEqual(['command of Hello north', 'query of Hello north']);
  });
});

describe('closing', () => {
  it('waits for commands on their way, which still append', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    class Slow extends Command<number> {}
    @CommandHandler(Slow)
    class SlowHandler {
      constructor(@Inject(EventStore) private readonly store: EventStore) {}
      async execute(): Promise<number> {
        await gate;
        return (await this.store.append('s', [new MoneyDeposited(1)])).version;
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [SlowHandler] });
    const answer = app.get(CommandBus).execute(new Slow());
    const closed = app.close();
    go();
    expect(await answer).toBe(1);
    await closed;
  });
});
