/** A handler is held to the event it is for. */
import {
  AggregateRoot,
  EventHandler,
  Projection,
  type ProjectionContext,
  type RecordedEvent,
} from '@allframe/nestjs';
import { AccountOpened, MoneyDeposited } from './domain.js';

@Projection('all-that-is-right', { version: 1, mode: 'async', state: 'memory', store: 'billing' })
export class Right {
  @EventHandler(MoneyDeposited) none(): void {}
  @EventHandler(MoneyDeposited) event(_event: MoneyDeposited): void {}
  @EventHandler(MoneyDeposited) async later(_event: MoneyDeposited): Promise<number> {
    return 1;
  }
  @EventHandler(MoneyDeposited)
  recorded(_event: MoneyDeposited, _recorded: RecordedEvent<MoneyDeposited>): void {}
  @EventHandler(MoneyDeposited)
  context(_event: MoneyDeposited, _recorded: RecordedEvent<MoneyDeposited>, _: ProjectionContext): void {}
  /** A part of the event is enough. */
  @EventHandler(MoneyDeposited) part({ amount }: { amount: number }, _recorded: RecordedEvent): number {
    return amount;
  }
  @EventHandler(AccountOpened)
  @EventHandler(MoneyDeposited)
  several(_event: AccountOpened | MoneyDeposited): void {}
  /** By its name, where the class is not at hand: the compiler takes the method's word for it. */
  @EventHandler('money.deposited') named(_event: { amount: number }): void {}
}

export class Wrong extends AggregateRoot {
  // @ts-expect-error the event is another one
  @EventHandler(MoneyDeposited) event(_event: AccountOpened): void {}

  // @ts-expect-error the recorded event is of another one
  @EventHandler(MoneyDeposited) recorded(_: MoneyDeposited, _recorded: RecordedEvent<AccountOpened>): void {}

  // @ts-expect-error the recorded event does not come first
  @EventHandler(MoneyDeposited) order(_recorded: RecordedEvent<MoneyDeposited>): void {}

  // @ts-expect-error nobody gives it a fourth argument
  @EventHandler(MoneyDeposited) more(_: MoneyDeposited, _r: RecordedEvent, _c: object, _more: number): void {}

  // @ts-expect-error one of its events is another one
  @EventHandler(AccountOpened)
  @EventHandler(MoneyDeposited)
  several(_event: MoneyDeposited): void {}

  // @ts-expect-error a field is no handler
  @EventHandler(MoneyDeposited) field = (_event: MoneyDeposited): void => {};

  // @ts-expect-error an instance is no class
  @EventHandler(new MoneyDeposited(1)) instance(_event: MoneyDeposited): void {}
}

// @ts-expect-error the only mode there is, is async
@Projection('wrong', { mode: 'inline' })
export class WrongMode {}

// @ts-expect-error state is in memory or stored
@Projection('wrong', { state: 'redis' })
export class WrongState {}
