import { strict as assert } from 'node:assert';
import type { KeyedRecord } from '../../core/commit.js';
import type { EventStoreBackend } from '../../core/event-store-backend.js';
import type { EventPage, LogQuery, StreamQuery } from '../../core/read-page.js';
import { compareNames } from '../../core/text.js';
import { within } from './patience.js';

/** The pages that were asked for, newest last. */
export interface PageRequests {
  readonly log: LogQuery[];
  readonly streams: StreamQuery[];
}

/**
 * The same backend, watched: every call has to settle in time, and every page has to lead on or to be the last.
 *
 * A reader of a page that does neither would ask for it again for ever, without ever letting a timer run, so the
 * whole test run would hang.
 */
export function watched<B extends EventStoreBackend>(
  backend: B,
  patienceMs: number,
  requests: PageRequests,
): B {
  return new Proxy(backend, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(member, target, args);
        if (!(result instanceof Promise)) return result;
        const settled = within(result, () => `the backend's ${String(name)}()`, patienceMs);
        if (name === 'readAll') {
          const query = args[0] as LogQuery;
          requests.log.push(query);
          const start = query.direction === 'forward' ? query.after : query.upTo + 1;
          return settled.then((page) => leadsOn(page as EventPage, start, query));
        }
        if (name === 'readStream') {
          const query = args[0] as StreamQuery;
          requests.streams.push(query);
          const start = query.direction === 'forward' ? query.fromVersion - 1 : query.toVersion + 1;
          return settled.then((page) => leadsOn(page as EventPage, start, query));
        }
        if (name === 'readRecords') {
          const query = args[1] as RecordQuery;
          return settled.then((page) => recordsLeadOn(page as readonly KeyedRecord[], query));
        }
        return settled;
      };
    },
  });
}

type RecordQuery = Parameters<EventStoreBackend['readRecords']>[1];

function recordsLeadOn(page: readonly KeyedRecord[], { after, limit }: RecordQuery): readonly KeyedRecord[] {
  const last = page.at(-1);
  assert.ok(
    last === undefined || page.length < limit || compareNames(last.key, after) > 0,
    `a page of records is full and goes no further than ${JSON.stringify(after)}: its reader would read it for ever`,
  );
  return page;
}

function leadsOn(page: EventPage, start: number, query: LogQuery | StreamQuery): EventPage {
  const moved = query.direction === 'forward' ? page.through > start : page.through < start;
  assert.ok(
    page.atEnd || moved,
    `a page is not at the end and goes no further than ${start}: its reader would read it for ever`,
  );
  return page;
}
