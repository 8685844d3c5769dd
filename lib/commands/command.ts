import type { CommandContext } from './message-context.js';

/** Carries the type of a result, and nothing at run time. */
declare const RESULT: unique symbol;

/** Any command: an instance of a class. @publicApi */
export type ICommand = object;

/**
 * The base of commands that say what they are answered with.
 * @example
 * ```ts
 * class RenameAccount extends Command<{ renamed: boolean }> {
 *   constructor(
 *     readonly accountId: string,
 *     readonly owner: string,
 *   ) {
 *     super();
 *   }
 * }
 * ```
 * @publicApi
 */
export class Command<R> implements ICommand {
  declare readonly [RESULT]: R;
}

/** What a command is answered with; `unknown` where its class does not say. @publicApi */
export type CommandResult<C extends ICommand> = C extends Command<infer R> ? R : unknown;

/**
 * A class that handles a command. Whatever its `execute` gives is the answer.
 * @publicApi
 */
export type ICommandHandler<C extends ICommand = ICommand, R = unknown> =
  C extends Command<infer Answer>
    ? { execute(command: C, context: CommandContext): Promise<Answer> }
    : { execute(command: C, context: CommandContext): Promise<R> };
