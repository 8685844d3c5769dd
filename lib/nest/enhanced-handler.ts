/** Guards, pipes, interceptors and filters of a handler class, applied where Nest applies them to entry points of its own. */
import 'reflect-metadata';
import type { ExecutionContext } from '@nestjs/common';
import type { ContextId, ExternalContextCreator } from '@nestjs/core';
import type { MessageContext } from '../commands/message-context.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';

/** What Nest's `@UseGuards` and the like write on a class or method. */
const ENHANCERS = ['__guards__', '__interceptors__', '__pipes__', '__exceptionFilters__'] as const;

/** Nest's number of a body: to pipes the message is what a body is to those of a controller. */
const BODY = 3;

/** What Nest calls a parameter that a decorator of the application fills: pipes leave it alone unless they are told not to. */
const CUSTOM_PARAMETER = '__customRouteArgs__';

/** The parameters of a handler, in the form in which Nest keeps them of a controller's method. */
const PARAMETERS = 'allframe:handler-parameters';
const MESSAGE = 0;
const CONTEXT = 1;

/** A method of a handler, called with a message and its context. */
export type HandlerCall = (message: object, context: MessageContext) => unknown;

/** A method that handles messages of a class. */
export interface HandlerMethod {
  readonly kind: 'command' | 'query';
  readonly type: Function;
  readonly method: string | symbol;
  readonly message: Function;
}

/** Whether the class or the method has enhancers of its own; without, a handler is called as it is. */
export function isEnhanced({ type, method }: HandlerMethod): boolean {
  const callback = (type.prototype as Record<string | symbol, unknown>)[method];
  return ENHANCERS.some(
    (key) =>
      Reflect.hasMetadata(key, type) ||
      (typeof callback === 'function' && Reflect.hasMetadata(key, callback)),
  );
}

/**
 * The method inside of its enhancers. Nest adds global ones to those of the handler; their execution context says
 * `getType() === 'command'` or `'query'`, and its arguments are the message and its context.
 */
export function enhanced(
  creator: ExternalContextCreator,
  instance: object,
  handler: HandlerMethod,
  scope?: { readonly contextId: ContextId; readonly inquirerId: string },
): HandlerCall {
  const { kind, type, method } = handler;
  const callback = (instance as Record<string | symbol, (...args: unknown[]) => unknown>)[method];
  if (typeof method === 'symbol') {
    throw new InvalidArgumentError(
      `${type.name}.${String(method)}`,
      'Nest applies guards, interceptors and pipes to methods with a name only; name it, or leave them out',
    );
  }
  describeParameters(handler);
  return creator.create<Record<number, never>, string>(
    instance,
    callback as (...args: unknown[]) => unknown,
    method,
    PARAMETERS,
    { exchangeKeyForValue: (_type, _data, args: unknown[]) => args[MESSAGE] },
    scope?.contextId,
    scope?.inquirerId,
    { guards: true, interceptors: true, filters: isFiltered(type, callback) },
    kind,
  );
}

/** A global filter is for whoever calls from outside; only the handler's own come between it and its caller. */
function isFiltered(type: Function, callback: unknown): boolean {
  const key = '__exceptionFilters__';
  return Reflect.hasMetadata(key, type) || Reflect.hasMetadata(key, callback as object);
}

/** Pipes see the message with its class, also where the compiler has emitted no types for the method. */
function describeParameters({ type, method, message }: HandlerMethod): void {
  const parameters = {
    [`${BODY}:${MESSAGE}`]: { index: MESSAGE, data: undefined, pipes: [] },
    [`context${CUSTOM_PARAMETER}:${CONTEXT}`]: {
      index: CONTEXT,
      data: undefined,
      pipes: [],
      factory: (_data: unknown, context: ExecutionContext) => context.getArgByIndex<unknown>(CONTEXT),
    },
  };
  Reflect.defineMetadata(PARAMETERS, parameters, type, method);
  const prototype = type.prototype as object;
  // Its own: that of a class it extends is of another message.
  if (!Reflect.hasOwnMetadata('design:paramtypes', prototype, method))
    Reflect.defineMetadata('design:paramtypes', [message, Object], prototype, method);
}
