/** Positions: the order of everything in the store. */
import { strict as assert } from 'node:assert';
import { lastValueFrom } from 'rxjs';
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';
import { PositionBeyondHeadError } from '../../../core/errors/store.errors.js';
import { type ContractTopic, gapless, line, lineFor } from '../contract-line.js';
import { Beside, someTurns } from '../patience.js';
import { outcomeOf, refused } from '../refusals.js';
import { all, notes, numbersOf, plain } from '../sample-events.js';

const NOT_WHOLE: readonly unknown[] = [-1, 1.5, NaN, Infinity, 2 ** 53, '1', null];

export const position: ContractTopic = {
  subject: 'position',
  lines: [
    line('positions are safe integers from 1 on, strictly increasing over the whole store', async (trial) => {
      const store = await trial.open();
      for (let i = 0; i < 10; i++) await store.append(`s-${i % 3}`, notes(1 + (i % 3), i * 10));
      const positions = (await store.getAllEvents()).map((event) => event.position);
      assert.ok(positions[0]! >= 1);
      assert.ok(positions.every((at) => Number.isSafeInteger(at)));
      assert.deepEqual(
        positions,
        [...new Set(positions)].sort((a, b) => a - b),
      );
    }),

    line('an append that begins after another was acknowledged stands behind it', async (trial) => {
      const store = await trial.open();
      let last = 0;
      for (let i = 0; i < 10; i++) {
        const { position: at } = await store.append(`s-${i % 4}`, notes(2));
        assert.ok(at > last, `position ${at} was given after ${last}`);
        last = at;
      }
      assert.equal(await store.backend.head(), last, 'head() is the last position');
    }),

    lineFor(gapless, 'without documented gaps, positions count the events', async (trial) => {
      const store = await trial.open();
      assert.equal(await store.backend.head(), 0, 'the head of an empty store');
      await store.append('s-1', notes(3));
      await outcomeOf(store.append('s-1', notes(2), { expectedVersion: 7 }));
      await store.appendAll([
        { streamId: 's-1', events: notes(2) },
        { streamId: 's-2', events: notes(2) },
      ]);
      const positions = (await store.getAllEvents()).map((event) => event.position);
      assert.deepEqual(positions, [1, 2, 3, 4, 5, 6, 7]);
      assert.equal(await store.backend.head(), 7);
    }),

    line('whoever has read up to P never later meets an event at or below P', async (trial) => {
      const store = await trial.open();
      const writers = Array.from({ length: 8 }, async (_, w) => {
        for (let i = 0; i < 12; i++) await store.append(`writer-${w}`, notes(1 + ((w + i) % 3)));
      });
      const writing = new Beside(Promise.all(writers));
      const read: object[] = [];
      let after = 0;
      while (!writing.done) {
        for (const event of await all(store.readAll({ after }))) {
          assert.ok(event.position > after, `position ${event.position} came after ${after} had been read`);
          after = event.position;
          read.push(plain(event));
        }
        await someTurns(1);
      }
      await writing.result;
      read.push(...(await all(store.readAll({ after }))).map(plain));
      assert.deepEqual(read, (await store.getAllEvents()).map(plain));
    }),

    line(
      'reading after a position beyond the head is PositionBeyondHeadError, never silence',
      async (trial) => {
        const store = await trial.open();
        await refused(all(store.readAll({ after: 1 })), PositionBeyondHeadError, { position: 1, head: 0 });
        const { position: head } = await store.append('s-1', notes(3));
        for (const after of [head + 1, head + 1000, Number.MAX_SAFE_INTEGER]) {
          const fields = { position: after, head };
          await refused(all(store.readAll({ after })), PositionBeyondHeadError, fields);
          await refused(
            all(store.readAll({ after, direction: 'backward' })),
            PositionBeyondHeadError,
            fields,
          );
          await refused(all(store.readAll({ after, types: ['none'] })), PositionBeyondHeadError, fields);
        }
        assert.deepEqual(
          await all(store.readAll({ after: head })),
          [],
          'after the head itself there is nothing yet',
        );
      },
    ),

    line(
      'subscribing after a position beyond the head is PositionBeyondHeadError, never silence',
      async (trial) => {
        const store = await trial.open();
        const { position: head } = await store.append('s-1', notes(3));
        const fields = { position: head + 1, head };
        const follower = trial.follow(store, { after: head + 1 });
        await refused(follower.ready(), PositionBeyondHeadError, fields);
        const observed = lastValueFrom(store.events$({ after: head + 1 }));
        await refused(trial.within(observed, 'an error of events$'), PositionBeyondHeadError, fields);
        await store.append('s-1', notes(3));
        await someTurns();
        assert.deepEqual(follower.seen, [], 'a subscription that was refused delivers nothing later');
        const atHead = trial.follow(store, { after: head });
        await atHead.until(3);
      },
    ),

    line('a position that is no whole number from 0 on is refused', async (trial) => {
      const store = await trial.open();
      for (const value of NOT_WHOLE) {
        const at = value as number;
        for (const options of [{ after: at }, { upTo: at }]) {
          await refused(all(store.readAll(options)), InvalidArgumentError, {}, `readAll(${String(value)})`);
        }
        assert.throws(() => store.subscribe(() => undefined, { after: at }), InvalidArgumentError);
      }
    }),
  ],
};

export const eventsAfter: ContractTopic = {
  subject: 'getEventsAfter',
  lines: [
    line(
      'getEventsAfter(s, v) gives the events of s with a version greater than v; 0 is all',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(3, 1));
        await store.append('s-2', notes(3, 90));
        await store.append('s-1', notes(2, 4));
        const after = async (v: number): Promise<unknown> => numbersOf(await store.getEventsAfter('s-1', v));
        assert.deepEqual(await after(0), [1, 2, 3, 4, 5]);
        assert.deepEqual(await after(1), [2, 3, 4, 5]);
        assert.deepEqual(await after(4), [5]);
        assert.deepEqual(await after(5), []);
        assert.deepEqual(await after(6), []);
        assert.deepEqual(await after(Number.MAX_SAFE_INTEGER - 1), []);
        assert.deepEqual(numbersOf(await store.getEvents('s-1')), [1, 2, 3, 4, 5]);
      },
    ),

    line('a version that is no whole number from 0 on is refused', async (trial) => {
      const store = await trial.open();
      for (const value of NOT_WHOLE) {
        await refused(store.getEventsAfter('s-1', value as number), InvalidArgumentError, {
          argument: 'version',
        });
      }
    }),
  ],
};
