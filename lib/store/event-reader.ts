/** Reads streams and the log page by page, from the checked request of a caller to the backend's pages. */
import { strict as assert } from 'node:assert';
import { PositionBeyondHeadError } from '../core/errors/store.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import type { EventPage } from '../core/read-page.js';
import { checkStreamId } from '../core/stream-id.js';
import type { StoredEvent } from '../core/stored-event.js';
import {
  checkDirection,
  checkWholeNumber,
  filterOf,
  type ReadAllOptions,
  type ReadStreamOptions,
} from './read-options.js';

/** A backend whose page neither ends nor moves on would be asked for the same page for ever, and nobody else served. */
export function assertMovesOn(page: EventPage, movesOn: boolean): void {
  assert(
    page.atEnd || movesOn,
    `The backend gave a page that ends at ${page.through}, no further than the one before, and is not the last one. ` +
      'Prove the backend with eventStoreContract.',
  );
}

export class EventReader {
  constructor(
    private readonly backend: EventStoreBackend,
    /** Looked at before every page: a store may close while a reader takes its time. */
    private readonly assertOpen: (operation: string) => void,
  ) {}

  /** The pages of a stream, events in the order of the direction. */
  streamPages(
    streamId: string,
    options: ReadStreamOptions,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { fromVersion = 1, toVersion = Number.MAX_SAFE_INTEGER, direction = 'forward', limit } = options;
    checkStreamId(streamId);
    checkWholeNumber(fromVersion, 'options.fromVersion', 0);
    checkWholeNumber(toVersion, 'options.toVersion', 0);
    checkDirection(direction);
    let [from, to] = [fromVersion, toVersion];
    return this.#pages('readStream', limit, async (size) => {
      const page = await this.backend.readStream({
        streamId,
        fromVersion: from,
        toVersion: to,
        direction,
        limit: size,
      });
      assertMovesOn(page, direction === 'forward' ? page.through >= from : page.through <= to);
      if (direction === 'forward') from = page.through + 1;
      else to = page.through - 1;
      return page;
    });
  }

  /** The pages of the log, events in the order of the direction. @throws PositionBeyondHeadError */
  async *logPages(options: ReadAllOptions): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { after = 0, upTo = Number.MAX_SAFE_INTEGER, direction = 'forward', limit } = options;
    checkWholeNumber(after, 'options.after', 0);
    checkWholeNumber(upTo, 'options.upTo', 0);
    checkDirection(direction);
    const filter = filterOf(options);
    this.assertOpen('readAll');
    const head = await this.backend.head();
    if (after > head) throw new PositionBeyondHeadError(after, head);
    // The head as it is now: whoever appends for each event read would never come to an end.
    let [low, high] = [after, Math.min(upTo, head)];
    yield* this.#pages('readAll', limit, async (size) => {
      const query = { after: low, upTo: high, direction, limit: size };
      const page = await this.backend.readAll(filter === undefined ? query : { ...query, filter });
      assertMovesOn(page, direction === 'forward' ? page.through > low : page.through <= high);
      if (direction === 'forward') low = page.through;
      else high = page.through - 1;
      return page;
    });
  }

  /** Reads pages until the end, or until `limit` events were given. */
  async *#pages(
    operation: string,
    limit: number | undefined,
    read: (size: number) => Promise<EventPage>,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    if (limit !== undefined) checkWholeNumber(limit, 'options.limit', 1);
    for (let left = limit ?? Infinity; left > 0;) {
      this.assertOpen(operation);
      const page = await read(Math.min(left, Limits.pageEventsMax));
      left -= page.events.length;
      yield page.events;
      if (page.atEnd) return;
    }
  }
}
