import { type Clock, systemClock } from '../core/clock.js';
import type { BoundQuery } from './bound-handler.js';
import { methodsOf } from './handler-marks.js';
import type { CallContext, ExecuteOptions } from './message-context.js';
import { MessageBus } from './message-bus.js';
import { type MessageSchema, schemaOf, validated } from './message-schema.js';
import { QueryValidationError } from './message.errors.js';
import type { MessageMiddleware } from './middleware.js';
import { QUERY_MARKS } from './query-handler.decorator.js';
import type { IQuery, Query } from './query.js';

/**
 * How a bus is made outside of Nest.
 * @publicApi
 */
export interface QueryBusOptions {
  /** The first is outermost. */
  readonly middleware?: readonly MessageMiddleware[];
  /** Default the machine's. */
  readonly clock?: Clock;
}

/** A handler that is ready to be called. */
interface ReadyQuery extends BoundQuery {
  readonly schema: MessageSchema | undefined;
}

/**
 * Takes queries to their handlers, and answers to their callers, through middleware and validation.
 * @publicApi
 */
export class QueryBus extends MessageBus<'query', ReadyQuery> {
  /** @throws InvalidArgumentError */
  constructor({ middleware = [], clock = systemClock }: QueryBusOptions = {}) {
    super('query', clock, QUERY_MARKS);
    this.use(middleware);
  }

  /**
   * Has a query handled, and gives what its handler answers.
   * @throws HandlerNotFoundError, QueryValidationError, ExecutionTimeoutError, InvalidArgumentError, and what the
   * handler throws
   */
  execute<R>(query: Query<R>, options?: ExecuteOptions): Promise<R>;
  execute<Q extends IQuery, R = unknown>(query: Q, options?: ExecuteOptions): Promise<R>;
  execute(query: object, options?: ExecuteOptions): Promise<unknown> {
    return this.send(query, options, (handler, context) => this.#handle(handler, context));
  }

  /**
   * Registers an instance by the `@QueryHandler` marks of its class. Nest does this for providers.
   * @throws DuplicateHandlerError, and InvalidArgumentError for a method or schema that is none
   */
  register(instance: object): void {
    for (const { message, options, handler, call } of methodsOf(instance, QUERY_MARKS))
      this.bind({ message, options, handler, handle: call });
  }

  /** For those who find handlers: registers one. @throws DuplicateHandlerError, InvalidArgumentError */
  bind(bound: BoundQuery): void {
    const { message, handler, options } = bound;
    const schema = schemaOf(message, options.schema, handler);
    this.registry.add(message, { ...bound, schema });
  }

  async #handle({ schema, handle }: ReadyQuery, context: CallContext<'query'>): Promise<unknown> {
    const { message } = context;
    if (schema === undefined) return handle(message, context);
    const refuse = (issues: QueryValidationError['issues']): Error =>
      new QueryValidationError(context.messageName, issues);
    return handle(await validated(message, schema, refuse), context);
  }
}
