import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AllFrameModule,
  EventHandler,
  EventStore,
  getEventStoreToken,
  InjectEventStore,
  InMemoryBackend,
  Projection,
  ProjectionRegistry,
  ProjectionStoppedError,
  StoreClosedError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { eventually } from '../eventually.js';
import { MoneyDeposited, ReceiptSent } from './bank.js';
import { compiled, Gate, Journal, RecordingLogger, started, turn } from './running-app.js';

const note = { type: 'note.taken', data: {} };
const deposited = { type: 'money.deposited', data: { amount: 5 } };

/** Handles a deposit in two steps with a gate between them: the second one appends. */
@Injectable()
class SlowClerk {
  readonly begun = new Journal<number>();
  readonly outcome = new Journal<unknown>();
  readonly gate = new Gate();

  constructor(@Inject(EventStore) readonly store: EventStore) {}

  @EventHandler(MoneyDeposited)
  async onDeposited(event: MoneyDeposited): Promise<void> {
    this.begun.add(event.amount);
    await this.gate.opened;
    this.outcome.add(await this.store.append('receipt-1', [new ReceiptSent(event.amount)]).catch(String));
  }
}

describe('closing', () => {
  it('peer trap 3: closing waits for handlers in flight, whose appends succeed, and takes no new event', async () => {
    const backend = new InMemoryBackend();
    const app = await started({ imports: [AllFrameModule.forRoot(backend)], providers: [SlowClerk] });
    const clerk = app.get(SlowClerk);
    await app.get(EventStore).append('account-1', [deposited, deposited, deposited]);
    await clerk.begun.reaches(1);
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await turn();
    expect(closed).toBe(false);
    expect(backend.isOpen).toBe(true);
    clerk.gate.open();
    await closing;
    expect(backend.isOpen).toBe(false);
    expect(clerk.begun.entries).toEqual([5]);
    expect(clerk.outcome.entries).toEqual([expect.objectContaining({ streamId: 'receipt-1', version: 1 })]);
  });

  it('waits for a running projection, whose checkpoint is saved', async () => {
    const backend = new InMemoryBackend();
    const seen = new Journal<number>();
    const gate = new Gate();
    @Projection('slow')
    class Slow {
      @EventHandler(MoneyDeposited) async on(event: MoneyDeposited): Promise<void> {
        seen.add(event.amount);
        await gate.opened;
      }
    }
    const imports = [AllFrameModule.forRoot(backend)];
    const first = await started({ imports, providers: [Slow] });
    const registry = first.get(ProjectionRegistry);
    const { position } = await first
      .get(EventStore)
      .append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(1);
    const waiting = expect(registry.waitFor('slow', position)).rejects.toThrow(ProjectionStoppedError);
    const closing = first.close();
    await turn();
    gate.open();
    await Promise.all([waiting, closing]);
    expect(registry.status('slow')).toMatchObject({ state: 'stopped', position: 1 });

    const second = await started({ imports, providers: [Slow] });
    await second.get(ProjectionRegistry).waitFor('slow', position);
    expect(seen.entries).toEqual([1, 2]);
  });

  it('does not wait for ever: after the deadline the store is closed all the same', async () => {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, { clock, logger, shutdownTimeoutMs: 300 })],
      providers: [SlowClerk],
    });
    const clerk = app.get(SlowClerk);
    await app.get(EventStore).append('account-1', [deposited]);
    await clerk.begun.reaches(1);
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await eventually(() => expect(clock.pending).toBe(1));
    await clock.advance(299);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(logger.warnings).toEqual([expect.stringMatching(/300 ms.*1 running handler/)]);
    clerk.gate.open();
    await clerk.outcome.reaches(1);
    expect(clerk.outcome.entries[0]).toMatch(/StoreClosedError/);
    expect(logger.errors).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('leaves every store open until the handlers of all of them have ended', async () => {
    const outcome = new Journal<unknown>();
    const begun = new Journal<true>();
    const gate = new Gate();
    @Injectable()
    class Biller {
      constructor(@InjectEventStore('billing') readonly billing: EventStore) {}
      @EventHandler(MoneyDeposited) async on(event: MoneyDeposited): Promise<void> {
        begun.add(true);
        await gate.opened;
        outcome.add(await this.billing.append('bill-1', [new ReceiptSent(event.amount)]).catch(String));
      }
    }
    const app = await started({
      imports: [AllFrameModule.forRoot('memory:', { name: 'billing' }), AllFrameModule.forRoot()],
      providers: [Biller],
    });
    await app.get(EventStore).append('account-1', [deposited]);
    await begun.reaches(1);
    const closing = app.close();
    await turn();
    gate.open();
    await closing;
    expect(outcome.entries).toEqual([expect.objectContaining({ streamId: 'bill-1', version: 1 })]);
    const billing = app.get<EventStore>(getEventStoreToken('billing'));
    await expect(billing.stats()).rejects.toThrow(StoreClosedError);
  });

  it('closes every store, even where one of them fails to close', async () => {
    const gate = new Gate();
    class Failing extends InMemoryBackend {
      protected override onClose(): Promise<void> {
        return Promise.reject(new Error('the disk is gone'));
      }
    }
    class Slow extends InMemoryBackend {
      closed = false;
      protected override async onClose(): Promise<void> {
        await gate.opened;
        this.closed = true;
      }
    }
    const slow = new Slow();
    const app = await started({
      imports: [AllFrameModule.forRoot(new Failing()), AllFrameModule.forRoot(slow, { name: 'slow' })],
    });
    let settled = false;
    // Whether a failing hook fails close() is Nest's own rule, and differs between its versions.
    const closing = app.close().then(
      () => (settled = true),
      () => (settled = true),
    );
    await turn();
    await turn();
    expect(settled).toBe(false);
    gate.open();
    await closing;
    expect(slow.closed).toBe(true);
  });

  it('lets the application append in its own onApplicationShutdown', async () => {
    const outcome = new Journal<unknown>();
    @Injectable()
    class LastWords implements OnApplicationShutdown {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      async onApplicationShutdown(): Promise<void> {
        await turn();
        outcome.add(await this.store.append('note-1', [note]).catch(String));
      }
    }
    @Module({ providers: [LastWords] })
    class DeepModule {}
    @Module({ imports: [DeepModule] })
    class MiddleModule {}
    const app = await started({ imports: [MiddleModule, AllFrameModule.forRoot()] });
    await app.close();
    expect(outcome.entries).toEqual([expect.objectContaining({ version: 1 })]);
  });

  it('may be asked for twice, at once and again later', async () => {
    const backend = new InMemoryBackend();
    const app = await started({ imports: [AllFrameModule.forRoot(backend)] });
    // Another user of the same backend: closing twice must not take its opening away.
    await backend.open();
    onTestFinished(() => backend.close());
    await Promise.all([app.close(), app.close()]);
    await app.close();
    expect(backend.isOpen).toBe(true);
    await expect(app.get(EventStore).append('note-1', [note])).rejects.toThrow(StoreClosedError);
  });

  it('works without init()', async () => {
    const backend = new InMemoryBackend();
    const app = await compiled({ imports: [AllFrameModule.forRoot(backend)], providers: [SlowClerk] });
    await app.close();
    expect(backend.isOpen).toBe(false);
    await expect(app.get(EventStore).getAllEvents()).rejects.toThrow(StoreClosedError);
  });

  it('works while the application starts', async () => {
    const backend = new InMemoryBackend();
    const app = await compiled({ imports: [AllFrameModule.forRoot(backend)], providers: [SlowClerk] });
    await Promise.all([app.init(), app.close()]);
    expect(backend.isOpen).toBe(false);
  });

  it.each([
    ['listener', false],
    ['projection', true],
  ])('can be asked for by a handler, which it does not wait for (%s)', async (_, isProjection) => {
    const outcome = new Journal<unknown>();
    @Injectable()
    class Stopper {
      stop = (): Promise<void> => Promise.reject(new Error('not set'));
      @EventHandler(MoneyDeposited) async on(): Promise<void> {
        outcome.add(await this.stop());
      }
    }
    @Projection('stopper')
    class StopperProjection extends Stopper {}
    const type = isProjection ? StopperProjection : Stopper;
    const backend = new InMemoryBackend();
    const clock = new FakeClock();
    // Time stands still, so the deadline would never pass.
    const app = await started({ imports: [AllFrameModule.forRoot(backend, { clock })], providers: [type] });
    app.get(type).stop = () => app.close();
    await app.get(EventStore).append('account-1', [deposited]);
    await outcome.reaches(1);
    expect(backend.isOpen).toBe(false);
  });
});
