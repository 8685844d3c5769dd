import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { Type } from '../store/domain-event.decorator.js';
import { classOf } from './message-class.js';
import { DuplicateHandlerError, HandlerNotFoundError } from './message.errors.js';

/** The handlers of one bus by the class of message. */
export class HandlerRegistry<Handler extends { readonly handler: string }> {
  readonly #handlers = new Map<object, Handler>();

  constructor(
    /** `command` or `query`, for errors. */
    private readonly kind: string,
    /** Everything that is decorated to handle a message. */
    private readonly decoratedFor: (message: Type<object>) => readonly string[],
  ) {}

  /** @throws DuplicateHandlerError */
  add(message: Type<object>, handler: Handler): void {
    const known = this.#handlers.get(message);
    if (known !== undefined) throw new DuplicateHandlerError(message.name, [known.handler, handler.handler]);
    this.#handlers.set(message, handler);
  }

  /** The handler of the message's class, or of the next class that it extends. @throws HandlerNotFoundError */
  of(message: object): Handler {
    if (typeof message !== 'object' || message === null) {
      throw new InvalidArgumentError(
        this.kind,
        `an instance of a class is wanted, not ${message === null ? 'null' : typeof message}`,
      );
    }
    const direct = this.#handlers.get(classOf(message));
    if (direct !== undefined) return direct;
    let prototype = Object.getPrototypeOf(message) as object | null;
    const decorated: string[] = [];
    for (; prototype !== null && prototype !== Object.prototype;) {
      const type = prototype.constructor as Type<object>;
      const handler = this.#handlers.get(type);
      if (handler !== undefined) return handler;
      decorated.push(...this.decoratedFor(type));
      prototype = Object.getPrototypeOf(prototype) as object | null;
    }
    throw this.#notFound(message, decorated);
  }

  #notFound(message: object, decorated: readonly string[]): HandlerNotFoundError {
    const { name } = classOf(message);
    if (decorated.length > 0) {
      return new HandlerNotFoundError(
        name,
        decorated,
        `${decorated.join(' and ')} would handle it but is not part of this application: list the class in the ` +
          '`providers` of a module that is imported, an aggregate in `AllFrameModule.forFeature`.',
      );
    }
    return new HandlerNotFoundError(
      name,
      decorated,
      name === 'Object'
        ? `A ${this.kind} is found by its class: send an instance of one.`
        : `Decorate a class with @${this.kind === 'command' ? 'Command' : 'Query'}Handler(${name}) and list it in the \`providers\` of a module.`,
    );
  }
}
