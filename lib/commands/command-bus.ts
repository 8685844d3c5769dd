import type { AggregateRepository } from '../aggregates/aggregate-repository.js';
import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import { retryOnConflict, type RetryOptions } from '../aggregates/conflict-retry.js';
import { type Clock, systemClock } from '../core/clock.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { checkExpectedVersion, expectedPlace } from '../core/expected-version.js';
import { Limits } from '../core/limits.js';
import { carryRider } from '../store/event-context.js';
import type { EventStore } from '../store/event-store.js';
import { Attempt } from './attempt.js';
import type { BoundCommand } from './bound-handler.js';
import {
  checkCommandHandlerOptions,
  checkCommandId,
  checkCommandName,
  COMMAND_MARKS,
  type CommandHandlerOptions,
} from './command-handler.decorator.js';
import type { Command, ICommand } from './command.js';
import { commandsOfAggregate } from './decided-commands.js';
import { methodsOf } from './handler-marks.js';
import type { Decided } from './idempotency/command-rider.js';
import { IdempotentCommands } from './idempotency/idempotent-commands.js';
import type { CallContext, CommandOptions } from './message-context.js';
import { MessageBus } from './message-bus.js';
import { classOf } from './message-class.js';
import { type MessageSchema, schemaOf, validated } from './message-schema.js';
import { AmbiguousCommandNameError, CommandValidationError } from './message.errors.js';
import type { MessageMiddleware } from './middleware.js';

/**
 * How a bus is made outside of Nest.
 * @publicApi
 */
export interface CommandBusOptions {
  /** Where command ids are kept; a bus without a store takes none. */
  readonly store?: EventStore;
  /** How long a command id is kept, in milliseconds; default a week. */
  readonly keepCommandIdsMs?: number;
  /** The first is outermost. */
  readonly middleware?: readonly MessageMiddleware[];
  /** Default the store's, or the machine's. */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1; spreads retries. Default `Math.random`. */
  readonly random?: () => number;
}

/** A handler that is ready to be called. */
interface ReadyCommand extends BoundCommand {
  /** The name that ids are kept by. */
  readonly name: string;
  readonly schema: MessageSchema | undefined;
  readonly retry: RetryOptions;
}

const ONCE: RetryOptions = { attempts: 1 };
const UNTIL_IT_SUCCEEDS: RetryOptions = { attempts: Limits.updateAttemptsMax };

/** Without an id nothing is recorded. */
const UNRECORDED: Decided = () => undefined;

/**
 * Takes commands to their handlers, and answers to their callers.
 *
 * Around a handler, from the outside: middleware, one handling per `commandId`, validation, retries on conflict. The
 * caller's time and signal are minded throughout.
 * @example
 * ```ts
 * @CommandHandler(OpenAccount)
 * class OpenAccountHandler implements ICommandHandler<OpenAccount> {
 *   async execute({ accountId, owner }: OpenAccount) {
 *     await accounts.update(accountId, (account) => account.open(owner, 0));
 *     return { id: accountId };
 *   }
 * }
 *
 * const commandBus = new CommandBus({ store });
 * commandBus.register(new OpenAccountHandler());
 * await commandBus.execute(new OpenAccount('a1', 'Ada'), { commandId: 'request-1' });
 * ```
 * @publicApi
 */
export class CommandBus extends MessageBus<'command', ReadyCommand> {
  readonly #random: () => number;
  readonly #ids: IdempotentCommands | undefined;
  /** The handlers of each name that ids are kept by. */
  readonly #named = new Map<string, string[]>();
  /** Subclasses that go to the handler of their base, by the name that their ids are kept by. */
  readonly #subclasses = new Map<string, object>();

  /** @throws InvalidArgumentError */
  constructor(options: CommandBusOptions = {}) {
    const { store, keepCommandIdsMs, middleware = [] } = options;
    super('command', options.clock ?? store?.clock ?? systemClock, COMMAND_MARKS);
    this.#random = options.random ?? Math.random;
    this.#ids = store && new IdempotentCommands(store, { keepMs: keepCommandIdsMs, random: this.#random });
    this.use(middleware);
  }

  /**
   * Has a command handled, and gives what its handler answers.
   * @throws HandlerNotFoundError, CommandValidationError, ExecutionTimeoutError, IdempotencyConflictError,
   * CommandResultLostError, InvalidArgumentError, LimitExceededError, and what the handler throws
   */
  execute<R>(command: Command<R>, options?: CommandOptions): Promise<R>;
  execute<C extends ICommand, R = unknown>(command: C, options?: CommandOptions): Promise<R>;
  execute(command: object, options?: CommandOptions): Promise<unknown> {
    return this.send(command, options, (handler, context) => this.#handle(handler, context));
  }

  /**
   * Registers an instance by the `@CommandHandler` marks of its class. Nest does this for providers.
   * @throws DuplicateHandlerError, and InvalidArgumentError for a method or schema that is none
   */
  register(instance: object): void {
    for (const { message, options, handler, call } of methodsOf(instance, COMMAND_MARKS))
      this.bind({ message, options, handler, ids: this.#ids, handle: call });
  }

  /**
   * Registers the methods of an aggregate that `@CommandHandler` marks. Nest does this for `forFeature`.
   * @throws DuplicateHandlerError, and InvalidArgumentError for a schema that is none
   */
  registerAggregate<A extends AggregateRoot>(
    type: AggregateType<A>,
    repository: AggregateRepository<A>,
  ): void {
    for (const bound of commandsOfAggregate(type, repository, this.#ids)) this.bind(bound);
  }

  /** For those who find handlers: registers one. @throws DuplicateHandlerError, InvalidArgumentError */
  bind(bound: BoundCommand): void {
    checkCommandHandlerOptions(bound.options);
    refuseForeignOptions(bound);
    const { message, handler, options, inTurn } = bound;
    const { name = message.name, retry = inTurn === undefined ? ONCE : UNTIL_IT_SUCCEEDS } = options;
    const schema = schemaOf(message, options.schema, handler);
    this.registry.add(message, { ...bound, name, schema, retry: retry === false ? ONCE : retry });
    this.#named.set(name, [...(this.#named.get(name) ?? []), handler]);
  }

  protected override checkOptions(options: CommandOptions): void {
    super.checkOptions(options);
    if (options.commandId !== undefined) checkCommandId(options.commandId);
    if (options.expectedVersion !== undefined) checkExpectedVersion(options.expectedVersion);
  }

  #handle(handler: ReadyCommand, context: CallContext<'command'>): Promise<unknown> {
    const { commandId, expectedVersion } = context;
    if (expectedVersion !== undefined && handler.inTurn === undefined) {
      throw new InvalidArgumentError(
        'options.expectedVersion',
        `${handler.handler} appends by itself, so nothing would hold it; make the version a member of the command`,
      );
    }
    if (commandId === undefined) return this.#run(handler, context, UNRECORDED);
    const { name, ids, inTurn, options } = handler;
    checkCommandName(name);
    const sameName = this.#named.get(name) ?? [];
    if (sameName.length > 1) throw new AmbiguousCommandNameError(name, sameName);
    if (ids === undefined) {
      throw new InvalidArgumentError(
        'options.commandId',
        'there is no store to keep it in; give one: new CommandBus({ store }), or AllFrameModule.forRoot in Nest',
      );
    }
    return ids.answer(context, commandId, {
      name: this.#idNameOf(handler, context.message),
      handler: handler.handler,
      severalAppends: options.severalAppends === true,
      decides: inTurn !== undefined,
      validate: () => validCommand(handler, context),
      run: (decided) => this.#run(handler, context, decided),
    });
  }

  /** The name that ids are kept by. A subclass that goes to the handler of its base is a type of its own. */
  #idNameOf({ name, message, handler }: ReadyCommand, command: object): string {
    const type = classOf(command);
    if (type === message) return name;
    checkCommandName(type.name);
    const known = this.#subclasses.get(`${name}/${type.name}`);
    if (known !== undefined && known !== type) throw new AmbiguousCommandNameError(type.name, [handler]);
    this.#subclasses.set(`${name}/${type.name}`, type);
    return `${name}/${type.name}`;
  }

  /** Validates and handles a command, again while another writer is faster. */
  async #run(handler: ReadyCommand, context: CallContext<'command'>, decided: Decided): Promise<unknown> {
    const { options, handle, inTurn } = handler;
    const command = handler.schema === undefined ? context.message : await validCommand(handler, context);
    // A caller who names the version has decided on it, and would not be served by another.
    const isFixed = [context.expectedVersion, options.expectedVersion].some(
      (expected) => expected !== undefined && expectedPlace(expected) !== undefined,
    );
    if (handler.retry.attempts === 1 || isFixed) return handle(command, context, decided);
    let attempt: Attempt | undefined;
    const attemptIt = async (): Promise<unknown> => {
      // They may have gone while it waited for its turn, or before it is tried again.
      context.throwIfNobodyWaits();
      attempt = new Attempt(handler.handler);
      return carryRider(attempt, async () => handle(command, context, decided));
    };
    const mayRepeat = async (): Promise<boolean> => attempt?.abandon() ?? false;
    const untilItSucceeds = async (): Promise<unknown> => {
      try {
        return await retryOnConflict(attemptIt, handler.retry, this.clock, this.#random, mayRepeat);
      } finally {
        attempt?.end();
      }
    };
    return inTurn === undefined ? untilItSucceeds() : inTurn(command, untilItSucceeds);
  }
}

/** Options that would be ignored, and leave somebody in the belief that they hold. @throws InvalidArgumentError */
function refuseForeignOptions({ handler, options, inTurn }: BoundCommand): void {
  const foreign: readonly (keyof CommandHandlerOptions)[] =
    inTurn === undefined ? ['id', 'expectedVersion'] : ['severalAppends', 'store', 'scope'];
  const found = foreign.find((option) => options[option] !== undefined);
  if (found === undefined) return;
  throw new InvalidArgumentError(
    `${found} of ${handler}`,
    inTurn === undefined
      ? 'it is for aggregates and deciders, whose streams the bus knows; leave it out'
      : 'it is for classes that append by themselves; an aggregate or decider is of the store of its `forFeature`',
  );
}

/** @throws CommandValidationError */
async function validCommand({ schema }: ReadyCommand, context: CallContext<'command'>): Promise<object> {
  const { message, messageName } = context;
  if (schema === undefined) return message;
  return validated(message, schema, (issues) => new CommandValidationError(messageName, issues));
}
