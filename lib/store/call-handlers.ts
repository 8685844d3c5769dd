import type { RecordedEvent } from '../core/recorded-event.js';

/** Calls the methods of an instance that handle an event, one after the other, each with what further arguments there are. */
export async function callHandlers(
  instance: object,
  methods: readonly (string | symbol)[],
  event: RecordedEvent,
  ...further: readonly unknown[]
): Promise<void> {
  for (const method of methods) {
    const handler = (instance as Record<string | symbol, (...args: unknown[]) => unknown>)[method];
    await handler?.call(instance, event.data, event, ...further);
  }
}
