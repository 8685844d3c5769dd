import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AllFrameModule,
  EventHandler,
  EventStore,
  InMemoryBackend,
  type RecordedEvent,
  withEventMetadata,
} from '@allframe/nestjs';
import { Inject, Injectable, type Provider, type Type } from '@nestjs/common';
import { Account, AccountOpened, Accounts, MoneyDeposited, ReceiptSent } from './bank.js';
import { Gate, Journal, RecordingLogger, started, turn } from './running-app.js';

interface Bank {
  readonly store: EventStore;
  readonly logger: RecordingLogger;
  get<T>(type: Type<T>): T;
}

async function bank(...providers: Provider[]): Promise<Bank> {
  const logger = new RecordingLogger();
  const app = await started({
    imports: [AllFrameModule.forRoot(undefined, { logger }), AllFrameModule.forFeature([Account])],
    providers,
  });
  return { store: app.get(EventStore), logger, get: (type) => app.get(type) };
}

/** What the process would be told of, were it not for somebody who catches it. */
function watchProcess(): readonly unknown[] {
  const told: unknown[] = [];
  const tell = (error: unknown): void => void told.push(error);
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, tell);
    onTestFinished(() => void process.off(event, tell));
  }
  return told;
}

const deposits = (...amounts: number[]): MoneyDeposited[] => amounts.map((n) => new MoneyDeposited(n));

@Injectable()
class Listener {
  readonly seen = new Journal<number>();
  @EventHandler(MoneyDeposited) on({ amount }: MoneyDeposited): void {
    this.seen.add(amount);
  }
}

describe('a listener', () => {
  it('gets the typed event and what is recorded of it', async () => {
    const seen = new Journal<readonly unknown[]>();
    @Injectable()
    class Curious {
      @EventHandler(MoneyDeposited) on(...given: [MoneyDeposited, RecordedEvent<MoneyDeposited>]): void {
        seen.add(given);
      }
    }
    const { store } = await bank(Curious);
    await store.append('account-1', deposits(5), { metadata: { user: 'ada' } });
    await seen.reaches(1);
    const [event, recorded, ...more] = seen.entries[0] as [MoneyDeposited, RecordedEvent<MoneyDeposited>];
    expect(event).toBeInstanceOf(MoneyDeposited);
    expect(recorded).toMatchObject({
      streamId: 'account-1',
      version: 1,
      position: 1,
      type: 'money.deposited',
      schemaVersion: 2,
      metadata: { user: 'ada' },
    });
    expect(recorded.data).toBe(event);
    expect(more).toEqual([]);
  });

  it('gets only the events it asks for, and only those appended while the application runs', async () => {
    const backend = new InMemoryBackend();
    const before = await EventStore.open(backend);
    await before.append('account-1', deposits(1, 2));
    await before.close();
    const app = await started({ imports: [AllFrameModule.forRoot(backend)], providers: [Listener] });
    await app.get(EventStore).append('account-1', [new AccountOpened('Ada'), ...deposits(3)]);
    await app.get(Listener).seen.reaches(1);
    await app.close();
    expect(app.get(Listener).seen.entries).toEqual([3]);
  });

  it('has an event object of its own: what it does to it changes nobody else', async () => {
    const seen = new Journal<unknown>();
    @Injectable()
    class Vandal {
      @EventHandler(MoneyDeposited) on(event: { amount: number }): void {
        event.amount = -1;
        seen.add('vandal');
      }
    }
    const { store, get } = await bank(Vandal, Listener);
    await store.append('account-1', deposits(5));
    await Promise.all([seen.reaches(1), get(Listener).seen.reaches(1)]);
    expect(get(Listener).seen.entries).toEqual([5]);
    expect((await store.getEvents('account-1'))[0]?.data).toEqual(new MoneyDeposited(5));
  });

  it('that is slow delays itself only: neither the writer, nor other listeners, nor plain subscribers', async () => {
    const gate = new Gate();
    const subscribed = new Journal<number>();
    @Injectable()
    class Slow extends Listener {
      override async on(event: MoneyDeposited): Promise<void> {
        super.on(event);
        await gate.opened;
      }
    }
    const { store, get } = await bank(Slow, Listener);
    const { ready } = store.subscribe((event) => subscribed.add((event.data as MoneyDeposited).amount));
    await ready;
    for (const amount of [1, 2, 3]) await store.append('account-1', deposits(amount));
    await Promise.all([get(Listener).seen.reaches(3), subscribed.reaches(3), get(Slow).seen.reaches(1)]);
    await turn();
    expect(get(Slow).seen.entries).toEqual([1]);
    gate.open();
    await get(Slow).seen.reaches(3);
    expect(get(Slow).seen.entries).toEqual([1, 2, 3]);
  });
});

describe('a listener that fails', () => {
  @Injectable()
  class Fails {
    readonly seen = new Journal<string>();
    @EventHandler(MoneyDeposited) throws({ amount }: MoneyDeposited): void {
      this.seen.add(`throws ${amount}`);
      if (amount === 1) throw new Error('thrown');
    }
    @EventHandler(AccountOpened) rejects({ owner }: AccountOpened): Promise<void> {
      this.seen.add(`rejects ${owner}`);
      return owner === 'Ada' ? Promise.reject(new Error('rejected')) : Promise.resolve();
    }
    @EventHandler(ReceiptSent) async [Symbol.for('later')]({ amount }: ReceiptSent): Promise<void> {
      await turn();
      this.seen.add(`later ${amount}`);
      // Anything can be thrown.
      if (amount === 1) throw undefined;
    }
  }
  const events = [1, 2].flatMap((n) => [
    new MoneyDeposited(n),
    new AccountOpened(n === 1 ? 'Ada' : 'Bob'),
    new ReceiptSent(n),
  ]);

  it('peer trap 1: one throw does not end it, the next event is handled', async () => {
    const { store, get } = await bank(Fails);
    await store.append('account-1', events);
    const { seen } = get(Fails);
    await seen.reaches(6);
    expect(seen.entries).toEqual([
      'throws 1',
      'rejects Ada',
      'later 1',
      'throws 2',
      'rejects Bob',
      'later 2',
    ]);
  });

  it('peer trap 6: it never becomes an uncaughtException, and the rest of the batch is delivered', async () => {
    const told = watchProcess();
    const { store, get } = await bank(Fails, Listener);
    await store.append('account-1', events);
    await Promise.all([get(Fails).seen.reaches(6), get(Listener).seen.reaches(2)]);
    await turn();
    await turn();
    expect(told).toEqual([]);
    expect(get(Listener).seen.entries).toEqual([1, 2]);
  });

  it('is reported with class and method, event and error, and without the data', async () => {
    const { store, get, logger } = await bank(Fails);
    await store.append('account-1', events);
    await get(Fails).seen.reaches(6);
    await turn();
    const [first, second, third] = await store.getEvents('account-1');
    expect(logger.errors).toEqual([
      {
        message: `Fails@throws failed at event ${first?.id} (money.deposited, position 1)`,
        error: new Error('thrown'),
      },
      {
        message: `Fails@rejects failed at event ${second?.id} (account.opened, position 2)`,
        error: new Error('rejected'),
      },
      {
        message: `Fails@Symbol(later) failed at event ${third?.id} (receipt.sent, position 3)`,
        error: undefined,
      },
    ]);
  });

  it('fails for its own method only: another method of the class has the event all the same', async () => {
    @Injectable()
    class TwoWays extends Listener {
      @EventHandler(MoneyDeposited) first(): void {
        throw new Error('first');
      }
      @EventHandler(MoneyDeposited) override on(event: MoneyDeposited): void {
        super.on(event);
      }
    }
    const { store, get, logger } = await bank(TwoWays);
    await store.append('account-1', deposits(1, 2));
    await get(TwoWays).seen.reaches(2);
    expect(get(TwoWays).seen.entries).toEqual([1, 2]);
    expect(logger.errors.map(({ message }) => message.split(' ')[0])).toEqual([
      'TwoWays@first',
      'TwoWays@first',
    ]);
  });

  it('does not make the append fail', async () => {
    const { store } = await bank(Fails);
    await expect(store.append('account-1', deposits(1))).resolves.toMatchObject({ version: 1 });
  });
});

describe('the order of events', () => {
  it('peer trap 2: events of one stream are handled in order', async () => {
    const log = new Journal<string>();
    const gate = new Gate();
    @Injectable()
    class Uneven {
      @EventHandler(MoneyDeposited) async on({ amount }: MoneyDeposited): Promise<void> {
        log.add(`begin ${amount}`);
        // The first takes longest: whoever does not wait for it would end the others before it.
        if (amount === 1) await gate.opened;
        else if (amount === 2) await turn();
        log.add(`end ${amount}`);
      }
    }
    const { store } = await bank(Uneven);
    for (const amount of [1, 2]) await store.append('account-1', deposits(amount));
    await store.append('account-1', deposits(3, 4));
    await log.reaches(1);
    await turn();
    expect(log.entries).toEqual(['begin 1']);
    gate.open();
    await log.reaches(8);
    expect(log.entries).toEqual([1, 2, 3, 4].flatMap((n) => [`begin ${n}`, `end ${n}`]));
  });

  it('is the same over many streams, and over all methods of a class', async () => {
    const positions = new Journal<number>();
    @Injectable()
    class Everything {
      @EventHandler(MoneyDeposited)
      async onDeposited(_: MoneyDeposited, { position }: RecordedEvent): Promise<void> {
        if (position % 7 === 0) await turn();
        positions.add(position);
      }
      @EventHandler(ReceiptSent)
      onSent(_: ReceiptSent, { position }: RecordedEvent): void {
        positions.add(position);
      }
    }
    const { store } = await bank(Everything);
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        store.append(`account-${i % 13}`, [i % 3 === 0 ? new ReceiptSent(i) : new MoneyDeposited(i)]),
      ),
    );
    await positions.reaches(200);
    expect(positions.entries).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});

describe('what a handler appends', () => {
  @Injectable()
  class Clerk {
    constructor(@Inject(Accounts) readonly accounts: Accounts) {}
    @EventHandler(AccountOpened) async onOpened(): Promise<void> {
      await turn();
      await this.accounts.deposit('gifts', 1);
    }
  }
  @Injectable()
  class Printer {
    readonly printed = new Journal<true>();
    constructor(@Inject(EventStore) readonly store: EventStore) {}
    @EventHandler(MoneyDeposited) async onDeposited(event: MoneyDeposited): Promise<void> {
      await this.store.append('receipt-1', [new ReceiptSent(event.amount)]);
      this.printed.add(true);
    }
  }

  it('carries its cause, along a whole chain of handlers', async () => {
    const { store, get } = await bank(Accounts, Clerk, Printer);
    await store.append('account-1', [new AccountOpened('Ada')]);
    await get(Printer).printed.reaches(1);
    const [opened, deposited, sent] = await store.getAllEvents();
    expect(opened?.metadata).toEqual({});
    expect(deposited?.metadata).toEqual({ correlationId: opened?.id, causationId: opened?.id });
    expect(sent?.metadata).toEqual({ correlationId: opened?.id, causationId: deposited?.id });
  });

  it('keeps the correlation id that it began with', async () => {
    const { store, get } = await bank(Accounts, Clerk, Printer);
    await withEventMetadata({ correlationId: 'request-7' }, () =>
      store.append('account-1', [new AccountOpened('Ada')]),
    );
    await get(Printer).printed.reaches(1);
    const events = await store.getAllEvents();
    expect(events.map(({ metadata }) => metadata.correlationId)).toEqual(Array(3).fill('request-7'));
    expect(events[2]?.metadata.causationId).toBe(events[1]?.id);
  });

  it('inherits nothing from whoever started the application', async () => {
    const { store, get } = await withEventMetadata({ correlationId: 'the boot' }, () => bank(Printer));
    await store.append('account-1', deposits(1));
    await get(Printer).printed.reaches(1);
    const [first, second] = await store.getAllEvents();
    expect(second?.metadata.correlationId).toBe(first?.id);
  });

  it('peer trap 3: a re-published event does not throw, and is an event of its own', async () => {
    @Injectable()
    class Republisher {
      readonly done = new Journal<unknown>();
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      @EventHandler(MoneyDeposited) async on(
        event: MoneyDeposited,
        { streamId }: RecordedEvent,
      ): Promise<void> {
        if (streamId === 'copy-1') return;
        this.done.add(await this.store.append('copy-1', [event, event]).catch(String));
      }
    }
    const { store, get } = await bank(Republisher);
    const event = new MoneyDeposited(5);
    await store.append('account-1', [event]);
    await store.append('account-1', [event]);
    await get(Republisher).done.reaches(2);
    expect(get(Republisher).done.entries).toMatchObject([{ version: 2 }, { version: 4 }]);
    const copies = await store.getEvents('copy-1');
    expect(copies.map(({ data }) => data)).toEqual(Array(4).fill(event));
    expect(new Set(copies.map(({ id }) => id)).size).toBe(4);
  });
});
