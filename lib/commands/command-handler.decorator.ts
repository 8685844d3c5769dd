import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';
import { checkName } from '../core/text.js';
import type { AppendResult } from '../core/commit.js';
import { checkRetry, type RetryOptions } from '../aggregates/conflict-retry.js';
import type { Type } from '../store/domain-event.decorator.js';
import type { CommandResult, ICommand, ICommandHandler } from './command.js';
import { HandlerMarks } from './handler-marks.js';
import type { CommandContext } from './message-context.js';
import type { MessageSchema } from './message-schema.js';

/**
 * How a command is handled.
 * @publicApi
 */
export interface CommandHandlerOptions<C extends ICommand = ICommand> {
  /** What the command has to satisfy; default the static `schema` of its class, if it has one. */
  readonly schema?: MessageSchema;
  /** The name that command ids are kept by, for ever; default the name of the class. Without `:` and `/`. */
  readonly name?: string;
  /**
   * Handles the command again when another writer was faster. By default an aggregate's or decider's is tried 16
   * times and any other once; a handler that has appended already is not run again.
   */
  readonly retry?: RetryOptions | false;
  /** The handler appends several times for one command; a crash may leave it half done. Else the second append is refused where a command id is given. */
  readonly severalAppends?: boolean;
  /** The store that the handler appends to and command ids are kept in, where it is not the default one. */
  readonly store?: string;
  /** Of an aggregate or decider: which one it is; default the command's `<aggregate>Id`, or `id`. */
  readonly id?: (command: C) => string;
  /** Of an aggregate or decider: `'noStream'` for what begins it, `'streamExists'` for what needs one; default `'any'`. */
  readonly expectedVersion?: 'any' | 'noStream' | 'streamExists';
  /** Nest's scope of the handler class, as in `@Injectable`. */
  readonly scope?: number;
}

/** What an aggregate's method may return: the answer, or nothing where the result of the append will do. */
type Decision<C extends ICommand> =
  CommandResult<C> | (AppendResult | null extends CommandResult<C> ? void : never);

/** Decorates a class with `execute`, or a method. */
interface CommandHandlerDecorator<C extends ICommand> {
  <T extends abstract new (...args: never[]) => ICommandHandler<C>>(target: T): void;
  <M extends (command: C, context: CommandContext) => Decision<C> | Promise<Decision<C>>>(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
}

/** What `@CommandHandler` has written. */
export const COMMAND_MARKS = new HandlerMarks<CommandHandlerOptions>('@CommandHandler');

/**
 * Marks what handles a command: a class with `execute`, a method of any provider, or a method of an `@Aggregate`.
 *
 * The bus loads the aggregate that the command names, calls the method, and appends what it applied. The answer is what
 * the method returns, or the `AppendResult` (`null` if it applied nothing) where it returns nothing.
 * @throws InvalidArgumentError for a command that is no class, a static method, and options that cannot be
 * @example
 * ```ts
 * class DepositMoney extends Command<AppendResult | null> {
 *   constructor(
 *     readonly purseId: string,
 *     readonly amount: number,
 *   ) {
 *     super();
 *   }
 * }
 *
 * @Aggregate('purse')
 * class Purse extends AggregateRoot {
 *   @CommandHandler(DepositMoney) deposit({ amount }: DepositMoney) {
 *     this.apply(new MoneyDeposited(amount));
 *   }
 * }
 * ```
 * @publicApi
 */
export function CommandHandler<C extends ICommand>(
  command: Type<C>,
  options: CommandHandlerOptions<C> = {},
): CommandHandlerDecorator<C> {
  return (target: object, method?: string | symbol) => {
    checkCommandHandlerOptions(options as CommandHandlerOptions);
    COMMAND_MARKS.mark(target, method, command, options as CommandHandlerOptions);
  };
}

/** @throws InvalidArgumentError, LimitExceededError */
export function checkCommandHandlerOptions({ name, retry }: CommandHandlerOptions): void {
  if (name !== undefined) checkCommandName(name);
  if (retry !== undefined && retry !== false) checkRetry(retry, '@CommandHandler retry');
}

/** @throws InvalidArgumentError, LimitExceededError for a name that no command id can be kept by */
export function checkCommandName(name: string): void {
  checkName(name, '@CommandHandler name', 'commandNameBytesMax', Limits.commandNameBytesMax);
  if (/[:/]/.test(name))
    throw new InvalidArgumentError('@CommandHandler name', `"${name}" holds a ":" or "/"; leave it out`);
}

/** @throws InvalidArgumentError, LimitExceededError for an id that cannot be kept */
export function checkCommandId(commandId: unknown): asserts commandId is string {
  checkName(commandId, 'options.commandId', 'commandIdBytesMax', Limits.commandIdBytesMax);
}
