import type { QueryContext } from './message-context.js';

/** Carries the type of a result, and nothing at run time. */
declare const RESULT: unique symbol;

/** Any query: an instance of a class. @publicApi */
export type IQuery = object;

/**
 * The base of queries that say what they are answered with.
 * @example
 * ```ts
 * class BalanceOf extends Query<number> {
 *   constructor(readonly accountId: string) {
 *     super();
 *   }
 * }
 * ```
 * @publicApi
 */
export class Query<R> implements IQuery {
  declare readonly [RESULT]: R;
}

/** What a query is answered with; `unknown` where its class does not say. @publicApi */
export type QueryResult<Q extends IQuery> = Q extends Query<infer R> ? R : unknown;

/**
 * A class that handles a query. Whatever its `execute` gives is the answer.
 * @publicApi
 */
export type IQueryHandler<Q extends IQuery = IQuery, R = unknown> =
  Q extends Query<infer Answer>
    ? { execute(query: Q, context: QueryContext): Promise<Answer> }
    : { execute(query: Q, context: QueryContext): Promise<R> };
