/** Commands with ids that wait for each other. */
import { Command, CommandBus, CommandHandler, type EventStore } from '@allframe/nestjs';
import { describe, expect, it } from 'vitest';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

class Ask extends Command<string> {}
class Reply extends Command<string> {}

/** Resolves for everybody once `count` have come. */
function meeting(count: number): () => Promise<void> {
  let open: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (open = resolve));
  let come = 0;
  return () => {
    if (++come === count) open();
    return all;
  };
}

function busOf(
  store: EventStore,
  ask: (bus: CommandBus) => Promise<string>,
  reply: (bus: CommandBus) => Promise<string>,
): CommandBus {
  const bus = new CommandBus({ store });
  @CommandHandler(Ask)
  class Asking {
    readonly execute = (): Promise<string> => ask(bus);
  }
  @CommandHandler(Reply)
  class Replying {
    readonly execute = (): Promise<string> => reply(bus);
  }
  bus.register(new Asking());
  bus.register(new Replying());
  return bus;
}

describe('two commands that send each other', () => {
  it('are refused where each would wait for the other for ever, and may be sent again', async () => {
    const met = meeting(2);
    let isFirstTime = true;
    const bus = busOf(
      await openStore(),
      async (inside) => {
        if (!isFirstTime) return 'asked';
        await met();
        return inside.execute(new Reply(), { commandId: '1' });
      },
      async (inside) => {
        if (!isFirstTime) return 'replied';
        await met();
        return inside.execute(new Ask(), { commandId: '1' });
      },
    );
    const both = [
      failureOf(bus.execute(new Ask(), { commandId: '1' })),
      failureOf(bus.execute(new Reply(), { commandId: '1' })),
    ];
    for (const failure of await Promise.all(both))
      expect(failure).toMatchObject({ code: 'InvalidArgumentError', argument: 'options.commandId' });
    isFirstTime = false;
    expect(await bus.execute(new Ask(), { commandId: '1' })).toBe('asked');
    expect(await bus.execute(new Reply(), { commandId: '1' })).toBe('replied');
  });
});

describe('a command that waits for one whose caller has gone', () => {
  it('is not waited for by it in turn', async () => {
    let goOn: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    let refused: Promise<unknown> | undefined;
    const bus = busOf(
      await openStore(),
      (inside) => inside.execute(new Reply(), { commandId: '1' }),
      async (inside) => {
        await waiting;
        refused = failureOf(inside.execute(new Ask(), { commandId: '1' }));
        await refused;
        return 'replied';
      },
    );
    const gone = new AbortController();
    const left = failureOf(bus.execute(new Reply(), { commandId: '1', signal: gone.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    gone.abort(new Error('gone'));
    expect(await left).toMatchObject({ message: 'gone' });
    const asked = bus.execute(new Ask(), { commandId: '1' });
    await new Promise((resolve) => setImmediate(resolve));
    goOn();
    expect(await asked).toBe('replied');
    expect(await refused).toMatchObject({ code: 'InvalidArgumentError', argument: 'options.commandId' });
  });
});

describe('a command that another one has sent', () => {
  it('does not hand the fault of its sender to others who sent it as well', async () => {
    const store = await openStore();
    const event = { type: 'happened', data: {} };
    let goOn: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    const bus = busOf(
      store,
      async (inside) => {
        await store.append('asked', [event]);
        return inside.execute(new Reply(), { commandId: 'shared' });
      },
      async () => {
        await waiting;
        await store.append('replied', [event]);
        return 'replied';
      },
    );
    // It may append once only, and the reply that it sends is one append more.
    const asked = failureOf(bus.execute(new Ask(), { commandId: 'ask' }));
    await expect.poll(() => store.head()).toBe(1);
    const replied = bus.execute(new Reply(), { commandId: 'shared' });
    goOn();
    expect(await asked).toMatchObject({ code: 'SecondAppendError', handler: 'Asking' });
    expect(await replied).toBe('replied');
    expect(await store.getEvents('replied')).toHaveLength(1);
  });
});
