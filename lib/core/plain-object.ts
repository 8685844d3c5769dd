/**
 * Whether a value is an object without a class: `{ ... }`, or one without a prototype. Asked by the shape of the chain
 * and not by identity, since test runners give each test file an `Object` of its own.
 */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
