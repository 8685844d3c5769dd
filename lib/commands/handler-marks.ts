/** What `@CommandHandler` and `@QueryHandler` write on classes: what a class handles, and who handles a message. */
import 'reflect-metadata';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { Type } from '../store/domain-event.decorator.js';

/** A method that handles a message. */
export interface HandlerMark<Options> {
  readonly message: Type<object>;
  readonly method: string | symbol;
  readonly options: Options;
}

/** The method that a decorated class is called by. */
const EXECUTE = 'execute';

/** How a handler is called: a class that is called by its `execute` by its name alone. */
export function handlerNameOf(type: { readonly name: string }, method: string | symbol): string {
  return method === EXECUTE ? type.name : `${type.name}.${String(method)}`;
}

/**
 * What Nest's own `@Injectable` writes a class's scope under. Domain code is decorated without Nest being imported;
 * the tests with Nest hold it to this name.
 */
const NEST_SCOPE_OPTIONS = 'scope:options';

/** The marks of one decorator. */
export class HandlerMarks<Options extends object> {
  readonly #marks: symbol;
  readonly #handledBy: symbol;

  /** @param decorator its name, as it is written */
  constructor(readonly decorator: string) {
    this.#marks = Symbol(`allframe:${decorator}`);
    this.#handledBy = Symbol(`allframe:${decorator}:handled-by`);
  }

  /**
   * Marks a class, by its `execute`, or one of its methods.
   * @param target the class, or the prototype that has the method
   * @throws InvalidArgumentError for a message that is no class, and for a static method
   */
  mark(target: object, method: string | symbol | undefined, message: unknown, options: Options): void {
    const type = (method === undefined ? target : target.constructor) as Type<object>;
    const name = handlerNameOf(type, method ?? EXECUTE);
    // Of a static method the target is the class itself.
    if (method !== undefined && typeof target === 'function') {
      throw new InvalidArgumentError(
        `${this.decorator} of ${target.name}.${String(method)}`,
        'it is a static method, which has no instance to be called on; make it a method of the instance',
      );
    }
    if (typeof message !== 'function') {
      throw new InvalidArgumentError(
        `${this.decorator} of ${name}`,
        `what it handles is ${String(message)} and not a class; two files that import each other leave a class undefined`,
      );
    }
    const mark: HandlerMark<Options> = {
      message: message as Type<object>,
      method: method ?? EXECUTE,
      options,
    };
    Reflect.defineMetadata(this.#marks, [...this.#own(type), mark], type);
    Reflect.defineMetadata(this.#handledBy, [...this.handlersOf(message as Type<object>), name], message);
    if (method === undefined && 'scope' in options)
      Reflect.defineMetadata(NEST_SCOPE_OPTIONS, { scope: options.scope }, type);
  }

  /** The marks of a class, those of its base classes included unless the method is marked again. */
  of(type: object): readonly HandlerMark<Options>[] {
    const base = Object.getPrototypeOf(type) as object | null;
    const inherited = base === null || base === Function.prototype ? [] : this.of(base);
    const own = this.#own(type);
    return [...inherited.filter(({ method }) => !own.some((other) => other.method === method)), ...own];
  }

  /** The names of everything that is decorated to handle a message, provided or not. */
  handlersOf(message: Type<object>): readonly string[] {
    return (Reflect.getOwnMetadata(this.#handledBy, message) ?? []) as readonly string[];
  }

  #own(type: object): readonly HandlerMark<Options>[] {
    return (Reflect.getOwnMetadata(this.#marks, type) ?? []) as readonly HandlerMark<Options>[];
  }
}

/** A marked method of an instance, ready to be called. */
export interface MarkedMethod<Options, Context> {
  readonly message: Type<object>;
  readonly options: Options;
  /** `Class` or `Class.method`. */
  readonly handler: string;
  readonly call: (message: object, context: Context) => unknown;
}

/** The marked methods of an instance. @throws InvalidArgumentError for a class without marks, or a mark without a method */
export function methodsOf<Options extends object, Context>(
  instance: object,
  marks: HandlerMarks<Options>,
): readonly MarkedMethod<Options, Context>[] {
  const type = instance.constructor;
  const found = marks.of(type);
  if (found.length === 0)
    throw new InvalidArgumentError(
      type.name,
      `its class has no ${marks.decorator}; decorate it or one of its methods`,
    );
  return found.map(({ message, method, options }) => {
    assertHasMethod(instance, method, marks.decorator);
    const methods = instance as Record<string | symbol, (message: object, context: Context) => unknown>;
    const call = (given: object, context: Context): unknown => methods[method]?.(given, context);
    return { message, options, handler: handlerNameOf(type, method), call };
  });
}

/** @throws InvalidArgumentError for an instance of a decorated class without `execute` */
export function assertHasMethod(instance: object, method: string | symbol, decorator: string): void {
  if (typeof (instance as Readonly<Record<string | symbol, unknown>>)[method] === 'function') return;
  throw new InvalidArgumentError(
    `${decorator} of ${instance.constructor.name}`,
    `it has no method ${String(method)}; a handler class is called by its method execute`,
  );
}
