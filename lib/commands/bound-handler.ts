import type { Type } from '../store/domain-event.decorator.js';
import type { CommandHandlerOptions } from './command-handler.decorator.js';
import type { Decided } from './idempotency/command-rider.js';
import type { IdempotentCommands } from './idempotency/idempotent-commands.js';
import type { CommandContext, QueryContext } from './message-context.js';
import type { QueryHandlerOptions } from './query-handler.decorator.js';

/** What handles a class of commands, as the bus calls it. */
export interface BoundCommand {
  readonly message: Type<object>;
  /** `Class` or `Class.method`, for people. */
  readonly handler: string;
  readonly options: CommandHandlerOptions;
  /** What handles them once for an id; `undefined` where there is no store to keep ids in. */
  readonly ids: IdempotentCommands | undefined;
  /** Where the bus appends what the handler decides: runs `work` when earlier commands for the same stream have ended. */
  readonly inTurn?: <R>(command: object, work: () => Promise<R>) => Promise<R>;
  readonly handle: (command: object, context: CommandContext, decided: Decided) => unknown;
}

/** What handles a class of queries, as the bus calls it. */
export interface BoundQuery {
  readonly message: Type<object>;
  readonly handler: string;
  readonly options: QueryHandlerOptions;
  readonly handle: (query: object, context: QueryContext) => unknown;
}
