import type { RecordedEvent } from '../core/recorded-event.js';

/** Calls a method of an instance that handles an event, with what further arguments there are. */
export function callHandler(
  instance: object,
  method: string | symbol,
  event: RecordedEvent,
  ...further: readonly unknown[]
): unknown {
  const handler = (instance as Record<string | symbol, (...args: unknown[]) => unknown>)[method];
  return handler?.call(instance, event.data, event, ...further);
}
