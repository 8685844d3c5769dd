import type { Clock } from '../core/clock.js';
import { pause } from '../core/clock.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { uuidV7Source } from '../core/event-id.js';
import { handleMessage, runningCall } from '../store/event-context.js';
import { checkDeadline, withinDeadline } from './deadline.js';
import type { HandlerMarks } from './handler-marks.js';
import { HandlerRegistry } from './handler-registry.js';
import { CallContext, type CommandOptions } from './message-context.js';
import { type MessageMiddleware, throughChain } from './middleware.js';

const NO_OPTIONS: CommandOptions = {};

/** What both buses do with a message: find its handler, give it a context, lead it through the middleware, mind the time. */
export abstract class MessageBus<
  Kind extends 'command' | 'query',
  Bound extends { readonly handler: string },
> {
  protected readonly registry: HandlerRegistry<Bound>;
  readonly #newId = uuidV7Source();
  readonly #newMessageId = (): string => this.#newId(Math.floor(this.clock.now()));
  #chain: readonly MessageMiddleware[] = [];
  #explore: (() => void) | undefined;
  #inFlight = 0;
  #whenAllEnded: (() => void)[] = [];

  constructor(
    private readonly kind: Kind,
    protected readonly clock: Clock,
    marks: HandlerMarks<object>,
  ) {
    this.registry = new HandlerRegistry(kind, (message) => marks.handlersOf(message));
  }

  /** For Nest: more middleware, inside of what is there. @throws InvalidArgumentError */
  use(middleware: readonly MessageMiddleware[]): void {
    for (const one of middleware)
      if (typeof one !== 'function')
        throw new InvalidArgumentError('middleware', 'a function (context, next) is wanted');
    this.#chain = [...this.#chain, ...middleware];
  }

  /** For Nest: `explore` registers handlers, when `ready` is called or the first message comes. */
  exploreBy(explore: () => void): void {
    this.#explore = explore;
  }

  /** For Nest: every fault of wiring shows here. */
  ready(): void {
    const explore = this.#explore;
    this.#explore = undefined;
    try {
      explore?.();
    } catch (error) {
      // Whoever asks next is told the same, and not what comes of exploring half of it twice.
      this.#explore = () => {
        throw error;
      };
      throw error;
    }
  }

  protected async send(
    message: object,
    options: CommandOptions = NO_OPTIONS,
    handle: (bound: Bound, context: CallContext<Kind>) => Promise<unknown>,
  ): Promise<unknown> {
    if (this.#explore !== undefined) this.ready();
    const bound = this.registry.of(message);
    if (options !== NO_OPTIONS) this.checkOptions(options);
    const outer = runningCall();
    const context = new CallContext(this.kind, message, options, outer, this.#newMessageId);
    const chain = this.#chain;
    // Without middleware nobody can have gone meanwhile, and nobody wants a promise of `next`.
    const inside = (): Promise<unknown> =>
      chain.length === 0
        ? handle(bound, context)
        : throughChain(chain, context, async () => {
            // A caller may have gone while middleware was at work.
            context.throwIfGivenUp();
            return handle(bound, context);
          });
    const work = (): Promise<unknown> => handleMessage(context, outer, inside);
    // Most callers give neither, and are spared a promise between.
    if (options.signal === undefined && options.timeoutMs === undefined) {
      this.#inFlight++;
      try {
        return await work();
      } finally {
        this.#oneEnded();
      }
    }
    // A handler is waited for until it has ended, whether or not its caller still is there.
    const counted = async (): Promise<unknown> => {
      this.#inFlight++;
      try {
        return await work();
      } finally {
        this.#oneEnded();
      }
    };
    return withinDeadline(counted, options, context, this.clock);
  }

  #oneEnded(): void {
    if (--this.#inFlight === 0) for (const tell of this.#whenAllEnded.splice(0)) tell();
  }

  /** @throws InvalidArgumentError, LimitExceededError */
  protected checkOptions(options: CommandOptions): void {
    if (typeof options !== 'object' || options === null)
      throw new InvalidArgumentError('options', 'an object is wanted');
    checkDeadline(options);
  }

  /** Resolves when no message is on its way, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    const waited = new AbortController();
    const ended = new Promise<void>((resolve) => void this.#whenAllEnded.push(resolve));
    await Promise.race([ended, pause(this.clock, timeoutMs, waited.signal)]);
    waited.abort();
  }
}
