/**
 * Sends commands with ids, each from several callers at once: some to an aggregate, some to a handler that appends by
 * itself. It tells every answer as it comes, until it is killed from outside or kills itself inside of a handler.
 */
import { writeSync } from 'node:fs';
import { AggregateRepository } from '../../../../lib/aggregates/aggregate-repository.js';
import { AggregateRoot } from '../../../../lib/aggregates/aggregate-root.js';
import { Aggregate } from '../../../../lib/aggregates/aggregate.decorator.js';
import { openBackend } from '../../../../lib/backends/open-backend.js';
import { CommandBus } from '../../../../lib/commands/command-bus.js';
import { CommandHandler } from '../../../../lib/commands/command-handler.decorator.js';
import { AllFrameError } from '../../../../lib/core/errors/allframe.error.js';
import { EventStore } from '../../../../lib/store/event-store.js';

/** Where in a handler that appends by itself the process ends, or at the answer of any command. */
export type KillPoint = 'before the append' | 'after the append' | 'at an answer';

export interface CommanderLife {
  /** Of the store. */
  readonly url: string;
  readonly commands: number;
  readonly callers: number;
  /** `undefined`: it is killed from outside, or runs to its end. */
  readonly kill?: { readonly at: KillPoint; readonly count: number };
}

/** What one caller was answered. */
export interface CommanderLine {
  readonly command: string;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Commands of each class that are sent at the same time. */
const AT_ONCE = 5;

/** A pipe to the parent. */
const REPORTS = 3;

const life = JSON.parse(process.argv[2] ?? '') as CommanderLife;
let passed = 0;

function pass(point: KillPoint): void {
  if (life.kill?.at === point && ++passed === life.kill.count) process.kill(process.pid, 'SIGKILL');
}

function say(line: CommanderLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) at += writeSync(REPORTS, bytes, at);
}

class Decide {
  constructor(readonly id: string) {}
}

class Append {
  constructor(readonly id: string) {}
}

@Aggregate('decided')
class Decided extends AggregateRoot {
  events = 0;

  // Not a command that is safe to repeat: each time it is handled it applies one event more.
  @CommandHandler(Decide) decide({ id }: Decide): { readonly id: string } {
    this.apply({ type: 'decided', data: { id } });
    return { id };
  }
}

async function live(): Promise<void> {
  const store = await EventStore.open(await openBackend(life.url));

  @CommandHandler(Append)
  class AppendHandler {
    async execute({ id }: Append): Promise<{ readonly id: string; readonly version: number }> {
      pass('before the append');
      const { version } = await store.append(`appended-${id}`, [{ type: 'appended', data: { id } }]);
      pass('after the append');
      return { id, version };
    }
  }

  const bus = new CommandBus({ store });
  bus.register(new AppendHandler());
  bus.registerAggregate(Decided, new AggregateRepository(store, Decided));

  const call = async (command: Decide | Append): Promise<void> => {
    const name = `${command.constructor.name} ${command.id}`;
    try {
      const answer = await bus.execute(command, { commandId: command.id });
      pass('at an answer');
      say({ command: name, answer });
    } catch (error) {
      say({ command: name, error: error instanceof AllFrameError ? error.code : String(error) });
    }
  };
  for (let from = 0; from < life.commands; from += AT_ONCE) {
    const calls: Promise<void>[] = [];
    for (let n = from; n < Math.min(from + AT_ONCE, life.commands); n++) {
      for (let caller = 0; caller < life.callers; caller++)
        calls.push(call(new Decide(String(n))), call(new Append(String(n))));
    }
    await Promise.all(calls);
  }
  await store.close();
}

await live();
