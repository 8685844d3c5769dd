import { filter, type OperatorFunction } from 'rxjs';
import type { RecordedEvent } from '../core/recorded-event.js';
import { eventDescriptionOf, type Type } from './domain-event.decorator.js';
import { UndecoratedEventError } from './event-types.js';

/** What a class, or each of several, makes. The compiler finds it through a list of classes, but not `E` in `Type<E>[]`. */
type InstanceOf<C> = C extends Type<infer E> ? E : never;

/**
 * Lets events of the given classes through, and gives their `data` its type.
 * @throws UndecoratedEventError for a class without `@DomainEvent`
 * @example
 * ```ts
 * store.events$({ after: 0 }).pipe(
 *   ofType(MoneyDeposited),
 *   map((event) => event.data.amount),
 * );
 * ```
 * @publicApi
 */
export function ofType<C extends readonly Type<object>[]>(
  ...classes: C
): OperatorFunction<RecordedEvent, RecordedEvent<InstanceOf<C[number]>>> {
  const types = new Set(
    classes.map((type) => {
      const description = eventDescriptionOf(type);
      if (description === undefined) throw new UndecoratedEventError(type.name, 'ofType');
      return description.type;
    }),
  );
  return filter((event): event is RecordedEvent<InstanceOf<C[number]>> => types.has(event.type));
}
