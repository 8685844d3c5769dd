/** Reading streams and the log, in both directions, within bounds, page by page. */
import { strict as assert } from 'node:assert';
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';
import { Limits } from '../../../core/limits.js';
import type { ReadDirection } from '../../../core/read-page.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, line } from '../contract-line.js';
import { refused } from '../refusals.js';
import { all, newId, note, notes, numbersOf, plain } from '../sample-events.js';

const DIRECTIONS: readonly ReadDirection[] = ['forward', 'backward'];

/** 1 to 8, over two streams and two types: odd numbers in `odd-1`, even ones in `even-1`, 4 and 8 of type `fourth`. */
async function eightNotes(store: EventStore): Promise<readonly number[]> {
  const positions: number[] = [];
  for (let n = 1; n <= 8; n++) {
    const event = note(n, n % 4 === 0 ? { type: 'fourth' } : {});
    positions.push((await store.append(n % 2 === 0 ? 'even-1' : 'odd-1', [event])).position);
  }
  return positions;
}

const readingStreams: ContractTopic = {
  subject: 'reading a stream',
  lines: [
    line(
      'what was appended is read back as it was: id, type, schema version, data, metadata, place, time',
      async (trial) => {
        const appendedAt = 1_750_000_000_123;
        const clock = { now: () => appendedAt, after: () => () => undefined };
        const store = await trial.open({ clock });
        const id = newId();
        const metadata = { correlationId: 'c-1', user: { name: 'Ada' } };
        const given = note(
          { deep: [1, 'two', null, true] },
          { id, type: 'odd type', schemaVersion: 7, metadata },
        );
        const { position } = await store.append('s-1', [given]);
        const [event] = await store.getEvents('s-1');
        assert.deepEqual(plain(event!), { ...given, streamId: 's-1', version: 1, position });
        assert.equal(
          event!.recordedAt.getTime(),
          appendedAt,
          'recordedAt is the time by the clock of the store',
        );
        const [fromLog] = await store.getAllEvents();
        assert.deepEqual(plain(fromLog!), plain(event!));
        assert.equal(fromLog!.recordedAt.getTime(), appendedAt);
      },
    ),

    line('a stream is read in the order of its versions, or backward from its end', async (trial) => {
      const store = await trial.open();
      for (let i = 0; i < 4; i++) {
        await store.append('s-1', notes(2, i * 2));
        await store.append('s-2', notes(1, 90));
      }
      assert.deepEqual(numbersOf(await store.getEvents('s-1')), [0, 1, 2, 3, 4, 5, 6, 7]);
      const backward = await all(store.readStream('s-1', { direction: 'backward' }));
      assert.deepEqual(numbersOf(backward), [7, 6, 5, 4, 3, 2, 1, 0]);
    }),

    line('both bounds of a stream are inclusive, and may lie beyond its ends', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(5, 1));
      const bounds = [undefined, 0, 1, 2, 4, 5, 6, Number.MAX_SAFE_INTEGER];
      for (const fromVersion of bounds) {
        for (const toVersion of bounds) {
          const wanted = [1, 2, 3, 4, 5].filter(
            (n) => n >= (fromVersion ?? 1) && n <= (toVersion ?? Number.MAX_SAFE_INTEGER),
          );
          const options = {
            ...(fromVersion === undefined ? {} : { fromVersion }),
            ...(toVersion === undefined ? {} : { toVersion }),
          };
          const words = JSON.stringify(options);
          assert.deepEqual(numbersOf(await all(store.readStream('s-1', options))), wanted, words);
          const backward = await all(store.readStream('s-1', { ...options, direction: 'backward' }));
          assert.deepEqual(numbersOf(backward), wanted.toReversed(), `backward ${words}`);
        }
      }
    }),

    line('a limit on a stream counts from the side the reading begins at', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(5, 1));
      const read = async (direction: ReadDirection, limit: number, fromVersion = 0): Promise<unknown> =>
        numbersOf(await all(store.readStream('s-1', { direction, limit, fromVersion })));
      assert.deepEqual(await read('forward', 1), [1]);
      assert.deepEqual(await read('forward', 3), [1, 2, 3]);
      assert.deepEqual(await read('forward', 3, 4), [4, 5]);
      assert.deepEqual(await read('forward', 99), [1, 2, 3, 4, 5]);
      assert.deepEqual(await read('backward', 1), [5]);
      assert.deepEqual(await read('backward', 3), [5, 4, 3]);
      assert.deepEqual(await read('backward', 3, 4), [5, 4]);
    }),

    line('a stream of several pages is read whole, in both directions', async (trial) => {
      const store = await trial.open();
      const count = Limits.pageEventsMax * 2 + 3;
      await store.append('s-1', notes(count));
      const numbers = Array.from({ length: count }, (_, i) => i);
      assert.deepEqual(numbersOf(await store.getEvents('s-1')), numbers);
      const backward = await all(store.readStream('s-1', { direction: 'backward' }));
      assert.deepEqual(numbersOf(backward), numbers.toReversed());
      const most = await all(store.readStream('s-1', { limit: Limits.pageEventsMax + 1 }));
      assert.deepEqual(numbersOf(most), numbers.slice(0, Limits.pageEventsMax + 1));
    }),

    line('bounds, limits and directions that make no sense are refused', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      for (const value of [-1, 1.5, NaN, 2 ** 53, '1'] as number[]) {
        for (const options of [{ fromVersion: value }, { toVersion: value }, { limit: value }]) {
          await refused(
            all(store.readStream('s-1', options)),
            InvalidArgumentError,
            {},
            JSON.stringify(options),
          );
        }
        await refused(all(store.readAll({ limit: value })), InvalidArgumentError, {
          argument: 'options.limit',
        });
      }
      for (const read of [
        () => all(store.readStream('s-1', { limit: 0 })),
        () => all(store.readAll({ limit: 0 })),
        () => all(store.readStream('s-1', { direction: 'sideways' as ReadDirection })),
        () => all(store.readAll({ direction: 'sideways' as ReadDirection })),
        () => all(store.readAll({ types: [''] })),
      ]) {
        await refused(read(), InvalidArgumentError);
      }
    }),
  ],
};

const readingTheLog: ContractTopic = {
  subject: 'reading the log',
  lines: [
    line('the log is read in the order of positions, or backward from the head', async (trial) => {
      const store = await trial.open();
      await eightNotes(store);
      assert.deepEqual(numbersOf(await store.getAllEvents()), [1, 2, 3, 4, 5, 6, 7, 8]);
      const backward = await all(store.readAll({ direction: 'backward' }));
      assert.deepEqual(numbersOf(backward), [8, 7, 6, 5, 4, 3, 2, 1]);
    }),

    line('`after` is exclusive and `upTo` inclusive, in both directions', async (trial) => {
      const store = await trial.open();
      const positions = await eightNotes(store);
      const at = [0, ...positions];
      for (let low = 0; low <= 8; low++) {
        for (let high = 0; high <= 8; high++) {
          const wanted = [1, 2, 3, 4, 5, 6, 7, 8].filter((n) => n > low && n <= high);
          const options = { after: at[low]!, upTo: at[high]! };
          const words = JSON.stringify(options);
          assert.deepEqual(numbersOf(await all(store.readAll(options))), wanted, words);
          const backward = await all(store.readAll({ ...options, direction: 'backward' }));
          assert.deepEqual(numbersOf(backward), wanted.toReversed(), `backward ${words}`);
        }
      }
      const beyond = await all(store.readAll({ after: at[6]!, upTo: Number.MAX_SAFE_INTEGER }));
      assert.deepEqual(numbersOf(beyond), [7, 8], 'upTo may lie beyond the head');
    }),

    line(
      'types and categories are filters that must all hold, and a limit counts what passes',
      async (trial) => {
        const store = await trial.open();
        const positions = await eightNotes(store);
        const read = async (options: Parameters<EventStore['readAll']>[0]): Promise<unknown> =>
          numbersOf(await all(store.readAll(options)));
        assert.deepEqual(await read({ types: ['fourth'] }), [4, 8]);
        assert.deepEqual(await read({ types: ['fourth', 'noted'] }), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert.deepEqual(await read({ types: ['unknown'] }), []);
        assert.deepEqual(await read({ types: [] }), []);
        assert.deepEqual(await read({ categories: ['even'] }), [2, 4, 6, 8]);
        assert.deepEqual(await read({ categories: ['even'], types: ['noted'] }), [2, 6]);
        assert.deepEqual(await read({ categories: ['odd'], types: ['fourth'] }), []);
        assert.deepEqual(await read({ categories: ['even'], limit: 2 }), [2, 4]);
        assert.deepEqual(await read({ categories: ['even'], limit: 2, direction: 'backward' }), [8, 6]);
        const bounds = { after: positions[1]!, upTo: positions[6]! };
        assert.deepEqual(await read({ categories: ['even'], ...bounds }), [4, 6]);
        assert.deepEqual(
          await read({ categories: ['even'], ...bounds, direction: 'backward', limit: 1 }),
          [6],
        );
      },
    ),

    line(
      'a log of several pages is read whole, in both directions, with and without a filter',
      async (trial) => {
        const store = await trial.open();
        const count = Limits.pageEventsMax * 2 + 3;
        const numbers = Array.from({ length: count }, (_, i) => i);
        await store.append(
          's-1',
          numbers.map((n) => note(n, { type: n % 2 === 0 ? 'even' : 'odd' })),
        );
        assert.deepEqual(numbersOf(await store.getAllEvents()), numbers);
        const backward = await all(store.readAll({ direction: 'backward' }));
        assert.deepEqual(numbersOf(backward), numbers.toReversed());
        const even = numbers.filter((n) => n % 2 === 0);
        assert.deepEqual(numbersOf(await all(store.readAll({ types: ['even'] }))), even);
        const evenBackward = await all(store.readAll({ types: ['even'], direction: 'backward' }));
        assert.deepEqual(numbersOf(evenBackward), even.toReversed());
      },
    ),

    line('a filtered reader gets past any number of events that its filter leaves out', async (trial) => {
      const store = await trial.open();
      // On either side more than a backend looks at for one page, so that a page without any event comes first.
      const side = Limits.pageScanEventsMax + Limits.pageEventsMax;
      const appendSide = async (): Promise<void> => {
        for (let left = side; left > 0; left -= Limits.commitEventsMax) {
          await store.append('s-1', notes(Math.min(left, Limits.commitEventsMax)));
        }
      };
      await appendSide();
      await store.append('s-1', [note('first', { type: 'rare' })]);
      await appendSide();
      for (const direction of DIRECTIONS) {
        assert.deepEqual(
          numbersOf(await all(store.readAll({ types: ['rare'], direction }))),
          ['first'],
          direction,
        );
        assert.deepEqual(await all(store.readAll({ types: ['none'], direction })), [], direction);
      }
      const follower = trial.follow(store, { after: 0, types: ['rare'] });
      await follower.until(1);
      await store.append('s-1', [note('last', { type: 'rare' })]);
      await follower.until(2);
      assert.deepEqual(numbersOf(follower.seen), ['first', 'last']);
    }),
  ],
};

export const reading: readonly ContractTopic[] = [readingStreams, readingTheLog];
