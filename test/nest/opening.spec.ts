import { describe, expect, it } from 'vitest';
import {
  AllFrameModule,
  DomainEvent,
  EventHandler,
  EventStore,
  EventStoreBackend,
  InMemoryBackend,
  Projection,
  ProjectionRegistry,
  StoreClosedError,
} from '@allframe/nestjs';
import {
  Controller,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Account, AccountOpened, MoneyDeposited, ReceiptSent } from './bank.js';
import { compiled, Gate, Journal, started, turn } from './running-app.js';

const note = { type: 'note.taken', data: {} };

describe('opening', () => {
  it('is done once compile() resolves, before any hook has run', async () => {
    const app = await compiled({ imports: [AllFrameModule.forRoot()] });
    expect(app.get(EventStoreBackend).isOpen).toBe(true);
    expect(await app.get(EventStore).append('note-1', [note])).toMatchObject({ version: 1, position: 1 });
  });

  it('is done before the first onModuleInit of the application', async () => {
    @Injectable()
    class Seeder implements OnModuleInit {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      async onModuleInit(): Promise<void> {
        await this.store.append('note-1', [note], { expectedVersion: 'noStream' });
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Seeder] });
    expect(await app.get(EventStore).getAllEvents()).toHaveLength(1);
  });

  it.each([
    ['a plain store', []],
    ['a repository that waits for it', [AllFrameModule.forFeature([Account])]],
  ])('rejects compile() with what keeps the backend from opening: %s', async (_, features) => {
    const failure = new Error('the disk is gone');
    class BrokenBackend extends InMemoryBackend {
      protected override async onOpen(): Promise<void> {
        await turn();
        throw failure;
      }
    }
    const compile = (imports: Parameters<typeof Test.createTestingModule>[0]['imports']) =>
      Test.createTestingModule({ imports: imports ?? [] }).compile();
    const root = AllFrameModule.forRoot(new BrokenBackend());
    await expect(compile([root, ...features])).rejects.toBe(failure);
    await expect(compile([...features, root])).rejects.toBe(failure);
  });

  it('makes the events of aggregates and handlers known, with compile() alone', async () => {
    @DomainEvent('web.opened')
    class WebOpened {}
    @Injectable()
    class Listening {
      @EventHandler(ReceiptSent) onSent(): void {}
    }
    @Controller()
    class Web {
      @EventHandler(WebOpened) onOpened(): void {}
    }
    @Module({ imports: [AllFrameModule.forFeature([Account])], providers: [Listening], controllers: [Web] })
    class BankModule {}
    const app = await compiled({ imports: [BankModule, AllFrameModule.forRoot()] });
    const store = app.get(EventStore);
    await store.append('account-1', [
      { type: 'account.opened', data: { owner: 'Ada' } },
      { type: 'receipt.sent', data: { amount: 5 } },
      { type: 'web.opened', data: {} },
      { type: 'never.heard.of', data: { owner: 'Ada' } },
    ]);
    const prototypes = (await store.getEvents('account-1')).map(({ data }) => Object.getPrototypeOf(data));
    expect(prototypes).toEqual([
      AccountOpened.prototype,
      ReceiptSent.prototype,
      WebOpened.prototype,
      Object.prototype,
    ]);
  });

  it('starts projections and listeners at bootstrap and not before', async () => {
    const seen = new Journal<string>();
    @Projection('deposits')
    class Deposits {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(`projection ${event.amount}`);
      }
    }
    @Injectable()
    class Listener {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(`listener ${event.amount}`);
      }
    }
    @Injectable()
    class Early implements OnModuleInit {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      async onModuleInit(): Promise<void> {
        await this.store.append('account-1', [new MoneyDeposited(2)]);
        await turn();
        seen.add('modules are initialised');
      }
    }
    const app = await compiled({
      imports: [AllFrameModule.forRoot()],
      providers: [Deposits, Listener, Early],
    });
    const store = app.get(EventStore);
    const projections = app.get(ProjectionRegistry);
    await store.append('account-1', [new MoneyDeposited(1)]);
    await turn();
    expect(seen.entries).toEqual([]);
    expect(projections.list()).toEqual([]);

    await app.init();
    const { position } = await store.append('account-1', [new MoneyDeposited(3)]);
    await projections.waitFor('deposits', position);
    await seen.reaches(5);
    expect(seen.entries[0]).toBe('modules are initialised');
    expect([...seen.entries].sort()).toEqual([
      'listener 3',
      'modules are initialised',
      'projection 1',
      'projection 2',
      'projection 3',
    ]);
    expect(projections.status('deposits')).toEqual({
      name: 'deposits',
      version: 1,
      state: 'running',
      position: 3,
    });
  });

  it('has started only when every listener would hear of the next event', async () => {
    const gate = new Gate();
    class Hesitating extends InMemoryBackend {
      override async head(): Promise<number> {
        const head = await super.head();
        await gate.opened;
        return head;
      }
    }
    const seen = new Journal<number>();
    @Injectable()
    class Listener {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(event.amount);
      }
    }
    const app = await compiled({
      imports: [AllFrameModule.forRoot(new Hesitating())],
      providers: [Listener],
    });
    let isStarted = false;
    const starting = app.init().then(() => (isStarted = true));
    await turn();
    expect(isStarted).toBe(false);
    gate.open();
    await starting;
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    await seen.reaches(1);
  });

  it('has listeners ready before the application itself bootstraps', async () => {
    const seen = new Journal<number>();
    @Injectable()
    class Listener {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(event.amount);
      }
    }
    @Injectable()
    class Booting implements OnApplicationBootstrap {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      async onApplicationBootstrap(): Promise<void> {
        await this.store.append('account-1', [new MoneyDeposited(1)]);
      }
    }
    @Module({ providers: [Booting] })
    class FirstModule {}
    await started({ imports: [FirstModule, AllFrameModule.forRoot()], providers: [Listener] });
    await seen.reaches(1);
    expect(seen.entries).toEqual([1]);
  });
});

describe('one backend object', () => {
  it('serves one application after another, with its events', async () => {
    const backend = new InMemoryBackend();
    const imports = [AllFrameModule.forRoot(backend)];
    const first = await started({ imports });
    await first.get(EventStore).append('note-1', [note]);
    await first.close();
    expect(backend.isOpen).toBe(false);

    const second = await started({ imports });
    expect(await second.get(EventStore).append('note-1', [note])).toMatchObject({ version: 2 });
    await expect(first.get(EventStore).getAllEvents()).rejects.toThrow(StoreClosedError);
  });

  it('serves two applications at once, and stays open for one when the other closes', async () => {
    const backend = new InMemoryBackend();
    const imports = [AllFrameModule.forRoot(backend)];
    const [one, two] = await Promise.all([started({ imports }), started({ imports })]);
    await one.get(EventStore).append('note-1', [note]);
    await one.close();
    expect(await two.get(EventStore).append('note-1', [note])).toMatchObject({ version: 2 });
  });
});
