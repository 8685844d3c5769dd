/** Pages: what a backend itself is asked for, below the store that reads one after the other. */
import { strict as assert } from 'node:assert';
import type { EventStoreBackend } from '../../../core/event-store-backend.js';
import type { EventFilter, EventPage, LogQuery, ReadDirection } from '../../../core/read-page.js';
import { type ContractTopic, line } from '../contract-line.js';
import { commitOf, encoded, storedNumbersOf } from '../sample-events.js';

const DIRECTIONS: readonly ReadDirection[] = ['forward', 'backward'];

/** Every page of a query, one behind the other as the contract says. */
async function pagesOf(backend: EventStoreBackend, query: LogQuery): Promise<readonly EventPage[]> {
  const pages: EventPage[] = [];
  let { after, upTo } = query;
  for (;;) {
    const page = await backend.readAll({ ...query, after, upTo });
    pages.push(page);
    if (page.atEnd) return pages;
    if (query.direction === 'forward') after = page.through;
    else upTo = page.through - 1;
  }
}

export const pages: ContractTopic = {
  subject: 'pages of a backend',
  lines: [
    line('no page is longer than its limit, and each goes on where the last one ended', async (trial) => {
      const backend = await trial.openBackend();
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      await backend.append(
        commitOf({ 's-1': numbers.map((n) => encoded(n, { type: n % 3 === 0 ? 'third' : 'noted' })) }),
      );
      const filters: (EventFilter | undefined)[] = [
        undefined,
        { types: new Set(['third']) },
        { categories: new Set(['s']) },
        { categories: new Set(['t']) },
        { streamId: 's-1' },
        { streamId: 's-2' },
      ];
      for (const filter of filters) {
        const wanted = numbers.filter(
          (n) =>
            (filter?.types === undefined || n % 3 === 0) &&
            (filter?.categories === undefined || filter.categories.has('s')) &&
            (filter?.streamId === undefined || filter.streamId === 's-1'),
        );
        for (const direction of DIRECTIONS) {
          for (const limit of [1, 2, 3, 7, 20, 21, 1000]) {
            const query = { after: 0, upTo: Number.MAX_SAFE_INTEGER, direction, limit };
            const found = await pagesOf(backend, filter === undefined ? query : { ...query, filter });
            const words = `${direction}, limit ${limit}, filter ${filter === undefined ? 'none' : Object.keys(filter).join()}`;
            assert.ok(
              found.every((page) => page.events.length <= limit),
              `a page is too long: ${words}`,
            );
            const events = storedNumbersOf(found.flatMap((page) => page.events));
            assert.deepEqual(events, direction === 'forward' ? wanted : wanted.toReversed(), words);
          }
        }
      }
    }),

    line(
      'a page says how far it looked: not beyond what was visible, and not short of what it holds',
      async (trial) => {
        const backend = await trial.openBackend();
        const empty = await backend.readAll({
          after: 0,
          upTo: Number.MAX_SAFE_INTEGER,
          direction: 'forward',
          limit: 5,
        });
        assert.deepEqual({ ...empty }, { events: [], through: 0, atEnd: true }, 'an empty store');
        await backend.append(commitOf({ 's-1': [0, 1, 2, 3, 4].map((n) => encoded(n)) }));
        const head = await backend.head();
        for (const types of [new Set(['noted']), new Set(['none'])]) {
          const query = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 50, filter: { types } };
          const forward = (await pagesOf(backend, { ...query, direction: 'forward' })).at(-1)!;
          assert.equal(
            forward.through,
            head,
            'forward, the last page looked as far as the head and no further',
          );
        }
        const query = { after: 0, upTo: Number.MAX_SAFE_INTEGER, direction: 'forward', limit: 2 } as const;
        for (const page of await pagesOf(backend, query)) {
          assert.ok(
            page.through >= (page.events.at(-1)?.position ?? 0),
            'through is short of an event of the page',
          );
        }
        const atHead = await backend.readAll({ ...query, after: head });
        assert.deepEqual(
          [atHead.events.length, atHead.through, atHead.atEnd],
          [0, head, true],
          'a page at the head',
        );
      },
    ),

    line('pages of a stream keep to their bounds and limits in both directions', async (trial) => {
      const backend = await trial.openBackend();
      await backend.append(commitOf({ 's-1': [1, 2, 3, 4, 5, 6, 7].map((n) => encoded(n)) }));
      for (const direction of DIRECTIONS) {
        for (const limit of [1, 2, 3, 7, 9]) {
          const numbers: unknown[] = [];
          let [fromVersion, toVersion] = [2, 6];
          for (;;) {
            const page = await backend.readStream({
              streamId: 's-1',
              fromVersion,
              toVersion,
              direction,
              limit,
            });
            assert.ok(
              page.events.length <= limit,
              `a page has ${page.events.length} events, its limit is ${limit}`,
            );
            numbers.push(...storedNumbersOf(page.events));
            if (page.atEnd) break;
            if (direction === 'forward') fromVersion = page.through + 1;
            else toVersion = page.through - 1;
          }
          const wanted = [2, 3, 4, 5, 6];
          assert.deepEqual(numbers, direction === 'forward' ? wanted : wanted.toReversed());
        }
      }
    }),

    line('the texts of data and metadata come back as they were written, letter by letter', async (trial) => {
      const backend = await trial.openBackend();
      const texts = [
        '{"b":1,"a":2}',
        '{ "a" : [ 1 ,2 ] }',
        '{"a":1.0,"b":1e2,"c":12345678901234567890}',
        '{"a":"\\u0000\\ud800\\u00e9é"}',
      ];
      await backend.append(
        commitOf({ 's-1': texts.map((text, i) => encoded(i, { data: text, metadata: text })) }),
      );
      const page = await backend.readStream({
        streamId: 's-1',
        fromVersion: 1,
        toVersion: 9,
        direction: 'forward',
        limit: 9,
      });
      assert.deepEqual(
        page.events.map((event) => [event.data, event.metadata]),
        texts.map((text) => [text, text]),
      );
    }),
  ],
};
