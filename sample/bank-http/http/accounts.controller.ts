import { Body, Controller, Get, Headers, HttpCode, HttpStatus, Param, Post, Put, Res } from '@nestjs/common';
import { type AppendResult, type Command, CommandBus, type CommandOptions, QueryBus } from '@allframe/nestjs';
import { DepositMoney, OpenAccount, TransferMoney, WithdrawMoney } from '../accounts/account.commands.js';
import { AccountOf, type AccountView } from '../accounts/account.query.js';
import { etagOf, expectedVersionOf } from './etag.js';

/** A body as it came: the schemas of the commands say what is wrong with it. */
type UncheckedBody<T> = Readonly<T> | undefined;

/** By which a client repeats a request safely, and says which version of the account it has seen. */
interface RequestHeaders {
  readonly 'idempotency-key'?: string;
  readonly 'if-match'?: string;
}

/** What is used of the platform's response. */
interface HttpResponse {
  setHeader(name: string, value: string): unknown;
}

/** Where a change stands; a repeated request gets the same. */
interface Change {
  readonly version: number;
  readonly position: number;
}

@Controller()
export class AccountsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get('accounts/:id')
  async show(
    @Param('id') id: string,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<AccountView> {
    const account = await this.queries.execute(new AccountOf(id));
    // Express answers 304 by itself where the request's If-None-Match has this ETag.
    response.setHeader('ETag', etagOf(account.version));
    return account;
  }

  @Put('accounts/:id')
  @HttpCode(HttpStatus.CREATED)
  open(
    @Param('id') id: string,
    @Body() body: UncheckedBody<{ owner: string }>,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<Change> {
    return this.#change(new OpenAccount(id, body?.owner ?? ''), headers, response);
  }

  @Post('accounts/:id/deposits')
  deposit(
    @Param('id') id: string,
    @Body() body: UncheckedBody<{ amount: number }>,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<Change> {
    return this.#change(new DepositMoney(id, body?.amount ?? 0), headers, response);
  }

  @Post('accounts/:id/withdrawals')
  withdraw(
    @Param('id') id: string,
    @Body() body: UncheckedBody<{ amount: number }>,
    @Headers() headers: RequestHeaders,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<Change> {
    return this.#change(new WithdrawMoney(id, body?.amount ?? 0), headers, response);
  }

  @Post('transfers')
  transfer(
    @Body() body: UncheckedBody<{ from: string; to: string; amount: number }>,
    @Headers() headers: RequestHeaders,
  ): Promise<{ readonly position: number }> {
    const { from = '', to = '', amount = 0 } = body ?? {};
    return this.commands.execute(new TransferMoney(from, to, amount), optionsOf(headers));
  }

  async #change(
    command: Command<AppendResult | null>,
    headers: RequestHeaders,
    response: HttpResponse,
  ): Promise<Change> {
    const result = await this.commands.execute(command, {
      ...optionsOf(headers),
      ...expectedVersionOf(headers['if-match']),
    });
    const { version = 0, position = 0 } = result ?? {};
    response.setHeader('ETag', etagOf(version));
    return { version, position };
  }
}

function optionsOf({ 'idempotency-key': commandId }: RequestHeaders): CommandOptions {
  return commandId === undefined ? {} : { commandId };
}
