import { filter, type OperatorFunction } from 'rxjs';
import type { RecordedEvent } from '../core/recorded-event.js';
import { eventDescriptionOf, type Type } from './domain-event.decorator.js';
import { UndecoratedEventError } from './event-types.js';

/**
 * Lets events of the given classes through, and gives their `data` its type.
 * @throws UndecoratedEventError for a class without `@DomainEvent`
 * @example
 * ```ts
 * store.events$({ after: 0 }).pipe(ofType(MoneyDeposited), map((event) => event.data.amount));
 * ```
 * @publicApi
 */
export function ofType<E extends object>(
  ...classes: readonly Type<E>[]
): OperatorFunction<RecordedEvent, RecordedEvent<E>> {
  const types = new Set(
    classes.map((type) => {
      const description = eventDescriptionOf(type);
      if (description === undefined) throw new UndecoratedEventError(type.name, 'ofType');
      return description.type;
    }),
  );
  return filter((event): event is RecordedEvent<E> => types.has(event.type));
}
