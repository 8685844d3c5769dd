/**
 * What `@nestjs/cqrs` does with commands and queries as its documentation tells it, asked of both libraries. Where ours
 * differs, it does so on purpose, and both answers stand side by side; docs/migrating-from-nestjs-cqrs.md has the table.
 */
import * as allframe from '@allframe/nestjs';
import * as nestjs from '@nestjs/cqrs';
import {
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type Provider,
  Scope,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failureOf } from './failure.js';

/** The names that both libraries share, as loosely as a test needs them. */
interface Library {
  readonly name: string;
  readonly module: () => NonNullable<ModuleMetadata['imports']>[number];
  readonly CommandBus: Type<{ execute(command: object, more?: never): Promise<unknown> }>;
  readonly QueryBus: Type<{ execute(query: object, more?: never): Promise<unknown> }>;
  readonly Command: Type<object>;
  readonly Query: Type<object>;
  readonly CommandHandler: (command: Type<object>, options?: { readonly scope: Scope }) => ClassDecorator;
  readonly QueryHandler: (query: Type<object>, options?: { readonly scope: Scope }) => ClassDecorator;
}

const ours = {
  ...allframe,
  name: '@allframe/nestjs',
  module: () => allframe.AllFrameModule.forRoot(),
} as unknown as Library;
const theirs = {
  ...nestjs,
  name: '@nestjs/cqrs',
  module: () => nestjs.CqrsModule.forRoot(),
} as unknown as Library;

/** An application that has started. */
async function started(
  library: Library,
  providers: readonly Provider[],
  metadata: ModuleMetadata = {},
): Promise<TestingModule> {
  const { imports = [], ...more } = metadata;
  const app = await Test.createTestingModule({
    ...more,
    imports: [library.module(), ...(library === theirs ? [nestjs.CqrsModule] : []), ...imports],
    providers: [...providers],
  })
    .setLogger(false as never)
    .compile();
  onTestFinished(() => app.close());
  return app.init();
}

/** Calls made with a library: a command class, and the bus of an application that handles it. */
const send = (app: TestingModule, library: Library, command: object): Promise<unknown> =>
  app.get(library.CommandBus).execute(command);
const ask = (app: TestingModule, library: Library, query: object): Promise<unknown> =>
  app.get(library.QueryBus).execute(query);

describe.each([ours, theirs])('the same in $name', (library) => {
  const { Command, Query, CommandHandler, QueryHandler } = library;

  class Greet extends Command {
    constructor(readonly name: string) {
      super();
    }
  }
  class Plain {
    constructor(readonly name: string) {}
  }
  class Find extends Query {
    constructor(readonly name: string) {
      super();
    }
  }

  @Injectable()
  class Words {
    readonly said: string[] = [];
    say(name: string): string {
      this.said.push(name);
      return `Hello ${name}`;
    }
  }
  @CommandHandler(Greet)
  class GreetHandler {
    constructor(@Inject(Words) private readonly words: Words) {}
    async execute({ name }: Greet): Promise<string> {
      return this.words.say(name);
    }
  }
  @CommandHandler(Plain)
  class PlainHandler {
    async execute({ name }: Plain): Promise<string> {
      return name;
    }
  }
  @QueryHandler(Find)
  class FindHandler {
    constructor(@Inject(Words) private readonly words: Words) {}
    async execute(): Promise<readonly string[]> {
      return this.words.said;
    }
  }

  it('handlers are registered by being providers, get what they inject, and answer', async () => {
    const app = await started(library, [Words, GreetHandler, FindHandler, PlainHandler]);
    expect(await send(app, library, new Greet('Ada'))).toBe('Hello Ada');
    expect(await ask(app, library, new Find(''))).toEqual(['Ada']);
    expect(await send(app, library, new Plain('class'))).toBe('class');
  });

  it('handlers of imported modules are registered', async () => {
    @Module({ providers: [Words, GreetHandler] })
    class Greetings {}
    const app = await started(library, [], { imports: [Greetings] });
    expect(await send(app, library, new Greet('Ada'))).toBe('Hello Ada');
  });

  it('handlers may be made by useClass and useFactory', async () => {
    const fromClass = await started(library, [Words, { provide: 'handler', useClass: GreetHandler }]);
    const fromFactory = await started(library, [
      Words,
      { provide: 'handler', inject: [Words], useFactory: (words: Words) => new GreetHandler(words) },
    ]);
    expect(await send(fromClass, library, new Greet('class'))).toBe('Hello class');
    expect(await send(fromFactory, library, new Greet('factory'))).toBe('Hello factory');
  });

  it('what a handler throws reaches the caller as it is', async () => {
    const error = new RangeError('mine');
    @CommandHandler(Plain)
    class Fails {
      async execute(): Promise<never> {
        throw error;
      }
    }
    @QueryHandler(Find)
    class FailsToo {
      async execute(): Promise<never> {
        throw error;
      }
    }
    const app = await started(library, [Fails, FailsToo]);
    expect(await failureOf(send(app, library, new Plain('')))).toBe(error);
    expect(await failureOf(ask(app, library, new Find('')))).toBe(error);
  });

  it('a subclass of a command goes to the handler of its base', async () => {
    class Special extends Greet {}
    const app = await started(library, [Words, GreetHandler]);
    expect(await send(app, library, new Special('Ada'))).toBe('Hello Ada');
  });

  it('a handler may extend one that is decorated', async () => {
    class Louder extends GreetHandler {
      override async execute(command: Greet): Promise<string> {
        return `${await super.execute(command)}!`;
      }
    }
    const app = await started(library, [
      Words,
      { provide: Louder, inject: [Words], useFactory: (words: Words) => new Louder(words) },
    ]);
    expect(await send(app, library, new Greet('Ada'))).toBe('Hello Ada!');
  });

  it('a request-scoped handler is made for each command, by the second argument of the decorator', async () => {
    let made = 0;
    @CommandHandler(Greet, { scope: Scope.REQUEST })
    class Scoped {
      constructor(
        @Inject(Words) private readonly words: Words,
        @Inject(REQUEST) private readonly request: unknown,
      ) {
        made++;
      }
      async execute({ name }: Greet): Promise<[string, boolean]> {
        return [this.words.say(name), this.request !== undefined];
      }
    }
    const app = await started(library, [Words, Scoped]);
    expect(await send(app, library, new Greet('a'))).toEqual(['Hello a', true]);
    expect(await send(app, library, new Greet('b'))).toEqual(['Hello b', true]);
    expect(made).toBe(2);
  });

  it('a handler that depends on something request-scoped is request-scoped as well', async () => {
    let made = 0;
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      readonly number = ++made;
    }
    @QueryHandler(Find)
    class Dependent {
      constructor(@Inject(PerRequest) private readonly request: PerRequest) {}
      async execute(): Promise<number> {
        return this.request.number;
      }
    }
    const app = await started(library, [PerRequest, Dependent]);
    expect([await ask(app, library, new Find('')), await ask(app, library, new Find(''))]).toEqual([1, 2]);
  });

  it('handlers may send commands and ask queries', async () => {
    @CommandHandler(Plain)
    class Nested {
      constructor(
        @Inject(library.CommandBus) private readonly commands: InstanceType<Library['CommandBus']>,
        @Inject(library.QueryBus) private readonly queries: InstanceType<Library['QueryBus']>,
      ) {}
      async execute({ name }: Plain): Promise<unknown> {
        await this.commands.execute(new Greet(name));
        return this.queries.execute(new Find(''));
      }
    }
    const app = await started(library, [Words, GreetHandler, FindHandler, Nested]);
    expect(await send(app, library, new Plain('Ada'))).toEqual(['Ada']);
  });

  it('classes of one name are not mixed up, and applications share nothing', async () => {
    const [first, second] = ['first', 'second'].map((answer) => {
      class Same extends Command {}
      @CommandHandler(Same)
      class SameHandler {
        async execute(): Promise<string> {
          return answer;
        }
      }
      return { Same, SameHandler };
    }) as [{ Same: Type<object>; SameHandler: Type }, { Same: Type<object>; SameHandler: Type }];
    const app = await started(library, [first.SameHandler, second.SameHandler, Words, GreetHandler]);
    expect(await send(app, library, new first.Same())).toBe('first');
    expect(await send(app, library, new second.Same())).toBe('second');
    const other = await started(library, [Words, GreetHandler]);
    await send(app, library, new Greet('Ada'));
    expect(other.get(Words).said).toEqual([]);
  });
});

describe('different on purpose:', () => {
  const withRivals = (library: Library) => {
    class Greet extends library.Command {}
    class First {
      execute = async (): Promise<string> => 'first';
    }
    class Second {
      execute = async (): Promise<string> => 'second';
    }
    library.CommandHandler(Greet)(First);
    library.CommandHandler(Greet)(Second);
    return { Greet, rivals: [First, Second] };
  };

  it('a second handler stops the start here, and replaces the first one there', async () => {
    const here = withRivals(ours);
    const there = withRivals(theirs);
    expect(await failureOf(started(ours, here.rivals))).toMatchObject({ handlers: ['First', 'Second'] });
    expect(await send(await started(theirs, there.rivals), theirs, new there.Greet())).toBe('second');
  });

  it('a command without a handler rejects here and names a forgotten class, and throws there', async () => {
    const here = withRivals(ours);
    const there = withRivals(theirs);
    const [our, their] = [await started(ours, []), await started(theirs, [])];
    expect((await failureOf(send(our, ours, new here.Greet()))).message).toMatch(
      /First and Second.*not part/,
    );
    expect(() => send(their, theirs, new there.Greet())).toThrow(nestjs.CommandHandlerNotFoundException);
  });

  it('handlers work as soon as the application is made here, and after its start there', async () => {
    const compiled = async (library: Library) => {
      class Greet extends library.Command {}
      class Handler {
        execute = async (): Promise<string> => 'hello';
      }
      library.CommandHandler(Greet)(Handler);
      const imports = [library.module(), ...(library === theirs ? [nestjs.CqrsModule] : [])];
      const app = await Test.createTestingModule({ imports, providers: [Handler] }).compile();
      onTestFinished(() => app.close());
      return failureOf(Promise.resolve().then(() => send(app, library, new Greet())));
    };
    expect((await compiled(ours)).message).toBe('It did not fail');
    expect(await compiled(theirs)).toBeInstanceOf(nestjs.CommandHandlerNotFoundException);
  });

  it('a handler given by useValue works here, and stops the start there', async () => {
    const startOf = async (library: Library): Promise<unknown> => {
      class Greet extends library.Command {}
      class Handler {
        execute = async (): Promise<string> => 'hello';
      }
      library.CommandHandler(Greet)(Handler);
      return send(
        await started(library, [{ provide: 'handler', useValue: new Handler() }]),
        library,
        new Greet(),
      );
    };
    expect(await startOf(ours)).toBe('hello');
    expect(await failureOf(startOf(theirs))).toBeInstanceOf(TypeError);
  });

  it('middleware sees every command here, and the bus is an Observable there', async () => {
    const seen: string[] = [];
    class Greet extends nestjs.Command<string> {}
    class Handler {
      execute = async (): Promise<string> => 'hello';
    }
    nestjs.CommandHandler(Greet)(Handler);
    const their = await started(theirs, [Handler]);
    their.get(nestjs.CommandBus).subscribe((command) => seen.push(`there ${command.constructor.name}`));
    await send(their, theirs, new Greet());
    const bus = new allframe.CommandBus({
      middleware: [async (context, next) => (seen.push(`here ${context.messageName}`), next())],
    });
    class Mine extends allframe.Command<string> {}
    class MineHandler {
      @allframe.CommandHandler(Mine) handle(): string {
        return '';
      }
    }
    bus.register(new MineHandler());
    await bus.execute(new Mine());
    expect(seen).toEqual(['there Greet', 'here Mine']);
    expect('subscribe' in bus).toBe(false);
  });

  it('a request-scoped handler is injected with the context of its command here, and with an AsyncContext there', async () => {
    const requestOf = async (library: Library): Promise<unknown> => {
      class Greet extends library.Command {}
      class Handler {
        constructor(readonly request: unknown) {}
        execute = async (): Promise<unknown> => this.request;
      }
      Inject(REQUEST)(Handler, undefined, 0);
      library.CommandHandler(Greet, { scope: Scope.REQUEST })(Handler);
      return send(await started(library, [Handler]), library, new Greet());
    };
    expect(await requestOf(ours)).toMatchObject({ kind: 'command', messageName: 'Greet' });
    expect(await requestOf(theirs)).toBeInstanceOf(nestjs.AsyncContext);
  });
});
