import { describe, expect, it } from 'vitest';
import {
  AllFrameModule,
  EventHandler,
  EventStore,
  Projection,
  type ProjectionContext,
  ProjectionRegistry,
  type RecordedEvent,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { Controller, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { AccountOpened, MoneyDeposited } from './bank.js';
import { Journal, RecordingLogger, started, turn } from './running-app.js';

/** What each handler call saw: the amounts, and through which instances. */
@Injectable()
class Ledger extends Journal<{ readonly by: object; readonly amount: number; readonly tenant?: unknown }> {}

/** Made anew for each event, from its metadata. */
@Injectable({ scope: Scope.REQUEST })
class Tenant {
  constructor(@Inject(REQUEST) readonly event: RecordedEvent) {}

  get name(): unknown {
    return this.event.metadata['tenant'];
  }
}

/** Request-scoped only because of what it uses, twice over. */
@Injectable()
class TenantLedger {
  constructor(
    @Inject(Tenant) readonly tenant: Tenant,
    @Inject(Ledger) readonly ledger: Ledger,
  ) {}
}

@Injectable()
class ScopedListener {
  constructor(
    @Inject(TenantLedger) readonly tenants: TenantLedger,
    @Inject(Tenant) readonly tenant: Tenant,
    @Inject(EventStore) readonly store: EventStore,
  ) {}

  @EventHandler(MoneyDeposited)
  on(event: MoneyDeposited, recorded: RecordedEvent<MoneyDeposited>): void {
    expect(this.tenant).toBe(this.tenants.tenant);
    expect(this.tenant.event).toBe(recorded);
    expect(this.store).toBeInstanceOf(EventStore);
    this.tenants.ledger.add({ by: this, amount: event.amount, tenant: this.tenant.name });
  }
}

const logger = (): { logger: RecordingLogger } => ({ logger: new RecordingLogger() });
const of = (tenant: string): { metadata: { tenant: string } } => ({ metadata: { tenant } });

async function twoDeposits(store: EventStore): Promise<number> {
  await store.append('account-1', [new MoneyDeposited(1)], of('north'));
  return (await store.append('account-1', [new MoneyDeposited(2)], of('south'))).position;
}

const expected = [
  { amount: 1, tenant: 'north' },
  { amount: 2, tenant: 'south' },
];

describe('request-scoped handlers', () => {
  it('peer trap 5: request-scoped handlers get their dependencies (listeners)', async () => {
    const options = logger();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, options)],
      providers: [Ledger, Tenant, TenantLedger, ScopedListener],
    });
    await twoDeposits(app.get(EventStore));
    await app.get(Ledger).reaches(2);
    expect(app.get(Ledger).entries).toMatchObject(expected);
    expect(new Set(app.get(Ledger).entries.map(({ by }) => by)).size).toBe(2);
    expect(options.logger.errors).toEqual([]);
  });

  it('peer trap 5: request-scoped handlers get their dependencies (projections)', async () => {
    @Projection('scoped')
    class ScopedProjection extends ScopedListener {}
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [Ledger, Tenant, TenantLedger, ScopedProjection],
    });
    await app.get(ProjectionRegistry).waitFor('scoped', await twoDeposits(app.get(EventStore)));
    expect(app.get(Ledger).entries).toMatchObject(expected);
    expect(new Set(app.get(Ledger).entries.map(({ by }) => by)).size).toBe(2);
  });

  it('peer trap 5: request-scoped handlers get their dependencies (controllers)', async () => {
    @Controller({ path: 'ledger', scope: Scope.REQUEST })
    class ScopedController extends ScopedListener {}
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [Ledger, Tenant, TenantLedger],
      controllers: [ScopedController],
    });
    await twoDeposits(app.get(EventStore));
    await app.get(Ledger).reaches(2);
    expect(app.get(Ledger).entries).toMatchObject(expected);
  });

  it('peer trap 5: request-scoped handlers get their dependencies (factories)', async () => {
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [
        Ledger,
        Tenant,
        {
          provide: ScopedListener,
          scope: Scope.REQUEST,
          inject: [Tenant, Ledger, EventStore],
          useFactory: (tenant: Tenant, ledger: Ledger, store: EventStore) =>
            new ScopedListener(new TenantLedger(tenant, ledger), tenant, store),
        },
      ],
    });
    await twoDeposits(app.get(EventStore));
    await app.get(Ledger).reaches(2);
    expect(app.get(Ledger).entries).toMatchObject(expected);
  });

  it('are those of their own module, where another provides something else under the same token', async () => {
    const seen = new Journal<string>();
    @Injectable({ scope: Scope.REQUEST })
    class Sales {
      @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited): void {
        seen.add(`sales ${event.amount}`);
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Support {
      @EventHandler(AccountOpened) onOpened(event: AccountOpened): void {
        seen.add(`support ${event.owner}`);
      }
    }
    @Module({ providers: [{ provide: 'LISTENER', useClass: Sales }] })
    class SalesModule {}
    @Module({ providers: [{ provide: 'LISTENER', useClass: Support }] })
    class SupportModule {}
    const options = logger();
    const app = await started({
      imports: [SalesModule, SupportModule, AllFrameModule.forRoot(undefined, options)],
    });
    await app.get(EventStore).append('account-1', [new AccountOpened('Ada'), new MoneyDeposited(1)]);
    await seen.reaches(2);
    expect([...seen.entries].sort()).toEqual(['sales 1', 'support Ada']);
    expect(options.logger.errors).toEqual([]);
  });

  it('run once where an alias gives them the name of their base class', async () => {
    const seen = new Journal<object>();
    abstract class Notifier {
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(event);
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class MailNotifier extends Notifier {}
    const app = await started({
      imports: [AllFrameModule.forRoot()],
      providers: [{ provide: Notifier, useExisting: MailNotifier }, MailNotifier],
    });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(2);
    await turn();
    await app.close();
    expect(seen.entries).toEqual([new MoneyDeposited(1), new MoneyDeposited(2)]);
  });

  it('provided by two modules run once, with the dependencies of the first', async () => {
    const seen = new Journal<string>();
    @Injectable({ scope: Scope.REQUEST })
    class Branch {
      constructor(@Inject('BRANCH') readonly name: string) {}
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(`${this.name} ${event.amount}`);
      }
    }
    @Module({ providers: [Branch, { provide: 'BRANCH', useValue: 'north' }] })
    class NorthModule {}
    @Module({ providers: [Branch, { provide: 'BRANCH', useValue: 'south' }] })
    class SouthModule {}
    const options = logger();
    const app = await started({
      imports: [NorthModule, SouthModule, AllFrameModule.forRoot(undefined, options)],
    });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(2);
    await app.close();
    expect(seen.entries).toEqual(['north 1', 'north 2']);
    expect(options.logger.warnings).toEqual([expect.stringMatching(/NorthModule and again by SouthModule/)]);
  });

  it('that cannot be made are reported as failed, and the next event follows', async () => {
    const seen = new Journal<number>();
    @Injectable({ scope: Scope.REQUEST })
    class Fragile {
      constructor(@Inject(REQUEST) event: RecordedEvent<MoneyDeposited>) {
        if (event.data.amount === 1) throw new Error('no tenant');
      }
      @EventHandler(MoneyDeposited) on(event: MoneyDeposited): void {
        seen.add(event.amount);
      }
    }
    const options = logger();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, options)],
      providers: [Fragile],
    });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(1);
    expect(seen.entries).toEqual([2]);
    expect(options.logger.errors).toEqual([
      {
        message: expect.stringMatching(/^Fragile@on failed at event .*position 1/),
        error: new Error('no tenant'),
      },
    ]);
  });

  it('of a projection are made anew for each attempt', async () => {
    const clock = new FakeClock();
    const seen = new Journal<{ by: object; attempt: number }>();
    @Projection('fragile')
    @Injectable({ scope: Scope.REQUEST })
    class Fragile {
      @EventHandler(MoneyDeposited) on(_: MoneyDeposited, __: unknown, { attempt }: ProjectionContext): void {
        seen.add({ by: this, attempt });
        if (attempt < 3) throw new Error('not yet');
      }
    }
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, { clock })],
      providers: [Fragile],
    });
    const { position } = await app.get(EventStore).append('account-1', [new MoneyDeposited(1)]);
    const done = app.get(ProjectionRegistry).waitFor('fragile', position, { timeoutMs: 60_000 });
    await seen.reaches(1);
    await turn();
    await clock.advance(1_000);
    await done;
    expect(seen.entries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(seen.entries.map(({ by }) => by)).size).toBe(3);
  });
});

describe('transient handlers', () => {
  it('are made anew for each event, and are not the instances that others inject', async () => {
    const seen = new Journal<object>();
    @Injectable({ scope: Scope.TRANSIENT })
    class Stamp {
      constructor(@Inject(EventStore) readonly store: EventStore) {}
      @EventHandler(MoneyDeposited) on(): void {
        expect(this.store).toBeInstanceOf(EventStore);
        seen.add(this);
      }
    }
    @Injectable()
    class User {
      constructor(@Inject(Stamp) readonly stamp: Stamp) {}
    }
    const options = logger();
    const app = await started({
      imports: [AllFrameModule.forRoot(undefined, options)],
      providers: [Stamp, User],
    });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(2);
    await app.close();
    expect(options.logger.errors).toEqual([]);
    expect(new Set([...seen.entries, app.get(User).stamp]).size).toBe(3);
  });

  it('that a shared handler uses leave it shared', async () => {
    const seen = new Journal<object>();
    @Injectable({ scope: Scope.TRANSIENT })
    class Stamp {}
    @Injectable()
    class Shared {
      constructor(@Inject(Stamp) readonly stamp: Stamp) {}
      @EventHandler(MoneyDeposited) on(): void {
        seen.add(this);
      }
    }
    const app = await started({ imports: [AllFrameModule.forRoot()], providers: [Stamp, Shared] });
    await app.get(EventStore).append('account-1', [new MoneyDeposited(1), new MoneyDeposited(2)]);
    await seen.reaches(2);
    expect(seen.entries).toEqual([app.get(Shared), app.get(Shared)]);
    expect(seen.entries[0]).toBe(app.get(Shared));
  });
});
