/** Commands, queries, their handlers and their buses: what a class says of its answer is what `execute` gives. */
import {
  type AppendResult,
  Aggregate,
  AggregateRoot,
  Command,
  type CommandBus,
  type CommandContext,
  CommandHandler,
  type CommandResult,
  ContextKey,
  type ICommandHandler,
  type IQueryHandler,
  type MessageMiddleware,
  Query,
  type QueryBus,
  QueryHandler,
  type QueryResult,
} from '@allframe/nestjs';
import { exactly } from './exactly.js';

class Open extends Command<{ id: string }> {
  constructor(readonly owner: string) {
    super();
  }
}
class Fill extends Command<AppendResult | null> {
  readonly id = 'a1';
}
class Quiet extends Command<void> {
  readonly id = 'a1';
}
class Plain {
  constructor(readonly text: string) {}
}
class Find extends Query<readonly number[]> {}

declare const commandBus: CommandBus;
declare const queryBus: QueryBus;

// The answer is what the class says.
exactly<Promise<{ id: string }>>()(commandBus.execute(new Open('Ada')));
exactly<Promise<void>>()(commandBus.execute(new Quiet()));
exactly<Promise<AppendResult | null>>()(
  commandBus.execute(new Fill(), { commandId: 'a', expectedVersion: 3 }),
);
exactly<Promise<readonly number[]>>()(queryBus.execute(new Find()));
export declare const opened: CommandResult<Open>;
exactly<{ id: string }>()(opened);
export declare const found: QueryResult<Find>;
exactly<readonly number[]>()(found);

// A class that says nothing is answered with something unknown, unless the caller names it.
exactly<Promise<unknown>>()(commandBus.execute(new Plain('x')));
exactly<Promise<number>>()(commandBus.execute<Plain, number>(new Plain('x')));
export const named: Promise<string> = queryBus.execute(new Plain('x'));

// @ts-expect-error a command is an object
void commandBus.execute('open');
// @ts-expect-error the answer has no such member
void (await commandBus.execute(new Open('Ada'))).name;
// @ts-expect-error a command id is a string
void commandBus.execute(new Open('Ada'), { commandId: 7 });
// @ts-expect-error queries have no ids
void queryBus.execute(new Find(), { commandId: 'a' });

@CommandHandler(Open)
export class OpenHandler implements ICommandHandler<Open> {
  async execute(command: Open, context: CommandContext): Promise<{ id: string }> {
    exactly<string>()(command.owner);
    exactly<AbortSignal>()(context.signal);
    return { id: command.owner };
  }
}

@CommandHandler(Plain)
export class PlainHandler implements ICommandHandler<Plain> {
  async execute({ text }: Plain): Promise<number> {
    return text.length;
  }
}

@QueryHandler(Find)
export class FindHandler implements IQueryHandler<Find> {
  async execute(): Promise<readonly number[]> {
    return [1];
  }
}

// @ts-expect-error the command is answered with an id
@CommandHandler(Open)
export class WrongAnswer {
  async execute(): Promise<number> {
    return 1;
  }
}

// @ts-expect-error it takes another command
@CommandHandler(Open)
export class WrongCommand {
  async execute({ text }: Plain): Promise<{ id: string }> {
    return { id: text };
  }
}

export class WrongInterface implements ICommandHandler<Open> {
  // @ts-expect-error the interface knows the answer, too
  async execute(): Promise<number> {
    return 1;
  }
}

@Aggregate('purse')
export class Purse extends AggregateRoot {
  // What a method does not return, the result of its append is.
  @CommandHandler(Fill) fill(): void {}
  @CommandHandler(Quiet) quiet(): void {}
  @CommandHandler(Open, { id: ({ owner }) => owner }) open({ owner }: Open): { id: string } {
    return { id: owner };
  }
  // @ts-expect-error an id is wanted, and the result of an append is none
  @CommandHandler(Open) forgets(): void {}
  // @ts-expect-error the method takes another command
  @CommandHandler(Fill) takes(_command: Open): void {}
  // @ts-expect-error no such member of the command
  @CommandHandler(Open, { id: ({ account }) => account }) wrongId(): { id: string } {
    return { id: '' };
  }
}

// What middleware hands on has a type.
const USER = new ContextKey<{ readonly name: string }>('user');
export const who: MessageMiddleware = async (context, next) => {
  exactly<{ readonly name: string } | undefined>()(context.get(USER));
  context.set(USER, { name: 'ada' });
  // @ts-expect-error a user is no string
  context.set(USER, 'ada');
  return next();
};
