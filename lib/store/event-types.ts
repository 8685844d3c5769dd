import { AllFrameError } from '../core/errors/allframe.error.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { type EventDescription, eventDescriptionOf, type Type } from './domain-event.decorator.js';

/**
 * A class is used as an event but has no `@DomainEvent`, so there is no type to store it under.
 * @publicApi
 */
export class UndecoratedEventError extends AllFrameError {
  readonly code = 'UndecoratedEventError';

  /** @param className the class @param where where it was used, such as `events[0]` or `Account.onOpened` */
  constructor(
    readonly className: string,
    where: string,
  ) {
    super(
      `${where}: class ${className} has no @DomainEvent. Decorate it with @DomainEvent('some.type'), ` +
        'or append a plain { type, data } object.',
    );
  }
}

/**
 * Two classes claim one event type, so events of it could not be given a class.
 * @publicApi
 */
export class DuplicateEventTypeError extends AllFrameError {
  readonly code = 'DuplicateEventTypeError';

  constructor(
    readonly eventType: string,
    readonly classNames: readonly [string, string],
  ) {
    super(
      `Event type "${eventType}" is declared by two classes, ${classNames[0]} and ${classNames[1]}. ` +
        'Give one of them another type in its @DomainEvent, or import the same class in both places.',
    );
  }
}

/** The event classes that a store knows, by type. Events of a known type are read with the prototype of its class. */
export class EventTypes {
  readonly #classes = new Map<string, Type<object>>();
  readonly #descriptions = new Map<object, EventDescription>();

  /** @throws UndecoratedEventError, DuplicateEventTypeError; InvalidArgumentError for what is no class */
  register(type: Type<object>, where = 'events'): void {
    if (typeof type !== 'function') {
      throw new InvalidArgumentError(
        where,
        `${String(type)} is no class; two files that import each other leave a class undefined`,
      );
    }
    const description = eventDescriptionOf(type);
    if (description === undefined) throw new UndecoratedEventError(type.name, where);
    this.#assertFree(description.type, type);
    this.#classes.set(description.type, type);
    this.#descriptions.set(type, description);
  }

  /** The class that declares an event type to this store. */
  classOf(eventType: string): Type<object> | undefined {
    return this.#classes.get(eventType);
  }

  /**
   * What to store an instance of `type` as. It need not be registered.
   * @throws UndecoratedEventError, DuplicateEventTypeError if a registered class declares the same type
   */
  describe(type: Type<object>, where: string): EventDescription {
    const known = this.#descriptions.get(type);
    if (known !== undefined) return known;
    const description = eventDescriptionOf(type);
    if (description === undefined) throw new UndecoratedEventError(type.name, where);
    this.#assertFree(description.type, type);
    return description;
  }

  /** The schema version that new events of a type are written with. */
  schemaVersionOf(eventType: string): number {
    const type = this.#classes.get(eventType);
    return type === undefined ? 1 : (this.#descriptions.get(type)?.schemaVersion ?? 1);
  }

  /** Gives parsed data the prototype of its type's class; data that is no object stays as it is. */
  hydrate(eventType: string, data: unknown): unknown {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return data;
    const type = this.#classes.get(eventType);
    return type === undefined ? data : Object.setPrototypeOf(data, type.prototype as object);
  }

  #assertFree(eventType: string, type: Type<object>): void {
    const other = this.#classes.get(eventType);
    if (other !== undefined && other !== type)
      throw new DuplicateEventTypeError(eventType, [other.name, type.name]);
  }
}
