import { describe, expect, it } from 'vitest';
import {
  AllFrameModule,
  EventHandler,
  EventStore,
  InMemoryBackend,
  Projection,
  ProjectionBlockedError,
  type ProjectionContext,
  ProjectionRegistry,
  ProjectionStoppedError,
  ProjectionTimeoutError,
  type RecordedEvent,
  UnknownProjectionError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { Inject, Injectable, type Provider } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { Account, AccountOpened, Accounts, MoneyDeposited } from './bank.js';
import { compiled, Gate, Journal, RecordingLogger, started, turn } from './running-app.js';

const deposits = (...amounts: number[]): MoneyDeposited[] => amounts.map((n) => new MoneyDeposited(n));

/** Longer than all attempts of a handler together, shorter than the patience of those who wait. */
const ALL_ATTEMPTS_MS = 10_000;
const patient = { timeoutMs: 60_000 };

@Projection('balances')
class Balances {
  readonly #balances = new Map<string, number>();

  @EventHandler(MoneyDeposited)
  async on({ amount }: MoneyDeposited, { streamId }: RecordedEvent): Promise<void> {
    // Behind the writer, as a projection is.
    await turn();
    this.#balances.set(streamId, this.of(streamId) + amount);
  }

  of(streamId: string): number {
    return this.#balances.get(streamId) ?? 0;
  }
}

/** As an application would have it behind a controller. */
@Injectable()
class BankService {
  constructor(
    @Inject(Accounts) private readonly accounts: Accounts,
    @Inject(Balances) private readonly balances: Balances,
    @Inject(ProjectionRegistry) private readonly projections: ProjectionRegistry,
  ) {}

  async deposit(id: string, amount: number): Promise<number> {
    const result = await this.accounts.deposit(id, amount);
    await this.projections.waitFor('balances', result?.position ?? 0, patient);
    return this.balances.of(`account-${id}`);
  }
}

/** Fails at 13, unless it has been mended. */
abstract class Superstitious {
  readonly seen = new Journal<string>();
  mended = false;

  @EventHandler(MoneyDeposited)
  on({ amount }: MoneyDeposited, _: unknown, { attempt }: ProjectionContext): void {
    this.seen.add(`${amount}, attempt ${attempt}`);
    if (amount === 13 && !this.mended) throw new Error('unlucky');
  }
}

@Projection('superstitious')
class SuperstitiousProjection extends Superstitious {}

/** Lets a handler use up its attempts while nothing else of the clock matters. */
async function exhaust(clock: FakeClock): Promise<void> {
  await turn();
  await clock.advance(ALL_ATTEMPTS_MS);
}

describe('a projection', () => {
  it('shows a writer its own writes, once it has waited', async () => {
    const app = await started({
      imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Account])],
      providers: [Accounts, Balances, BankService],
    });
    const service = app.get(BankService);
    for (let i = 1; i <= 20; i++) expect(await service.deposit('1', 10)).toBe(i * 10);
    expect(await Promise.all([service.deposit('2', 1), service.deposit('3', 2)])).toEqual([1, 2]);
  });

  it('is given event, envelope and context', async () => {
    const seen = new Journal<readonly unknown[]>();
    @Projection('curious', { version: 3 })
    class Curious {
      @EventHandler(MoneyDeposited)
      on(...given: [MoneyDeposited, RecordedEvent<MoneyDeposited>, ProjectionContext]): void {
        seen.add(given);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Curious] });
    await app.get(EventStore).append('account-1', deposits(5));
    await seen.reaches(1);
    const [event, recorded, context] = seen.entries[0] as [MoneyDeposited, RecordedEvent, ProjectionContext];
    expect(event).toEqual(new MoneyDeposited(5));
    expect(event).toBeInstanceOf(MoneyDeposited);
    expect(recorded).toMatchObject({ streamId: 'account-1', position: 1 });
    expect(context).toEqual({ projection: 'curious', attempt: 1, signal: expect.any(AbortSignal) });
    expect(context.signal.aborted).toBe(false);
    await app.close();
    expect(context.signal.aborted).toBe(true);
  });

  it('is passed over events that it does not handle, so that waiting for them ends', async () => {
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Balances] });
    const { position } = await app.get(EventStore).append('account-1', [new AccountOpened('Ada')]);
    await app.get(ProjectionRegistry).waitFor('balances', position);
    expect(app.get(ProjectionRegistry).status('balances').position).toBe(position);
  });

  it('carries the cause of what it appends', async () => {
    @Projection('copier')
    class Copier {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      @EventHandler(MoneyDeposited) async on(): Promise<void> {
        await this.store.append('copy-1', [{ type: 'deposit.noticed', data: {} }]);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Copier] });
    const { position } = await app.get(EventStore).append('account-1', deposits(1));
    await app.get(ProjectionRegistry).waitFor('copier', position);
    const [cause, effect] = await app.get(EventStore).getAllEvents();
    expect(effect?.metadata).toEqual({ correlationId: cause?.id, causationId: cause?.id });
  });

  it('that is slow makes waiting end in time, with how far it has come', async () => {
    const clock = new FakeClock();
    const gate = new Gate();
    @Projection('slow')
    class Slow {
      @EventHandler(MoneyDeposited) async on({ amount }: MoneyDeposited): Promise<void> {
        if (amount === 2) await gate.opened;
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot(undefined, { clock })], providers: [Slow] });
    const projections = app.get(ProjectionRegistry);
    await app.get(EventStore).append('account-1', deposits(1, 2));
    await projections.waitFor('slow', 1);
    const waiting = expect(projections.waitFor('slow', 2, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ProjectionTimeoutError',
      projection: 'slow',
      position: 2,
      reached: 1,
      timeoutMs: 300,
    } satisfies Partial<ProjectionTimeoutError>);
    await turn();
    await clock.advance(300);
    await waiting;
    gate.open();
    await projections.waitFor('slow', 2);
  });

  it('that nobody knows is named, with those that are known', async () => {
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Balances] });
    const projections = app.get(ProjectionRegistry);
    const failure = await projections.waitFor('balanses', 1).catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(UnknownProjectionError);
    expect((failure as Error).message).toMatch(/"balanses"; there are "balances"/);
    expect(projections.list()).toMatchObject([{ name: 'balances', state: 'running' }]);
  });
});

describe('a projection whose handler keeps failing', () => {
  interface Blocked {
    readonly app: TestingModule;
    readonly clock: FakeClock;
    readonly logger: RecordingLogger;
    readonly projections: ProjectionRegistry;
    readonly store: EventStore;
  }

  async function blocked(backend: InMemoryBackend, ...more: Provider[]): Promise<Blocked> {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const app = await started({
      imports: [AllFrameModule.forRoot(backend, { clock, logger })],
      providers: [SuperstitiousProjection, ...more],
    });
    const [store, projections] = [app.get(EventStore), app.get(ProjectionRegistry)];
    await store.append('account-1', deposits(12, 13, 14));
    await app.get(SuperstitiousProjection).seen.reaches(2);
    await exhaust(clock);
    return { app, clock, logger, projections, store };
  }

  it('tries again a bounded number of times, then stands before the event and skips nothing', async () => {
    const { app, logger, projections } = await blocked(new InMemoryBackend());
    expect(app.get(SuperstitiousProjection).seen.entries).toEqual([
      '12, attempt 1',
      ...[1, 2, 3, 4, 5].map((attempt) => `13, attempt ${attempt}`),
    ]);
    expect(projections.status('superstitious')).toMatchObject({ state: 'blocked', position: 1 });
    expect(logger.errors).toEqual([
      {
        message: expect.stringMatching(/"superstitious" is blocked.*position 2/),
        error: new Error('unlucky'),
      },
    ]);
  });

  it('peer trap 5a: waiting for it does not report success, it rejects with the failure', async () => {
    const { projections, store } = await blocked(new InMemoryBackend());
    await expect(projections.waitFor('superstitious', 1)).resolves.toBeUndefined();
    const failure = await projections.waitFor('superstitious', 2).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProjectionBlockedError);
    const [, event] = await store.getAllEvents();
    expect(failure).toMatchObject({
      code: 'ProjectionBlockedError',
      projection: 'superstitious',
      position: 2,
      eventId: event?.id,
      eventType: 'money.deposited',
      cause: new Error('unlucky'),
    });
  });

  it('rejects those who were waiting already', async () => {
    const clock = new FakeClock();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, { clock, logger: new RecordingLogger() })],
      providers: [SuperstitiousProjection],
    });
    const { position } = await app.get(EventStore).append('account-1', deposits(13, 14));
    const waiting = app.get(ProjectionRegistry).waitFor('superstitious', position, patient);
    const rejected = expect(waiting).rejects.toThrow(ProjectionBlockedError);
    await app.get(SuperstitiousProjection).seen.reaches(1);
    await exhaust(clock);
    await rejected;
  });

  it('leaves other projections and listeners flowing', async () => {
    @Injectable()
    class Listener {
      readonly seen = new Journal<number>();
      @EventHandler(MoneyDeposited) on({ amount }: MoneyDeposited): void {
        this.seen.add(amount);
      }
    }
    const { app, projections, store } = await blocked(new InMemoryBackend(), Balances, Listener);
    const { position } = await store.append('account-1', deposits(15));
    await projections.waitFor('balances', position, patient);
    await app.get(Listener).seen.reaches(4);
    expect(app.get(Balances).of('account-1')).toBe(12 + 13 + 14 + 15);
    expect(projections.status('superstitious').state).toBe('blocked');
  });

  it('goes on at the blocked event when the application is started again', async () => {
    const backend = new InMemoryBackend();
    const first = await blocked(backend);
    await first.app.close();
    expect(first.projections.status('superstitious').state).toBe('blocked');

    const second = await compiled({
      imports: [AllFrameModule.forRoot(backend)],
      providers: [SuperstitiousProjection],
    });
    const projection = second.get(SuperstitiousProjection);
    projection.mended = true;
    await second.init();
    await second.get(ProjectionRegistry).waitFor('superstitious', 3);
    expect(projection.seen.entries).toEqual(['13, attempt 1', '14, attempt 1']);
  });

  it('is blocked again when it was not mended', async () => {
    const backend = new InMemoryBackend();
    await (await blocked(backend)).app.close();
    const clock = new FakeClock();
    const app = await started({
      imports: [AllFrameModule.forRoot(backend, { clock, logger: new RecordingLogger() })],
      providers: [SuperstitiousProjection],
    });
    await app.get(SuperstitiousProjection).seen.reaches(1);
    await exhaust(clock);
    expect(app.get(SuperstitiousProjection).seen.entries).toEqual(
      [1, 2, 3, 4, 5].map((attempt) => `13, attempt ${attempt}`),
    );
    expect(app.get(ProjectionRegistry).status('superstitious')).toMatchObject({
      state: 'blocked',
      position: 1,
    });
  });

  it('does not keep the application from closing while it waits for its next attempt', async () => {
    const clock = new FakeClock();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, { clock })],
      providers: [SuperstitiousProjection],
    });
    await app.get(EventStore).append('account-1', deposits(13));
    await app.get(SuperstitiousProjection).seen.reaches(1);
    await turn();
    await app.close();
    expect(app.get(ProjectionRegistry).status('superstitious')).toMatchObject({
      state: 'stopped',
      position: 0,
    });
    expect(clock.pending).toBe(0);
  });
});

describe('a projection in an application that starts again', () => {
  async function session(
    backend: InMemoryBackend,
    type: new () => Superstitious,
    name: string,
  ): Promise<string[]> {
    const app = await started({ imports: [AllFrameModule.forRoot(backend)], providers: [type] });
    const { position } = await app.get(EventStore).append('account-1', deposits(1, 2));
    await app.get(ProjectionRegistry).waitFor(name, position);
    await app.close();
    await expect(app.get(ProjectionRegistry).waitFor(name, position + 1)).rejects.toThrow(
      ProjectionStoppedError,
    );
    return app.get(type).seen.entries.map((entry) => entry.split(',')[0] as string);
  }

  it('continues from its checkpoint', async () => {
    const backend = new InMemoryBackend();
    expect(await session(backend, SuperstitiousProjection, 'superstitious')).toEqual(['1', '2']);
    expect(await session(backend, SuperstitiousProjection, 'superstitious')).toEqual(['1', '2']);
  });

  it('starts over in a new version, while the old checkpoint stays', async () => {
    @Projection('superstitious', { version: 2 })
    class NewVersion extends Superstitious {}
    const backend = new InMemoryBackend();
    await session(backend, SuperstitiousProjection, 'superstitious');
    expect(await session(backend, NewVersion, 'superstitious')).toEqual(['1', '2', '1', '2']);
    expect(await session(backend, SuperstitiousProjection, 'superstitious')).toEqual(['1', '2', '1', '2']);
  });

  it('starts over where its state is in memory', async () => {
    @Projection('in-memory', { state: 'memory' })
    class InMemory extends Superstitious {}
    const backend = new InMemoryBackend();
    expect(await session(backend, InMemory, 'in-memory')).toEqual(['1', '2']);
    expect(await session(backend, InMemory, 'in-memory')).toEqual(['1', '2', '1', '2']);
  });
});
