/** A bank whose commands go through the bus: by an aggregate, by a decider, and by handlers that append by themselves. */
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  type AppendResult,
  Command,
  CommandBus,
  type CommandBusOptions,
  CommandHandler,
  type CommandHandlerOptions,
  DomainError,
  DomainEvent,
  EventHandler,
  EventStore,
  type ICommandHandler,
} from '@allframe/nestjs';

@DomainEvent('purse.opened')
export class PurseOpened {
  constructor(readonly owner: string) {}
}

@DomainEvent('purse.filled')
export class PurseFilled {
  constructor(readonly amount: number) {}
}

class PurseEmptyError extends DomainError {
  readonly code = 'PurseEmptyError';

  constructor() {
    super('The purse is empty');
  }
}

export class OpenPurse extends Command<{ owner: string }> {
  constructor(
    readonly purseId: string,
    readonly owner: string,
  ) {
    super();
  }
}

/** Answered with the result of the append. */
export class FillPurse extends Command<AppendResult | null> {
  constructor(
    readonly purseId: string,
    readonly amount: number,
  ) {
    super();
  }
}

export class EmptyPurse extends Command<void> {
  constructor(readonly purseId: string) {
    super();
  }
}

@Aggregate('purse')
export class Purse extends AggregateRoot {
  owner = '';
  balance = 0;

  @CommandHandler(OpenPurse, { expectedVersion: 'noStream' })
  open({ owner }: OpenPurse): { owner: string } {
    this.apply(new PurseOpened(owner));
    return { owner };
  }

  @CommandHandler(FillPurse)
  fill({ amount }: FillPurse): void {
    if (amount > 0) this.apply(new PurseFilled(amount));
  }

  @CommandHandler(EmptyPurse, { expectedVersion: 'streamExists' })
  empty(): void {
    if (this.balance === 0) throw new PurseEmptyError();
    this.apply(new PurseFilled(-this.balance));
  }

  @EventHandler(PurseOpened) onOpened(event: PurseOpened): void {
    this.owner = event.owner;
  }
  @EventHandler(PurseFilled) onFilled(event: PurseFilled): void {
    this.balance += event.amount;
  }
}

/** Handled by whatever `work` is, once it is registered. */
export class Free extends Command<unknown> {
  constructor(readonly text: string) {
    super();
  }
}

/** A bus on a store, with the purse and a free handler that does `work`. */
export function busOf(
  store: EventStore,
  work: ICommandHandler<Free>['execute'] = async () => undefined,
  options: CommandHandlerOptions<Free> = {},
  busOptions: Omit<CommandBusOptions, 'store'> = {},
): CommandBus {
  @CommandHandler(Free, options)
  class FreeHandler implements ICommandHandler<Free> {
    readonly execute = work;
  }
  const bus = new CommandBus({ store, ...busOptions });
  bus.register(new FreeHandler());
  bus.registerAggregate(Purse, new AggregateRepository(store, Purse));
  return bus;
}
