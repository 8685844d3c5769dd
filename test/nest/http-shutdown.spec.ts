import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import {
  AllFrameModule,
  EventHandler,
  EventStore,
  InMemoryBackend,
  ProjectionRegistry,
} from '@allframe/nestjs';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  Param,
  ParseIntPipe,
  Post,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Account, Accounts, MoneyDeposited } from './bank.js';
import { compiled, Gate, Journal, startFailure } from './running-app.js';

/** Opens when the application has begun to shut down, before the HTTP server is closed. */
@Injectable()
class ShutdownBegins extends Gate implements BeforeApplicationShutdown {
  beforeApplicationShutdown(): void {
    this.open();
  }
}

@Controller('accounts')
class AccountsController {
  readonly entered = new Gate();
  readonly proceed = new Gate();
  readonly listened = new Journal<number>();

  constructor(
    @Inject(Accounts) readonly accounts: Accounts,
    @Inject(EventStore) readonly store: EventStore,
  ) {}

  @Post(':id/deposits/:amount')
  async deposit(@Param('id') id: string, @Param('amount', ParseIntPipe) amount: number): Promise<object> {
    this.entered.open();
    await this.proceed.opened;
    const result = await this.accounts.deposit(id, amount);
    return { version: result?.version, balance: await this.accounts.balanceOf(id) };
  }

  @Get('count')
  async count(): Promise<number> {
    return (await this.store.stats()).totalEvents;
  }

  @EventHandler(MoneyDeposited)
  on(event: MoneyDeposited): void {
    this.listened.add(event.amount);
  }
}

async function listening(backend: InMemoryBackend): Promise<{ app: INestApplication; url: string }> {
  const moduleRef = await compiled({
    imports: [AllFrameModule.forRoot(backend), AllFrameModule.forFeature([Account])],
    controllers: [AccountsController],
    providers: [Accounts, ShutdownBegins],
  });
  const app = moduleRef.createNestApplication();
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

/** On a connection of its own: a server that closes would wait seconds for a client that keeps one alive. */
async function post(url: string): Promise<readonly [status: number | undefined, body: unknown]> {
  const sent = request(url, { method: 'POST', agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return [response.statusCode, await json(response)];
}

describe('an HTTP application', () => {
  it('finishes a request that appends while the application closes', async () => {
    const backend = new InMemoryBackend();
    const { app, url } = await listening(backend);
    const controller = app.get(AccountsController);
    const response = post(`${url}/accounts/1/deposits/5`);
    await controller.entered.opened;

    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await app.get(ShutdownBegins).opened;
    expect(closed).toBe(false);
    controller.proceed.open();
    expect(await response).toEqual([201, { version: 1, balance: 5 }]);
    await closing;

    expect(backend.isOpen).toBe(false);
    const store = await EventStore.open(backend);
    expect((await store.getEvents('account-1')).map(({ data }) => data)).toEqual([{ amount: 5 }]);
    await store.close();
  });

  it('answers requests and hears events once it listens', async () => {
    const { app, url } = await listening(new InMemoryBackend());
    const controller = app.get(AccountsController);
    controller.proceed.open();
    await post(`${url}/accounts/1/deposits/5`);
    await controller.listened.reaches(1);
    expect(await (await fetch(`${url}/accounts/count`)).json()).toBe(1);
    await app.close();
    await app.close();
  });

  it('refuses to listen when it is wired wrongly', async () => {
    @Injectable()
    class Mailer {
      @EventHandler('acount.opened') onOpened(): void {}
    }
    const moduleRef = await compiled({ imports: [AllFrameModule.forRoot()], providers: [Mailer] });
    const app = moduleRef.createNestApplication();
    await expect(app.listen(0)).rejects.toThrow(/Mailer\.onOpened/);
    await app.close();
  });
});

describe('an application context', () => {
  it('is open and running once NestFactory has made it, and closed by it', async () => {
    const backend = new InMemoryBackend();
    class AppModule {}
    const app = await NestFactory.createApplicationContext(
      {
        module: AppModule,
        imports: [AllFrameModule.forRoot(backend), AllFrameModule.forFeature([Account])],
        providers: [Accounts],
      },
      { logger: false },
    );
    expect(await app.get(Accounts).deposit('1', 5)).toMatchObject({ position: 1 });
    expect(app.get(ProjectionRegistry).list()).toEqual([]);
    await app.close();
    expect(backend.isOpen).toBe(false);
  });

  it('that cannot open its store is not made', async () => {
    expect((await startFailure({ imports: [AllFrameModule.forRoot('nowhere:')] })).message).toMatch(
      /"nowhere:"/,
    );
  });
});
