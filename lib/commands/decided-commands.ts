/** Commands that the bus takes to an aggregate or a decider: loaded, decided, appended, without a handler in between. */
import type { AggregateRepository } from '../aggregates/aggregate-repository.js';
import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import { aggregateDescriptionOf } from '../aggregates/aggregate.decorator.js';
import { AggregateNotFoundError } from '../aggregates/aggregate-not-found.error.js';
import type { DeciderRepository } from '../aggregates/decider-repository.js';
import type { UpdateOptions } from '../aggregates/state-stream.js';
import type { AppendResult } from '../core/commit.js';
import { WrongExpectedVersionError } from '../core/errors/append.errors.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { Type } from '../store/domain-event.decorator.js';
import type { BoundCommand } from './bound-handler.js';
import { COMMAND_MARKS, type CommandHandlerOptions } from './command-handler.decorator.js';
import { handlerNameOf } from './handler-marks.js';
import type { IdempotentCommands } from './idempotency/idempotent-commands.js';
import { classOf } from './message-class.js';
import type { CommandContext } from './message-context.js';

/**
 * A class of commands that a decider decides on, with how it does so where the defaults will not do.
 * @publicApi
 */
export type DeciderCommand = Type<object> | (CommandHandlerOptions & { readonly command: Type<object> });

/** The commands that methods of an aggregate handle. */
export function commandsOfAggregate<A extends AggregateRoot>(
  type: AggregateType<A>,
  repository: AggregateRepository<A>,
  ids: IdempotentCommands | undefined,
): readonly BoundCommand[] {
  const { name } = aggregateDescriptionOf(type);
  return COMMAND_MARKS.of(type).map(({ message, method, options }) => ({
    message,
    handler: handlerNameOf(type, method),
    options,
    ids,
    inTurn: (command, work) => repository.inTurn(idOf(command, name, options), work),
    handle: async (command, context, decided) => {
      const id = idOf(command, name, options);
      let answer: unknown;
      const update = (how: UpdateOptions): Promise<AppendResult | null> =>
        repository.update(
          id,
          async (aggregate) => {
            const methods = aggregate as unknown as Record<string | symbol, (...args: unknown[]) => unknown>;
            answer = await methods[method]?.(command, context);
            decided(repository.streamIdOf(id), answer);
          },
          how,
        );
      const appended = await once(update, name, id, options, context);
      return answer === undefined ? appended : answer;
    },
  }));
}

/** The commands that a decider decides on. */
export function commandsOfDecider(
  { name, commands = [] }: { readonly name: string; readonly commands?: readonly DeciderCommand[] },
  repository: DeciderRepository<unknown, unknown, object>,
  ids: IdempotentCommands | undefined,
): readonly BoundCommand[] {
  return commands.map((given) => {
    const { command: message, ...options } = typeof given === 'function' ? { command: given } : (given ?? {});
    if (typeof message !== 'function')
      throw new InvalidArgumentError(
        `commands of decider ${name}`,
        'each is a class, or { command: Class, ... }',
      );
    return {
      message,
      handler: `decider ${name}`,
      options,
      ids,
      inTurn: (command, work) => repository.inTurn(idOf(command, name, options), work),
      handle: (command, context, decided) => {
        const id = idOf(command, name, options);
        decided(repository.streamIdOf(id), undefined);
        return once((how) => repository.decide(id, command, how), name, id, options, context);
      },
    };
  });
}

/** One attempt: the bus itself tries again, since the command's record has to be looked at in between. */
async function once(
  update: (how: UpdateOptions) => Promise<AppendResult | null>,
  name: string,
  id: string,
  options: CommandHandlerOptions,
  context: CommandContext,
): Promise<AppendResult | null> {
  // Both have to hold: a caller cannot talk a handler out of what it needs.
  const expectedVersion = [options.expectedVersion ?? 'any', context.expectedVersion ?? 'any'] as const;
  try {
    return await update({ attempts: 1, expectedVersion });
  } catch (error) {
    const isMissing = error instanceof WrongExpectedVersionError && error.expected === 'streamExists';
    throw isMissing ? new AggregateNotFoundError(name, id) : error;
  }
}

/** Which aggregate a command is for. */
function idOf(command: object, name: string, { id }: CommandHandlerOptions): string {
  if (id !== undefined) return id(command);
  const members = command as Readonly<Record<string, unknown>>;
  const named = members[`${name}Id`] ?? members['id'];
  if (typeof named === 'string' && named !== '') return named;
  throw new InvalidArgumentError(
    classOf(command).name,
    `its "${name}Id" or "id" has to be the id of the ${name}, a non-empty string; if the id stands elsewhere, ` +
      'give @CommandHandler the option { id: (command) => ... }',
  );
}
