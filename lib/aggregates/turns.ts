import type { Clock } from '../core/clock.js';
import { LimitExceededError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';

/** Those who update one stream: one of them has the turn. */
interface Queue {
  holder: object;
  readonly waiting: { readonly turn: object; readonly begin: () => void }[];
  /** Takes back that the turn ends by itself. */
  cancel: (() => void) | undefined;
}

/**
 * Lets those who update the same stream in one process do so one after the other: of racers one would win, and the
 * others had worked in vain.
 *
 * A courtesy and no lock, since it is the expected version that keeps updates apart: a turn that takes long passes on
 * while its holder still works. So nobody waits for ever who updates a stream from inside of its own update.
 */
export class Turns {
  readonly #queues = new Map<string, Queue>();

  constructor(private readonly clock: Clock) {}

  /** @throws LimitExceededError where too many wait, and what `work` throws */
  async take<R>(streamId: string, work: () => Promise<R>): Promise<R> {
    const turn = {};
    const known = this.#queues.get(streamId);
    const queue = known ?? { holder: turn, waiting: [], cancel: undefined };
    if (known === undefined) this.#queues.set(streamId, queue);
    else await this.#wait(streamId, queue, turn);
    try {
      return await work();
    } finally {
      if (queue.holder === turn) this.#pass(streamId, queue);
    }
  }

  #wait(streamId: string, queue: Queue, turn: object): Promise<void> {
    const waiting = queue.waiting.length + 1;
    if (waiting > Limits.updatesWaitingMax) {
      throw new LimitExceededError(
        'updatesWaitingMax',
        waiting,
        Limits.updatesWaitingMax,
        `Updates that wait for stream "${streamId}"`,
      );
    }
    return new Promise((begin) => {
      queue.waiting.push({ turn, begin });
      this.#limit(streamId, queue);
    });
  }

  #pass(streamId: string, queue: Queue): void {
    queue.cancel?.();
    queue.cancel = undefined;
    const next = queue.waiting.shift();
    if (next === undefined) {
      this.#queues.delete(streamId);
      return;
    }
    queue.holder = next.turn;
    if (queue.waiting.length > 0) this.#limit(streamId, queue);
    next.begin();
  }

  #limit(streamId: string, queue: Queue): void {
    queue.cancel ??= this.clock.after(Limits.updateTurnMs, () => this.#pass(streamId, queue));
  }
}
