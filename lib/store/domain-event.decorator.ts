import 'reflect-metadata';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { checkEventType } from '../core/stream-id.js';

/** A class of `T`. @publicApi */
export type Type<T = unknown> = abstract new (...args: never[]) => T;

/** What `@DomainEvent` says of a class. */
export interface EventDescription {
  readonly type: string;
  readonly schemaVersion: number;
}

const DOMAIN_EVENT = Symbol('allframe:domain-event');

/**
 * Names the event type that instances of a class are stored as.
 *
 * The name is for ever, the class may be renamed. `version` is the revision of the event's schema, from 1; it is
 * stored with each event.
 * @throws InvalidArgumentError and LimitExceededError for a name or version that cannot be stored
 * @example
 * ```ts
 * @DomainEvent('account.opened', { version: 1 })
 * class AccountOpened {
 *   constructor(readonly owner: string, readonly openingBalance: number) {}
 * }
 * ```
 * @publicApi
 */
export function DomainEvent(
  type: string,
  options: { version?: number } = {},
): <C extends Type<object>>(target: C) => void {
  const schemaVersion = options.version ?? 1;
  return (target) => {
    checkEventType(type, `@DomainEvent of ${target.name}`);
    checkSchemaVersion(schemaVersion, `@DomainEvent of ${target.name}, version`);
    const description: EventDescription = { type, schemaVersion };
    Reflect.defineMetadata(DOMAIN_EVENT, description, target);
  };
}

/** What `@DomainEvent` says of exactly this class; a subclass needs a decorator of its own. */
export function eventDescriptionOf(type: object): EventDescription | undefined {
  return Reflect.getOwnMetadata(DOMAIN_EVENT, type) as EventDescription | undefined;
}

/** @throws InvalidArgumentError unless it is a whole number from 1 to 2^31 - 1. */
export function checkSchemaVersion(version: unknown, subject: string): asserts version is number {
  if (Number.isInteger(version) && (version as number) >= 1 && (version as number) <= 0x7fffffff) return;
  throw new InvalidArgumentError(subject, `${String(version)} is not a whole number from 1 to 2^31 - 1`);
}
