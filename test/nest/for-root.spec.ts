import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  AllFrameModule,
  DomainEvent,
  DuplicateStoreError,
  EventHandler,
  EventStore,
  EventStoreBackend,
  InjectEventStoreBackend,
  InMemoryBackend,
  InvalidArgumentError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { Inject, Injectable, Logger, type LoggerService, Module } from '@nestjs/common';
import { eventually } from '../eventually.js';
import { Account, AccountOpened, Accounts, MoneyDeposited } from './bank.js';
import { compiled, RecordingLogger, startFailure } from './running-app.js';

@Injectable()
class BackendUser {
  constructor(
    @Inject(EventStoreBackend) readonly backend: EventStoreBackend,
    @InjectEventStoreBackend() readonly again: EventStoreBackend,
    @Inject(EventStore) readonly store: EventStore,
  ) {}
}

const plain = { type: 'note.taken', data: { text: 'hello' } };

describe('forRoot: where the events go', () => {
  it('without a backend: into a memory of the application alone', async () => {
    const [one, two] = await Promise.all([
      compiled({ imports: [AllFrameModule.forRoot()] }),
      compiled({ imports: [AllFrameModule.forRoot()] }),
    ]);
    await one.get(EventStore).append('note-1', [plain]);
    expect(one.get(EventStore).backend).toBeInstanceOf(InMemoryBackend);
    expect(await one.get(EventStore).getAllEvents()).toHaveLength(1);
    expect(await two.get(EventStore).getAllEvents()).toEqual([]);
  });

  it('one dynamic module object used by two applications gives each a memory of its own', async () => {
    const shared = AllFrameModule.forRoot();
    const one = await compiled({ imports: [shared] });
    await one.get(EventStore).append('note-1', [plain]);
    const two = await compiled({ imports: [shared] });
    expect(await two.get(EventStore).getAllEvents()).toEqual([]);
  });

  it('with a backend: into that one, which is injectable by its abstract class', async () => {
    const backend = new InMemoryBackend();
    const app = await compiled({ imports: [AllFrameModule.forRoot(backend)], providers: [BackendUser] });
    const user = app.get(BackendUser);
    expect(user.backend).toBe(backend);
    expect(user.again).toBe(backend);
    expect(user.store.backend).toBe(backend);
    expect(backend.isOpen).toBe(true);
  });

  it('with a URL: into the backend it names', async () => {
    const app = await compiled({ imports: [AllFrameModule.forRoot('memory:')] });
    expect(app.get(EventStoreBackend)).toBeInstanceOf(InMemoryBackend);
    await app.get(EventStore).append('note-1', [plain]);
    expect((await app.get(EventStore).stats()).totalEvents).toBe(1);
  });

  it.each([
    [
      'a scheme without a backend',
      'mongodb://ada:s3cret@localhost/events',
      /no backend for "mongodb:".*memory:/,
    ],
    ['no scheme', 'localhost/events?password=s3cret', /not a URL.*memory:/],
    ['a scheme forgotten', 'ada:s3cret@localhost/events', /no backend for "ada:".*memory:/],
    ['spaces', 'postgres://ada:s3cret @local host/events', /not a URL.*memory:/],
    ['a member of Object', 'constructor:s3cret', /no backend for "constructor:"/],
    ['nothing in it', '', /not a URL/],
  ])('refuses a URL with %s, and never shows its password', async (_, url, message) => {
    const failure = await startFailure({ imports: [AllFrameModule.forRoot(url)] });
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect(failure.message).toMatch(message);
    expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toContain('s3cret');
  });

  it('refuses what is neither a backend nor a URL', async () => {
    const config = { url: 'memory:' } as unknown as string;
    const failure = await startFailure({ imports: [AllFrameModule.forRoot(config)] });
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect(failure.message).toMatch(
      /forRoot: it gave object; give a backend, such as new InMemoryBackend\(\)/,
    );
  });

  it('is global: a module that imports nothing is given the store', async () => {
    @Module({ providers: [BackendUser] })
    class DeepModule {}
    @Module({ imports: [DeepModule] })
    class MiddleModule {}
    const app = await compiled({ imports: [MiddleModule, AllFrameModule.forRoot()] });
    expect(app.get(BackendUser, { strict: false }).store).toBe(app.get(EventStore));
  });

  it('refuses a second default store, and says how to name it', async () => {
    const failure = await startFailure({ imports: [AllFrameModule.forRoot(), AllFrameModule.forRoot()] });
    expect(failure).toBeInstanceOf(DuplicateStoreError);
    expect(failure).toMatchObject({ code: 'DuplicateStoreError', store: undefined });
    expect(failure.message).toMatch(/twice for the default store.*root module.*\{ name: 'other' \}/);
  });

  it('refuses a second default store by its own name when a repository waits for it', async () => {
    const failure = await startFailure({
      imports: [AllFrameModule.forFeature([Account]), AllFrameModule.forRoot(), AllFrameModule.forRoot()],
    });
    expect(failure).toBeInstanceOf(DuplicateStoreError);
  });
});

describe('forRoot: its options', () => {
  it('events: their data has the prototype of the class, and the constructor is not run', async () => {
    const constructed = vi.fn<() => void>();
    @DomainEvent('note.filed')
    class NoteFiled {
      readonly text: string;
      constructor(text: string) {
        constructed();
        this.text = text;
      }
      get shout(): string {
        return this.text.toUpperCase();
      }
    }
    const app = await compiled({ imports: [AllFrameModule.forRoot(undefined, { events: [NoteFiled] })] });
    const store = app.get(EventStore);
    await store.append('note-1', [{ type: 'note.filed', data: { text: 'hello' } }]);
    const [event] = await store.getEvents('note-1');
    expect(event?.data).toBeInstanceOf(NoteFiled);
    expect((event?.data as NoteFiled).shout).toBe('HELLO');
    expect(constructed).not.toHaveBeenCalled();
  });

  it('snapshots: a number overrides that of the aggregates, false takes none and uses none', async () => {
    const figures = async (snapshots: { every: number } | false): Promise<number> => {
      const app = await compiled({
        imports: [AllFrameModule.forRoot(undefined, { snapshots }), AllFrameModule.forFeature([Account])],
        providers: [Accounts],
      });
      const accounts = app.get(Accounts);
      const store = app.get(EventStore);
      await accounts.open('1', 'Ada');
      await accounts.deposit('1', 5);
      const { totalSnapshots } = await store.stats();
      await store.saveSnapshot('account-1', {
        version: 2,
        revision: 1,
        state: { owner: 'Eve', balance: 99 },
      });
      return totalSnapshots * 1000 + (await accounts.balanceOf('1'));
    };
    expect(await figures({ every: 2 })).toBe(1099);
    expect(await figures(false)).toBe(5);
  });

  it('metadata: an object for every event', async () => {
    const metadata = { service: 'bank', region: 'eu' };
    const app = await compiled({ imports: [AllFrameModule.forRoot(undefined, { metadata })] });
    const store = app.get(EventStore);
    await store.append('note-1', [plain], { metadata: { region: 'us' } });
    expect((await store.getEvents('note-1'))[0]?.metadata).toEqual({ service: 'bank', region: 'us' });
  });

  it('metadata: a function is asked at each append', async () => {
    let user = 'ada';
    const app = await compiled({
      imports: [AllFrameModule.forRoot(undefined, { metadata: () => ({ user }) })],
    });
    const store = app.get(EventStore);
    await store.append('note-1', [plain]);
    user = 'bob';
    await store.append('note-1', [plain]);
    expect((await store.getEvents('note-1')).map((event) => event.metadata)).toEqual([
      { user: 'ada' },
      { user: 'bob' },
    ]);
  });

  it('logger: is told what nobody awaits', async () => {
    const logger = new RecordingLogger();
    const app = await compiled({ imports: [AllFrameModule.forRoot(undefined, { logger })] });
    const store = app.get(EventStore);
    const failure = new Error('subscriber failed');
    const { ready } = store.subscribe(() => {
      throw failure;
    });
    await ready;
    await store.append('note-1', [plain]);
    await eventually(() => expect(logger.errors).toEqual([{ message: expect.any(String), error: failure }]));
  });

  it('without a logger: Nest is told, with the stack of the error', async () => {
    const nest = { log: vi.fn(), warn: vi.fn(), error: vi.fn<LoggerService['error']>() };
    const app = await compiled({ imports: [AllFrameModule.forRoot()], providers: [Failing] }, (builder) =>
      builder.setLogger(nest),
    );
    onTestFinished(() => Logger.overrideLogger(false));
    await app.init();
    await app.get(EventStore).append('account-1', [new AccountOpened('Ada')]);
    await eventually(() => expect(nest.error).toHaveBeenCalledOnce());
    const [message, stack, context] = nest.error.mock.calls[0] as string[];
    expect(message).toMatch(
      /^Failing@onOpened failed at event [0-9a-f-]{36} \(account\.opened, position 1\)$/,
    );
    expect(stack).toMatch(/^Error: no paper[\s\S]*for-root\.spec/);
    expect(context).toBe('AllFrame');
    expect(message).not.toContain('Ada');
  });

  it('clock and newEventId: the store has no time or chance of its own', async () => {
    const clock = new FakeClock(1_000_000);
    const newEventId = (): string => '00000000-0000-7000-8000-000000000001';
    const app = await compiled({ imports: [AllFrameModule.forRoot(undefined, { clock, newEventId })] });
    const store = app.get(EventStore);
    await store.append('note-1', [plain]);
    const [event] = await store.getEvents('note-1');
    expect(event?.recordedAt.getTime()).toBe(1_000_000);
    expect(event?.id).toBe(newEventId());
  });

  it('one options object may serve two stores and is not written to', async () => {
    const options = Object.freeze({ events: Object.freeze([MoneyDeposited]) });
    const one = await compiled({
      imports: [AllFrameModule.forRoot(undefined, options)],
      providers: [Failing],
    });
    const two = await compiled({ imports: [AllFrameModule.forRoot(undefined, options)] });
    expect(one.get(EventStore).knowsEventType('account.opened')).toBe(true);
    expect(two.get(EventStore).knowsEventType('account.opened')).toBe(false);
    expect(two.get(EventStore).knowsEventType('money.deposited')).toBe(true);
  });

  it('works in an application that is made by overriding the backend', async () => {
    const backend = new InMemoryBackend();
    const app = await compiled({ imports: [AllFrameModule.forRoot('memory:')] }, (builder) =>
      builder.overrideProvider(EventStoreBackend).useValue(backend),
    );
    await app.get(EventStore).append('note-1', [plain]);
    expect(app.get(EventStore).backend).toBe(backend);
    expect((await app.get(EventStore).stats()).totalEvents).toBe(1);
  });
});

@Injectable()
class Failing {
  @EventHandler(AccountOpened)
  onOpened(): void {
    throw new Error('no paper');
  }
}
