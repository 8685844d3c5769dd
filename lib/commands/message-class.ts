import type { Type } from '../store/domain-event.decorator.js';

/** The class of a message, by its prototype: a member of its own called `constructor` is data. */
export function classOf(message: object): Type<object> {
  const prototype = Object.getPrototypeOf(message) as { readonly constructor: Type<object> } | null;
  return prototype === null ? Object : prototype.constructor;
}
