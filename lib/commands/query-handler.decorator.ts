import type { Type } from '../store/domain-event.decorator.js';
import { HandlerMarks } from './handler-marks.js';
import type { QueryContext } from './message-context.js';
import type { MessageSchema } from './message-schema.js';
import type { IQuery, IQueryHandler, QueryResult } from './query.js';

/**
 * How a query is handled.
 * @publicApi
 */
export interface QueryHandlerOptions {
  /** What the query has to satisfy; default the static `schema` of its class, if it has one. */
  readonly schema?: MessageSchema;
  /** Nest's scope of the handler class, as in `@Injectable`. */
  readonly scope?: number;
}

/** Decorates a class with `execute`, or a method. */
interface QueryHandlerDecorator<Q extends IQuery> {
  <T extends abstract new (...args: never[]) => IQueryHandler<Q>>(target: T): void;
  <M extends (query: Q, context: QueryContext) => QueryResult<Q> | Promise<QueryResult<Q>>>(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
}

/** What `@QueryHandler` has written. */
export const QUERY_MARKS = new HandlerMarks<QueryHandlerOptions>('@QueryHandler');

/**
 * Marks what handles a query: a class with `execute`, or a method of any provider, a `@Projection` for one.
 * @throws InvalidArgumentError for a query that is no class, and a static method
 * @example
 * ```ts
 * class OwnerOf extends Query<string> {
 *   constructor(readonly accountId: string) {
 *     super();
 *   }
 * }
 *
 * @Projection('owners', { state: 'memory' })
 * class Owners {
 *   readonly #owners = new Map<string, string>();
 *   @EventHandler(AccountOpened) on(event: AccountOpened, { streamId }: RecordedEvent) {
 *     this.#owners.set(streamId, event.owner);
 *   }
 *   @QueryHandler(OwnerOf) ownerOf({ accountId }: OwnerOf) {
 *     return this.#owners.get(`account-${accountId}`) ?? 'nobody';
 *   }
 * }
 * ```
 * @publicApi
 */
export function QueryHandler<Q extends IQuery>(
  query: Type<Q>,
  options: QueryHandlerOptions = {},
): QueryHandlerDecorator<Q> {
  return (target: object, method?: string | symbol) => QUERY_MARKS.mark(target, method, query, options);
}
