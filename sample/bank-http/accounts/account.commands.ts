/** What can be asked of accounts, and what each request has to look like. */
import { type AppendResult, Command } from '@allframe/nestjs';
import { z } from 'zod';

const id = z.string().regex(/^[\w]{1,40}$/, 'is 1 to 40 letters, digits or underscores');
/** Whole cents. */
const amount = z.int().positive().max(100_000_000);

export class OpenAccount extends Command<AppendResult | null> {
  static readonly schema = z.object({ accountId: id, owner: z.string().trim().min(1).max(100) });

  constructor(
    readonly accountId: string,
    readonly owner: string,
  ) {
    super();
  }
}

export class DepositMoney extends Command<AppendResult | null> {
  static readonly schema = z.object({ accountId: id, amount });

  constructor(
    readonly accountId: string,
    readonly amount: number,
  ) {
    super();
  }
}

export class WithdrawMoney extends Command<AppendResult | null> {
  static readonly schema = z.object({ accountId: id, amount });

  constructor(
    readonly accountId: string,
    readonly amount: number,
  ) {
    super();
  }
}

export class TransferMoney extends Command<{ readonly position: number }> {
  static readonly schema = z.object({ from: id, to: id, amount }).refine(({ from, to }) => from !== to, {
    path: ['to'],
    message: 'is the account that the money comes from',
  });

  constructor(
    readonly from: string,
    readonly to: string,
    readonly amount: number,
  ) {
    super();
  }
}
