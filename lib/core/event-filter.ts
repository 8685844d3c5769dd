import type { EventFilter } from './read-page.js';
import type { StoredEvent } from './stored-event.js';
import { categoryOf } from './stream-id.js';

/**
 * Whether an event passes a filter; without a filter every event does.
 * @publicApi
 */
export function passesFilter(event: StoredEvent, filter: EventFilter | undefined): boolean {
  return (
    filter === undefined ||
    ((filter.types === undefined || filter.types.has(event.type)) &&
      (filter.categories === undefined || filter.categories.has(categoryOf(event.streamId))) &&
      (filter.streamId === undefined || filter.streamId === event.streamId))
  );
}
