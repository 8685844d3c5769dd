import { AllFrameError } from '../core/errors/allframe.error.js';
import { eventDescriptionOf, type Type } from './domain-event.decorator.js';
import { type EventHandlerMethod, eventHandlersOf } from './event-handler.decorator.js';
import { UndecoratedEventError } from './event-types.js';

/**
 * A handler names an event type that no class known to the store declares: it would never be called.
 * @publicApi
 */
export class UnknownEventTypeError extends AllFrameError {
  readonly code = 'UnknownEventTypeError';

  /** @param handler the method, as `Class.method` */
  constructor(
    readonly eventType: string,
    readonly handler: string,
  ) {
    super(
      `${handler} handles event type "${eventType}", which no class known to the store declares. ` +
        'Correct the name, or give the class that declares it as `events` to forRoot or EventStore.open.',
    );
  }
}

/** The handlers of one class by event type. */
export interface EventHandlerMap {
  readonly methods: ReadonlyMap<string, readonly (string | symbol)[]>;
  /** The event classes among them. */
  readonly classes: readonly Type<object>[];
}

/**
 * Reads what `@EventHandler` wrote on a class.
 * @throws UndecoratedEventError for a handler of a class without `@DomainEvent`
 */
export function eventHandlerMapOf(type: { readonly name: string }): EventHandlerMap {
  const methods = new Map<string, (string | symbol)[]>();
  const classes = new Set<Type<object>>();
  for (const handler of eventHandlersOf(type)) {
    const eventType = eventTypeOf(handler, type.name);
    const known = methods.get(eventType);
    if (known === undefined) methods.set(eventType, [handler.method]);
    else known.push(handler.method);
    if (typeof handler.event !== 'string') classes.add(handler.event);
  }
  return { methods, classes: [...classes] };
}

/** @throws UnknownEventTypeError for a handler of a type that `isKnown` does not know */
export function assertTypesKnown(
  type: { readonly name: string },
  { methods }: EventHandlerMap,
  isKnown: (eventType: string) => boolean,
): void {
  for (const [eventType, [method]] of methods) {
    if (!isKnown(eventType)) throw new UnknownEventTypeError(eventType, `${type.name}.${String(method)}`);
  }
}

function eventTypeOf({ event, method }: EventHandlerMethod, className: string): string {
  if (typeof event === 'string') return event;
  const description = eventDescriptionOf(event);
  if (description === undefined)
    throw new UndecoratedEventError(event.name, `@EventHandler of ${className}.${String(method)}`);
  return description.type;
}
