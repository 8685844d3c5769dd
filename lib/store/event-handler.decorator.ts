import 'reflect-metadata';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import type { Type } from './domain-event.decorator.js';

/** A method that `@EventHandler` marks, and the event it is for: a class, or the name of an event type. */
export interface EventHandlerMethod {
  readonly event: Type<object> | string;
  readonly method: string | symbol;
}

/** Accepts a method whose first parameter takes the event. The context, where there is one, is the caller's. */
type HandlerDecorator<E> = <M extends (event: E, recorded: RecordedEvent<E>, context: never) => unknown>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

const EVENT_HANDLERS = Symbol('allframe:event-handlers');

/**
 * Marks the method that handles an event: in an `@Aggregate` it changes the state, in a `@Projection` or any other
 * provider it reacts to the event. It is called with the event's data and the recorded event.
 * @param event the event's class, or the name of its type; the compiler checks the method's parameter against a class
 * @throws InvalidArgumentError for a static method, and for an event that is neither
 * @example
 * ```ts
 * class Account extends AggregateRoot {
 *   balance = 0;
 *   @EventHandler(AccountOpened) onOpened(event: AccountOpened) { this.balance = event.openingBalance; }
 * }
 * ```
 * @publicApi
 */
export function EventHandler<E extends object>(event: Type<E>): HandlerDecorator<E>;
export function EventHandler(event: string): HandlerDecorator<never>;
export function EventHandler(event: Type<object> | string): HandlerDecorator<never> {
  return (target, method) => {
    const type = target.constructor;
    checkPlace(event, target, method);
    const own = (Reflect.getOwnMetadata(EVENT_HANDLERS, type) ?? []) as readonly EventHandlerMethod[];
    Reflect.defineMetadata(EVENT_HANDLERS, [...own, { event, method }], type);
  };
}

function checkPlace(event: unknown, target: object, method: string | symbol): void {
  if (typeof target === 'function') {
    throw new InvalidArgumentError(
      `@EventHandler of ${target.name}.${String(method)}`,
      'it is a static method, which has no instance to be called on; make it a method of the instance',
    );
  }
  if (typeof event !== 'function' && typeof event !== 'string') {
    throw new InvalidArgumentError(
      `@EventHandler of ${target.constructor.name}.${String(method)}`,
      `the event is ${String(event)}, and neither a class nor the name of a type; two files that import each other leave a class undefined`,
    );
  }
}

/** The handlers of a class, those of its base classes first; a method that is overridden and marked again counts once. */
export function eventHandlersOf(type: object): readonly EventHandlerMethod[] {
  const base = Object.getPrototypeOf(type) as object | null;
  const inherited = base === null || base === Function.prototype ? [] : eventHandlersOf(base);
  const own = (Reflect.getOwnMetadata(EVENT_HANDLERS, type) ?? []) as readonly EventHandlerMethod[];
  return [...inherited.filter(({ method }) => !own.some((other) => other.method === method)), ...own];
}
