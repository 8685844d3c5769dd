/**
 * Names a value that middleware hands to what comes after it, and its type.
 * @example
 * ```ts
 * const TENANT = new ContextKey<string>('tenant');
 * const tenancy: MessageMiddleware = (context, next) => {
 *   context.set(TENANT, 'north');
 *   return next();
 * };
 * ```
 * @publicApi
 */
export class ContextKey<T> {
  /** Only a type: keys of different values are not mixed up. */
  declare protected readonly value: T;

  /** @param name for people who debug; two keys of one name are two keys */
  constructor(readonly name: string) {}
}
