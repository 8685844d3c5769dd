import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRoot,
  type AllFrameError,
  AllFrameModule,
  DomainEvent,
  DuplicateEventTypeError,
  DuplicateProjectionError,
  EventHandler,
  EventStore,
  InMemoryBackend,
  Projection,
  ProjectionWithoutHandlersError,
  UndecoratedAggregateError,
  UndecoratedEventError,
  UnknownEventTypeError,
  UnknownStoreError,
} from '@allframe/nestjs';
import {
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type Provider,
  Scope,
} from '@nestjs/common';
import { AccountOpened, MoneyDeposited } from './bank.js';
import { Journal, startFailure, started, turn } from './running-app.js';

@Projection('balances')
class Balances {
  @EventHandler(MoneyDeposited) onDeposited(): void {}
}

@Projection('balances')
class Duplicate extends Balances {}

/** Starts an application with these providers, which must fail with an error of this class. */
async function refusal<E extends AllFrameError>(
  kind: abstract new (...args: never[]) => E,
  ...providers: Provider[]
): Promise<E> {
  const backend = new InMemoryBackend();
  const failure = await startFailure({ imports: [AllFrameModule.forRoot(backend)], providers });
  expect(failure).toBeInstanceOf(kind);
  expect((failure as E).code).toBe(failure.name);
  return failure as E;
}

describe('the application does not start with', () => {
  it('two projections of one name, and both classes are named', async () => {
    @Projection('balances', { version: 2 })
    class NewBalances {
      @EventHandler(AccountOpened) onOpened(): void {}
    }
    const failure = await refusal(DuplicateProjectionError, Balances, NewBalances);
    expect(failure).toMatchObject({ projection: 'balances', classNames: ['Balances', 'NewBalances'] });
    expect(failure.message).toMatch(/"balances".*Balances and NewBalances.*Rename one/);
  });

  it('two projections of one name in two stores', async () => {
    @Projection('balances', { store: 'billing' })
    class BillingBalances {
      @EventHandler(MoneyDeposited) onDeposited(): void {}
    }
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forRoot('memory:', { name: 'billing' })],
      providers: [Balances, BillingBalances],
    });
    expect(failure).toBeInstanceOf(DuplicateProjectionError);
  });

  describe('two classes for one event type, and both are named:', () => {
    @DomainEvent('money.deposited')
    class CashDeposited {
      readonly cash = 1;
    }
    @Injectable()
    class Cashier {
      @EventHandler(CashDeposited) onCash(): void {}
    }
    @Aggregate('till')
    class Till extends AggregateRoot {
      @EventHandler(CashDeposited) onCash(): void {}
    }
    const both =
      /"money\.deposited".*(MoneyDeposited and CashDeposited|CashDeposited and MoneyDeposited).*@DomainEvent/;

    it('in two handlers', async () => {
      expect((await refusal(DuplicateEventTypeError, Balances, Cashier)).message).toMatch(both);
    });

    it('in a handler that only the started application shows', async () => {
      const cashier: Provider = { provide: 'CASHIER', useFactory: () => new Cashier() };
      expect((await refusal(DuplicateEventTypeError, cashier, Balances)).message).toMatch(both);
    });

    it.each([
      ['first', true],
      ['last', false],
    ])('in an aggregate and a handler, the aggregate %s', async (_, aggregateFirst) => {
      const [root, feature] = [AllFrameModule.forRoot(), AllFrameModule.forFeature([Till])];
      const imports = aggregateFirst ? [feature, root] : [root, feature];
      const failure = await startFailure({ imports, providers: [Balances] });
      expect(failure).toBeInstanceOf(DuplicateEventTypeError);
      expect(failure.message).toMatch(both);
    });

    it('in the options and a handler', async () => {
      const failure = await startFailure({
        imports: [AllFrameModule.forRoot(undefined, { events: [CashDeposited] })],
        providers: [Balances],
      });
      expect(failure).toBeInstanceOf(DuplicateEventTypeError);
      expect(failure.message).toMatch(both);
    });
  });

  it('a handler for a type that no class declares, and class and method are named', async () => {
    @Injectable()
    class Mailer {
      @EventHandler('acount.opened') onOpened(): void {}
      @EventHandler(AccountOpened) onKnown(): void {}
    }
    const failure = await refusal(UnknownEventTypeError, Mailer);
    expect(failure).toMatchObject({ eventType: 'acount.opened', handler: 'Mailer.onOpened' });
    expect(failure.message).toMatch(
      /^Mailer\.onOpened handles event type "acount\.opened".*`events` to forRoot/,
    );
  });

  it('a projection for a type that no class declares', async () => {
    @Projection('mails')
    class Mails {
      @EventHandler('acount.opened') onOpened(): void {}
    }
    expect((await refusal(UnknownEventTypeError, Mails)).message).toMatch(/^Mails\.onOpened/);
  });

  it('an aggregate for a type that no class declares', async () => {
    @Aggregate('mail')
    class Mail extends AggregateRoot {
      @EventHandler('acount.opened') onOpened(): void {}
    }
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Mail])],
    });
    expect(failure).toBeInstanceOf(UnknownEventTypeError);
    expect(failure.message).toMatch(/^Mail\.onOpened/);
  });

  describe('a handler of a class without @DomainEvent, and all three are named:', () => {
    class Undecorated {}
    class Decorated extends AccountOpened {}
    const remedy =
      /Mailer\.onOpened.*class (Undecorated|Decorated) has no @DomainEvent.*@DomainEvent\('some\.type'\)/;

    it('in a listener', async () => {
      @Injectable()
      class Mailer {
        @EventHandler(Undecorated) onOpened(): void {}
      }
      expect((await refusal(UndecoratedEventError, Mailer)).message).toMatch(remedy);
    });

    it('in a projection, for a subclass of one that has it', async () => {
      @Projection('mails')
      class Mailer {
        @EventHandler(Decorated) onOpened(): void {}
      }
      expect((await refusal(UndecoratedEventError, Mailer)).message).toMatch(remedy);
    });

    it('in an aggregate', async () => {
      @Aggregate('mailer')
      class Mailer extends AggregateRoot {
        @EventHandler(Undecorated) onOpened(): void {}
      }
      const feature = AllFrameModule.forFeature([Mailer]);
      const failure = await startFailure({ imports: [feature, AllFrameModule.forRoot()] });
      expect(failure).toBeInstanceOf(UndecoratedEventError);
      expect(failure.message).toMatch(remedy);
    });

    it('in a listener, where a repository waits for the store', async () => {
      @Injectable()
      class Mailer {
        @EventHandler(Undecorated) onOpened(): void {}
      }
      @Aggregate('plain')
      class Plain extends AggregateRoot {}
      const [root, feature] = [AllFrameModule.forRoot(), AllFrameModule.forFeature([Plain])];
      for (const imports of [
        [root, feature],
        [feature, root],
      ]) {
        expect((await startFailure({ imports, providers: [Mailer] })).message).toMatch(remedy);
      }
    });
  });

  it.each([
    ['shared', Scope.DEFAULT],
    ['request-scoped', Scope.REQUEST],
  ])('a projection without handlers (%s)', async (_, scope) => {
    @Projection('empty')
    @Injectable({ scope })
    class Forgotten {
      onOpened(): void {}
    }
    const failure = await refusal(ProjectionWithoutHandlersError, Forgotten);
    expect(failure).toMatchObject({ projection: 'empty', className: 'Forgotten' });
    expect(failure.message).toMatch(/"empty" \(class Forgotten\).*@EventHandler/);
  });

  it('a feature that is no aggregate', async () => {
    class Account extends AggregateRoot {}
    const failure = await startFailure({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Account])],
    });
    expect(failure).toBeInstanceOf(UndecoratedAggregateError);
    expect(failure.message).toMatch(/Account.*@Aggregate\('name'\)/);
  });

  it('peer trap 3: a forgotten wiring call never drops events silently (forRoot)', async () => {
    @Module({ imports: [AllFrameModule.forFeature([])], providers: [Balances] })
    class ForgetfulModule {}
    const failure = await startFailure({ imports: [ForgetfulModule] });
    expect(failure).toBeInstanceOf(UnknownStoreError);
    expect(failure.message).toMatch(
      /^Balances wants the default store, which no module sets up\. Import AllFrame/,
    );
  });
});

describe('a fault of wiring', () => {
  it('shows before anything is handled', async () => {
    const handled = new Journal<string>();
    @Projection('eager')
    class Eager {
      @EventHandler(MoneyDeposited) on(): void {
        handled.add('eager');
      }
    }
    @Injectable()
    class Mailer implements OnApplicationBootstrap {
      @EventHandler('acount.opened') onOpened(): void {}
      onApplicationBootstrap(): void {
        handled.add('bootstrap');
      }
    }
    const backend = new InMemoryBackend();
    const before = await EventStore.open(backend);
    await before.append('account-1', [new MoneyDeposited(1)]);
    const imports = [AllFrameModule.forRoot(backend)];
    expect(await startFailure({ imports, providers: [Eager, Mailer] })).toBeInstanceOf(UnknownEventTypeError);
    await turn();
    await before.close();
    expect(handled.entries).toEqual([]);
  });

  it('leaves an application that can be closed, and its store with it', async () => {
    const backend = new InMemoryBackend();
    await startFailure({ imports: [AllFrameModule.forRoot(backend)], providers: [Balances, Duplicate] });
    expect(backend.isOpen).toBe(false);
  });
});

describe('a handler by the name of a type', () => {
  @Injectable()
  class Mailer {
    readonly seen = new Journal<object>();
    @EventHandler('account.opened') onOpened(event: AccountOpened): void {
      this.seen.add(event);
    }
  }
  @Injectable()
  class Greeter {
    constructor(@Inject(EventStore) readonly store: EventStore) {}
    @EventHandler(AccountOpened) onOpened(): void {}
  }
  const made: Provider = {
    provide: 'GREETER',
    inject: [EventStore],
    useFactory: (store: EventStore) => new Greeter(store),
  };

  it.each<[string, Provider[]]>([
    ['another handler, later', [Mailer, Greeter]],
    ['another handler, earlier', [Greeter, Mailer]],
    ['a handler that a factory made', [Mailer, made]],
  ])('is welcome when its class is declared by %s', async (_, providers) => {
    const app = await started({ imports: [AllFrameModule.forRoot()], providers });
    await app.get(EventStore).append('account-1', [new AccountOpened('Ada')]);
    const { seen } = app.get(Mailer);
    await seen.reaches(1);
    expect(seen.entries).toEqual([new AccountOpened('Ada')]);
  });

  it('is welcome when its class is given to forRoot', async () => {
    const imports = [AllFrameModule.forRoot(undefined, { events: [AccountOpened] })];
    const app = await started({ imports, providers: [Mailer] });
    await app.get(EventStore).append('account-1', [new AccountOpened('Ada')]);
    await app.get(Mailer).seen.reaches(1);
  });
});
