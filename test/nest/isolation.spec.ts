import { describe, expect, it } from 'vitest';
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  AllFrameModule,
  DomainEvent,
  EventHandler,
  EventStore,
  getAggregateRepositoryToken,
  InjectAggregateRepository,
  InMemoryBackend,
  Projection,
  ProjectionRegistry,
  StoreClosedError,
} from '@allframe/nestjs';
import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { Account, Accounts, MoneyDeposited, ReceiptSent } from './bank.js';
import { Journal, RecordingLogger, started, turn } from './running-app.js';

@Injectable()
class Listener {
  readonly seen = new Journal<number>();
  @EventHandler(MoneyDeposited) on({ amount }: MoneyDeposited): void {
    this.seen.add(amount);
  }
}

@Projection('deposits')
class Deposits extends Listener {}

@Module({
  imports: [AllFrameModule.forFeature([Account])],
  providers: [Accounts, Listener, Deposits],
  exports: [Accounts],
})
class BankModule {}

describe('peer trap 4: two apps in one process share nothing', () => {
  it('neither events, nor handlers, nor projections, nor names', async () => {
    const [one, two] = await Promise.all([
      started({ imports: [AllFrameModule.forRoot(), BankModule] }),
      started({ imports: [AllFrameModule.forRoot(), BankModule] }),
    ]);
    await one.get(Accounts, { strict: false }).deposit('1', 1);
    await two.get(Accounts, { strict: false }).deposit('1', 20);
    await two.get(Accounts, { strict: false }).deposit('1', 21);
    await one.get(ProjectionRegistry).waitFor('deposits', 1);
    await two.get(ProjectionRegistry).waitFor('deposits', 2);
    await Promise.all([one.get(Listener).seen.reaches(1), two.get(Listener).seen.reaches(2)]);
    for (const type of [Listener, Deposits]) {
      expect(one.get(type).seen.entries).toEqual([1]);
      expect(two.get(type).seen.entries).toEqual([20, 21]);
    }
    expect(one.get(ProjectionRegistry)).not.toBe(two.get(ProjectionRegistry));
    expect(await one.get(Accounts).balanceOf('1')).toBe(1);
  });

  it('nor their end: closing one leaves the other running', async () => {
    const imports = [AllFrameModule.forRoot(), BankModule];
    const [one, two] = await Promise.all([started({ imports }), started({ imports })]);
    await one.close();
    await expect(one.get(Accounts, { strict: false }).deposit('1', 1)).rejects.toThrow(StoreClosedError);
    const result = await two.get(Accounts, { strict: false }).deposit('1', 2);
    await two.get(ProjectionRegistry).waitFor('deposits', result?.position ?? 0);
    expect(two.get(Deposits).seen.entries).toEqual([2]);
  });

  it('nor the classes that each gives an event type', async () => {
    const classFor = () => {
      @DomainEvent('note.taken')
      class NoteTaken {
        constructor(readonly text: string) {}
      }
      return NoteTaken;
    };
    const classes = [classFor(), classFor()];
    const apps = await Promise.all(
      [...classes.map((type) => [type]), []].map((events) =>
        started({ imports: [AllFrameModule.forRoot(undefined, { events })] }),
      ),
    );
    const prototypes = apps.map(async (app) => {
      const store = app.get(EventStore);
      await store.append('note-1', [{ type: 'note.taken', data: { text: 'hello' } }]);
      return Object.getPrototypeOf((await store.getEvents('note-1'))[0]?.data) as object;
    });
    expect(await Promise.all(prototypes)).toEqual([
      classes[0]?.prototype,
      classes[1]?.prototype,
      Object.prototype,
    ]);
    expect(await prototypes[0]).toBe(classes[0]?.prototype);
    expect(await prototypes[1]).toBe(classes[1]?.prototype);
  });
});

describe('peer trap 4: a handler runs once', () => {
  /** Starts an application over these modules, deposits twice, and says what was handled. */
  async function handled(...imports: (Type | DynamicModule)[]): Promise<readonly number[][]> {
    const logger = new RecordingLogger();
    const backend = new InMemoryBackend();
    const app = await started({ imports: [...imports, AllFrameModule.forRoot(backend, { logger })] });
    for (const amount of [1, 2]) {
      const { position } = await app.get(EventStore).append('account-1', [new MoneyDeposited(amount)]);
      await app.get(ProjectionRegistry).waitFor('deposits', position);
      await app.get(Listener, { strict: false }).seen.reaches(amount);
      await turn();
    }
    await app.close();
    expect(logger).toMatchObject({ errors: [], warnings: [] });
    return [Listener, Deposits].map((type) => app.get(type, { strict: false }).seen.entries);
  }
  const once = [
    [1, 2],
    [1, 2],
  ];

  @Module({ imports: [BankModule] })
  class LoansModule {}
  @Module({ imports: [BankModule] })
  class SavingsModule {}

  it('when its module is imported once', async () => {
    expect(await handled(BankModule)).toEqual(once);
  });

  it('when its module is imported twice', async () => {
    expect(await handled(BankModule, BankModule)).toEqual(once);
  });

  it('when its module is imported through a diamond', async () => {
    expect(await handled(LoansModule, SavingsModule)).toEqual(once);
    expect(await handled(LoansModule, BankModule, SavingsModule)).toEqual(once);
  });

  it('when one dynamic module object is imported through a diamond', async () => {
    class AnyModule {}
    const shared: DynamicModule = { module: AnyModule, providers: [Listener, Deposits] };
    @Module({ imports: [shared] })
    class Left {}
    @Module({ imports: [shared] })
    class Right {}
    expect(await handled(Left, Right)).toEqual(once);
  });

  it('when forRoot itself is imported through a diamond', async () => {
    const root = AllFrameModule.forRoot();
    @Module({ imports: [root, BankModule] })
    class Left {}
    @Module({ imports: [root, BankModule] })
    class Right {}
    const app = await started({ imports: [Left, Right, root] });
    const result = await app.get(Accounts, { strict: false }).deposit('1', 1);
    await app.get(ProjectionRegistry).waitFor('deposits', result?.position ?? 0);
    expect(app.get(Deposits).seen.entries).toEqual([1]);
  });

  it('when a test starts a module and then an application made of it', async () => {
    const moduleRef = await started({ imports: [BankModule, AllFrameModule.forRoot()] });
    const app = moduleRef.createNestApplication();
    await app.init();
    const result = await app.get(Accounts).deposit('1', 1);
    await app.get(ProjectionRegistry).waitFor('deposits', result?.position ?? 0);
    await app.get(Listener).seen.reaches(1);
    await turn();
    await app.close();
    expect(app.get(Listener).seen.entries).toEqual([1]);
    expect(app.get(Deposits).seen.entries).toEqual([1]);
  });
});

/** A module like many others: an event, an aggregate and a listener that are called what they are always called. */
function orderModule(prefix: string) {
  @DomainEvent(`${prefix}.placed`)
  class OrderPlaced {
    constructor(readonly item: string) {}
  }
  @Aggregate(prefix)
  class Order extends AggregateRoot {
    item = '';
    place(item: string): void {
      this.apply(new OrderPlaced(item));
    }
    @EventHandler(OrderPlaced) onPlaced(event: OrderPlaced): void {
      this.item = `${prefix} ${event.item}`;
    }
  }
  @Injectable()
  class OrderListener {
    readonly seen = new Journal<string>();
    @EventHandler(OrderPlaced) on(event: OrderPlaced): void {
      expect(event).toBeInstanceOf(OrderPlaced);
      this.seen.add(`${prefix} ${event.item}`);
    }
  }
  @Projection(`${prefix}Orders`)
  class OrderProjection extends OrderListener {}
  @Injectable()
  class Orders {
    constructor(@InjectAggregateRepository(Order) readonly repository: AggregateRepository<Order>) {}
  }
  @Module({
    imports: [AllFrameModule.forFeature([Order])],
    providers: [Orders, OrderListener, OrderProjection],
  })
  class OrderModule {}
  return { OrderModule, Orders, Order, OrderListener, OrderProjection };
}

describe('peer trap 4: two classes of one name in two modules do not collide', () => {
  it('be they events, aggregates, repositories, listeners, projections or the modules', async () => {
    const [shop, ward] = [orderModule('shop'), orderModule('ward')];
    expect(shop.Order.name).toBe(ward.Order.name);
    expect(getAggregateRepositoryToken(shop.Order)).not.toBe(getAggregateRepositoryToken(ward.Order));
    const logger = new RecordingLogger();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, { logger }), shop.OrderModule, ward.OrderModule],
    });
    const stuff = { shop: 'book', ward: 'nurse' };
    for (const [name, { Orders }] of Object.entries({ shop, ward })) {
      const { repository } = app.get(Orders, { strict: false });
      await repository.update('1', (order) => order.place(stuff[name as keyof typeof stuff]));
    }
    for (const [name, { Orders, OrderListener, OrderProjection }] of Object.entries({ shop, ward })) {
      const expected = `${name} ${stuff[name as keyof typeof stuff]}`;
      await app.get(ProjectionRegistry).waitFor(`${name}Orders`, 2);
      await app.get(OrderListener).seen.reaches(1);
      expect((await app.get(Orders, { strict: false }).repository.load('1')).item).toBe(expected);
      expect(app.get(OrderListener).seen.entries).toEqual([expected]);
      expect(app.get(OrderProjection).seen.entries).toEqual([expected]);
    }
    expect(logger).toMatchObject({ errors: [], warnings: [] });
  });

  it('not even in one module', async () => {
    const make = (handled: Journal<string>, name: string): Type => {
      @Injectable()
      class Notifier {
        @EventHandler(ReceiptSent) on(): void {
          handled.add(name);
        }
      }
      return Notifier;
    };
    const handled = new Journal<string>();
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [make(handled, 'one'), make(handled, 'two')],
    });
    await app.get(EventStore).append('account-1', [new ReceiptSent(1)]);
    await handled.reaches(2);
    expect([...handled.entries].sort()).toEqual(['one', 'two']);
  });
});

describe('forFeature', () => {
  it('in two modules gives each a repository over the same streams', async () => {
    @Injectable()
    class Auditor {
      constructor(@InjectAggregateRepository(Account) readonly accounts: AggregateRepository<Account>) {}
    }
    @Module({ imports: [AllFrameModule.forFeature([Account])], providers: [Auditor] })
    class AuditModule {}
    const app = await started({ imports: [AuditModule, BankModule, AllFrameModule.forRoot()] });
    await app.get(Accounts, { strict: false }).deposit('1', 5);
    expect((await app.get(Auditor, { strict: false }).accounts.load('1')).balance).toBe(5);
  });

  it('peer trap 3: a forgotten wiring call never drops events silently (an aggregate made with new)', async () => {
    const app = await started({ imports: [BankModule, AllFrameModule.forRoot()] });
    const { repository } = app.get(Accounts, { strict: false });
    const account = new Account();
    account.open('Ada');
    account.deposit(5);
    await expect(repository.save(account)).rejects.toThrow(/give its id as the second argument/);
    const saved = await repository.save(account, '1');
    await app.get(ProjectionRegistry).waitFor('deposits', saved?.position ?? 0);
    expect(app.get(Deposits).seen.entries).toEqual([5]);
  });
});
