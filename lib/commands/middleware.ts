import type { MessageContext } from './message-context.js';

/**
 * Stands around every command and query: it may look at the context, add to it, refuse, answer by itself, or do
 * something with what `next` gives. It sees every call, those as well that get the answer of an earlier one.
 * @publicApi
 */
export type MessageMiddleware = (context: MessageContext, next: () => Promise<unknown>) => Promise<unknown>;

/**
 * Middleware as a class, for Nest to inject into.
 * @publicApi
 */
export interface MessageMiddlewareClass {
  use(context: MessageContext, next: () => Promise<unknown>): Promise<unknown>;
}

/** Calls `handle` inside of the chain, the first middleware outermost. */
export function throughChain(
  chain: readonly MessageMiddleware[],
  context: MessageContext,
  handle: () => Promise<unknown>,
  from = 0,
): Promise<unknown> {
  const middleware = chain[from];
  if (middleware === undefined) return handle();
  return middleware(context, () => throughChain(chain, context, handle, from + 1));
}
