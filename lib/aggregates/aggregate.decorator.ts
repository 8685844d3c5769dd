import 'reflect-metadata';
import { AllFrameError } from '../core/errors/allframe.error.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';
import { checkName } from '../core/text.js';
import type { SnapshotSource } from '../store/snapshot.js';

/** @publicApi */
export interface AggregateOptions {
  /** Takes a snapshot after every so many events; none unless given. */
  readonly snapshotEvery?: number;
  /** The revision of the state's schema, from 1: raise it when fields change, and older snapshots are ignored. */
  readonly snapshotRevision?: number;
}

/** What `@Aggregate` says of a class. */
export interface AggregateDescription {
  readonly name: string;
  readonly snapshotEvery: number | undefined;
  readonly snapshotRevision: number;
}

/**
 * A class is used as an aggregate but has no `@Aggregate`, so its streams have no name.
 * @publicApi
 */
export class UndecoratedAggregateError extends AllFrameError {
  readonly code = 'UndecoratedAggregateError';

  constructor(readonly className: string) {
    super(
      `Class ${className} has no @Aggregate. Decorate it with @Aggregate('name'); its streams are then called "name-<id>".`,
    );
  }
}

const AGGREGATE = Symbol('allframe:aggregate');

/**
 * Names an aggregate. Its streams are called `<name>-<id>`, so the name is their category.
 * @throws InvalidArgumentError for a name that no category can have, or a number of events that is none
 * @example
 * ```ts
 * @Aggregate('account', { snapshotEvery: 100 })
 * class Account extends AggregateRoot {}
 * ```
 * @publicApi
 */
export function Aggregate(
  name: string,
  options: AggregateOptions = {},
): <C extends new () => SnapshotSource>(target: C) => void {
  return (target) => {
    const { snapshotEvery, snapshotRevision = 1 } = options;
    const subject = `@Aggregate of ${target.name}`;
    checkCategory(name, subject);
    if (snapshotEvery !== undefined) checkCount(snapshotEvery, `${subject}, snapshotEvery`);
    checkCount(snapshotRevision, `${subject}, snapshotRevision`);
    const description: AggregateDescription = { name, snapshotEvery, snapshotRevision };
    Reflect.defineMetadata(AGGREGATE, description, target);
  };
}

/** What `@Aggregate` says of a class or of what it extends. @throws UndecoratedAggregateError */
export function aggregateDescriptionOf(type: { readonly name: string }): AggregateDescription {
  const description = Reflect.getMetadata(AGGREGATE, type) as AggregateDescription | undefined;
  if (description === undefined) throw new UndecoratedAggregateError(type.name);
  return description;
}

/** Whether a class has `@Aggregate`. */
export function isAggregate(type: object): boolean {
  return Reflect.hasMetadata(AGGREGATE, type);
}

/** @throws InvalidArgumentError for a name that streams cannot have as their category. */
export function checkCategory(name: unknown, subject: string): asserts name is string {
  checkName(name, subject, 'streamIdBytesMax', Limits.streamIdBytesMax);
  if (name.includes('-')) {
    throw new InvalidArgumentError(
      subject,
      `"${name}" holds a "-", where a stream's category ends; write "${name.replace(/-(.)/g, (_, next: string) => next.toUpperCase())}"`,
    );
  }
}

function checkCount(value: unknown, subject: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new InvalidArgumentError(subject, `${String(value)} is not a whole number from 1`);
  }
}
