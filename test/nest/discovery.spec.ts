import { describe, expect, it, vi } from 'vitest';
import {
  AllFrameModule,
  DomainEvent,
  EventHandler,
  EventStore,
  EventStoreBackend,
  InMemoryBackend,
  Projection,
  ProjectionRegistry,
} from '@allframe/nestjs';
import { Controller, Inject, Injectable, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { Account, AccountOpened, MoneyDeposited, ReceiptSent } from './bank.js';
import { compiled, Journal, RecordingLogger, started, turn } from './running-app.js';

/** Who handled which amount. */
const journals = new WeakMap<EventStoreBackend, Journal<string>>();

/** Writes down what it handles, in the journal of its application. */
@Injectable()
class Clerk {
  readonly name: string = 'clerk';
  constructor(@Inject(EventStoreBackend) readonly backend: EventStoreBackend) {}

  @EventHandler(MoneyDeposited)
  onDeposited(event: MoneyDeposited): void {
    journals.get(this.backend)?.add(`${this.name} ${event.amount}`);
  }
}

interface Ran {
  readonly app: TestingModule;
  readonly handled: readonly string[];
  readonly warnings: readonly string[];
}

/** Starts an application, appends two deposits, and says who handled them and what was warned of. */
async function run(metadata: ModuleMetadata): Promise<Ran> {
  const backend = new InMemoryBackend();
  const logger = new RecordingLogger();
  const journal = new Journal<string>();
  journals.set(backend, journal);
  const app = await started({
    ...metadata,
    imports: [...(metadata.imports ?? []), AllFrameModule.forRoot(backend, { logger })],
  });
  await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
  await turn();
  await app.get(EventStore).append('account-1', [new MoneyDeposited(2)]);
  await journal.reaches(1);
  await turn();
  await app.close();
  expect(logger.errors).toEqual([]);
  return { app, handled: [...journal.entries].sort(), warnings: logger.warnings };
}

const twice = (name = 'clerk'): string[] => [`${name} 1`, `${name} 2`];
const madeClerk = (): Provider => ({
  provide: 'MADE',
  inject: [EventStoreBackend],
  useFactory: (backend: EventStoreBackend) => new Clerk(backend),
});

describe('handlers are found in', () => {
  it.each<[string, Provider[]]>([
    ['a class', [Clerk]],
    ['useClass', [{ provide: 'CLERK', useClass: Clerk }]],
    ['useClass for another class', [{ provide: Account, useClass: Clerk }]],
    ['a factory', [madeClerk()]],
    [
      'an asynchronous factory',
      [
        {
          provide: 'CLERK',
          inject: [EventStoreBackend],
          useFactory: async (backend: EventStoreBackend) => (await turn(), new Clerk(backend)),
        },
      ],
    ],
    ['a factory under a symbol', [{ ...madeClerk(), provide: Symbol('clerk') } as Provider]],
  ])('%s', async (_, providers) => {
    expect(await run({ providers })).toMatchObject({ handled: twice(), warnings: [] });
  });

  it('a value', async () => {
    const handled = new Journal<number>();
    class Listener {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        handled.add(event.amount);
      }
    }
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [
        { provide: 'NOW', useValue: new Listener() },
        { provide: 'NOTHING', useValue: null },
        { provide: 'FUNCTION', useValue: () => undefined },
        { provide: 'CLASS', useValue: Listener },
      ],
    });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await handled.reaches(1);
    await app.close();
    expect(handled.entries).toEqual([1]);
  });

  it('a controller', async () => {
    @Controller('clerk')
    class ClerkController extends Clerk {
      override readonly name = 'controller';
    }
    expect((await run({ controllers: [ClerkController] })).handled).toEqual(twice('controller'));
  });

  it('a module class', async () => {
    @Module({})
    class ClerkModule {
      readonly handled = new Journal<number>();
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        this.handled.add(event.amount);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot(), ClerkModule] });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await app.get(ClerkModule).handled.reaches(1);
  });

  it('what a test puts in the place of a provider', async () => {
    const handled = new Journal<string>();
    class Fake {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        handled.add(`fake ${event.amount}`);
      }
    }
    const app = await compiled({ imports: [AllFrameModule.forRoot()], providers: [Clerk] }, (builder) =>
      builder.overrideProvider(Clerk).useClass(Fake),
    );
    await app.init();
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await handled.reaches(1);
    expect(handled.entries).toEqual(['fake 1']);
  });

  it.each([
    ['a factory', { provide: Clerk, useFactory: () => null }],
    ['a value', { provide: Clerk, useValue: undefined }],
  ])('nothing of %s that gives nothing', async (_, nothing) => {
    @Module({ providers: [nothing] })
    class SwitchedOffModule {}
    expect(await run({ imports: [SwitchedOffModule], providers: [madeClerk()] })).toMatchObject({
      handled: twice(),
      warnings: [],
    });
  });

  it('nothing of a provider that a test puts a plain mock in the place of', async () => {
    const mock = { onDeposited: vi.fn<() => void>() };
    const app = await compiled({ imports: [AllFrameModule.forRoot()], providers: [Clerk] }, (builder) =>
      builder.overrideProvider(Clerk).useValue(mock),
    );
    await app.init();
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await turn();
    await app.close();
    expect(mock.onDeposited).not.toHaveBeenCalled();
  });

  it('no value that is strange to look at', async () => {
    const { handled } = await run({
      providers: [
        // A description of a class is no instance of it.
        { provide: 'DESCRIPTION', useValue: { constructor: Clerk } },
        Clerk,
        { provide: 'HOUSE', useValue: { constructor: 'Bob the Builder' } },
        { provide: 'BARE', useValue: Object.create(null) as object },
        { provide: 'NUMBER', useValue: 7 },
      ],
    });
    expect(handled).toEqual(twice());
  });
});

describe('handlers that were found', () => {
  it('run once where aliases point at their class', async () => {
    const { handled, warnings } = await run({
      providers: [{ provide: 'FIRST', useExisting: Clerk }, Clerk, { provide: 'ALIAS', useExisting: Clerk }],
    });
    expect(handled).toEqual(twice());
    expect(warnings).toEqual([]);
  });

  it('run once, without a warning, where a factory hands the same instance out again', async () => {
    const { handled, warnings } = await run({
      providers: [Clerk, { provide: 'AGAIN', inject: [Clerk], useFactory: (clerk: Clerk) => clerk }],
    });
    expect(handled).toEqual(twice());
    expect(warnings).toEqual([]);
  });

  it('run once where a class is provided twice in one module, and it is warned of', async () => {
    const { handled, warnings } = await run({ providers: [Clerk, { provide: 'SECOND', useClass: Clerk }] });
    expect(handled).toEqual(twice());
    expect(warnings).toEqual([expect.stringMatching(/^Clerk is provided .*only the first instance handles/)]);
  });

  it('run once where two modules provide the class, and both modules are named', async () => {
    @Module({ providers: [Clerk] })
    class LoansModule {}
    @Module({ providers: [Clerk] })
    class SavingsModule {}
    const { handled, warnings } = await run({ imports: [LoansModule, SavingsModule] });
    expect(handled).toEqual(twice());
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Clerk is provided by module LoansModule and again by SavingsModule;.*Provide it in one module and export it/,
      ),
    ]);
  });

  it('of a projection that two modules provide run once, and are warned of', async () => {
    const handled = new Journal<number>();
    @Projection('deposits')
    class Deposits {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        handled.add(event.amount);
      }
    }
    @Module({ providers: [Deposits] })
    class LoansModule {}
    @Module({ providers: [Deposits] })
    class SavingsModule {}
    const logger = new RecordingLogger();
    const app = await started({
      imports: [LoansModule, SavingsModule, AllFrameModule.forRoot(undefined, { logger })],
    });
    const { position } = await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await app.get(ProjectionRegistry).waitFor('deposits', position);
    await app.close();
    expect(handled.entries).toEqual([1]);
    expect(logger.warnings).toEqual([expect.stringMatching(/^Deposits .*LoansModule .*SavingsModule;/)]);
  });

  it('are those of the instance in use, which keeps its own state', async () => {
    @Injectable()
    class Counter {
      count = 0;
      readonly #seen = new Journal<number>();
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        this.count += event.amount;
        this.#seen.add(event.amount);
      }
      reaches = (count: number): Promise<void> => this.#seen.reaches(count);
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Counter] });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(2), new MoneyDeposited(3)]);
    await app.get(Counter).reaches(2);
    expect(app.get(Counter).count).toBe(5);
  });
});

describe('inheritance', () => {
  it('a subclass has the handlers of its bases, overridden or not, and its own', async () => {
    const seen = new Journal<string>();
    abstract class Base {
      @EventHandler(MoneyDeposited) onDeposited(): void {
        seen.add('base deposited');
      }
      @EventHandler(AccountOpened) onOpened(): void {
        seen.add('base opened');
      }
    }
    @Injectable()
    class Sub extends Base {
      override onOpened(): void {
        seen.add('sub opened');
      }
      @EventHandler(ReceiptSent) onSent(): void {
        seen.add('sub sent');
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Sub] });
    await app
      .get(EventStore)
      .append('account-1', [new MoneyDeposited(1), new AccountOpened('Ada'), new ReceiptSent(1)]);
    await seen.reaches(3);
    await app.close();
    expect(seen.entries).toEqual(['base deposited', 'sub opened', 'sub sent']);
  });

  it('a handler that is overridden and marked again runs once', async () => {
    @Injectable()
    class Junior extends Clerk {
      override readonly name = 'junior';
      @EventHandler(MoneyDeposited) override onDeposited(event: MoneyDeposited): void {
        super.onDeposited(event);
      }
    }
    expect((await run({ providers: [Junior] })).handled).toEqual(twice('junior'));
  });

  it('base and subclass are two handlers when both are provided', async () => {
    @Injectable()
    class Junior extends Clerk {
      override readonly name = 'junior';
    }
    const { handled, warnings } = await run({ providers: [Clerk, Junior] });
    expect(handled).toEqual([...twice(), ...twice('junior')]);
    expect(warnings).toEqual([]);
  });

  it('one method may be marked for two events', async () => {
    const seen = new Journal<object>();
    @Injectable()
    class Both {
      @EventHandler(MoneyDeposited)
      @EventHandler(ReceiptSent)
      on(event: MoneyDeposited | ReceiptSent): void {
        seen.add(event);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Both] });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new ReceiptSent(2)]);
    await seen.reaches(2);
    expect(seen.entries).toEqual([new MoneyDeposited(1), new ReceiptSent(2)]);
  });
});

describe('an aggregate listed as a provider', () => {
  it('is no handler, and neither is a subclass of one', async () => {
    @Injectable()
    class SpecialAccount extends Account {}
    const { app, handled } = await run({ providers: [Clerk, Account, SpecialAccount] });
    expect(handled).toEqual(twice());
    expect([app.get(Account).balance, app.get(SpecialAccount).balance]).toEqual([0, 0]);
  });
});

describe('event classes are known with compile() alone', () => {
  it('where a handler is made by a factory under its class', async () => {
    @DomainEvent('made.known')
    class MadeKnown {}
    @Injectable()
    class Made {
      @EventHandler(MadeKnown) on(): void {}
    }
    const app = await compiled({
      imports: [AllFrameModule.forRoot()],
      providers: [{ provide: Made, useFactory: () => new Made() }],
    });
    expect(app.get(EventStore).knowsEventType('made.known')).toBe(true);
  });
});
