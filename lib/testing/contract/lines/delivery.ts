/** What readers that follow the log are given, when, and in which order. */
import { strict as assert } from 'node:assert';
import { AppendOutcomeUnknownError } from '../../../core/errors/append.errors.js';
import { Limits } from '../../../core/limits.js';
import type { RecordedEvent } from '../../../core/recorded-event.js';
import { type ContractTopic, durable, fault, line, lineFor } from '../contract-line.js';
import { Beside, gate, someTurns } from '../patience.js';
import { outcomeOf, refused } from '../refusals.js';
import { note, notes, notesWithIds, numbersOf, plain } from '../sample-events.js';

const order: ContractTopic = {
  subject: 'order of delivery',
  lines: [
    line('a subscription is given events in the order of their positions', async (trial) => {
      const store = await trial.open();
      const follower = trial.follow(store, { after: 0 });
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, i) => store.append(`s-${i % 7}`, notes(2, i * 2))),
      );
      await follower.untilPosition(Math.max(...results.map(({ position }) => position)));
      assert.deepEqual(
        follower.positions,
        follower.positions.toSorted((a, b) => a - b),
      );
      assert.deepEqual(follower.seen.map(plain), (await store.getAllEvents()).map(plain));
    }),

    line(
      'catch-up passes into live events without gap or double, wherever the border falls',
      async (trial) => {
        const store = await trial.open();
        // Appends keep coming while each reader catches up, so the border falls at another event for each.
        for (let round = 0; round < 12; round++) {
          await store.append('s-1', notes(round + 1, round * 100));
          const follower = trial.follow(store, { after: 0 });
          const live = Array.from({ length: 6 }, async (_, i) => {
            await someTurns(i % 3);
            return store.append(`s-${i}`, notes(1 + (i % 2), round * 100 + 50 + i * 2));
          });
          const ends = (await Promise.all(live)).map(({ position }) => position);
          await follower.untilPosition(Math.max(...ends));
          assert.deepEqual(
            follower.positions,
            (await store.getAllEvents()).map((event) => event.position),
          );
          await follower.unsubscribe();
        }
      },
    ),

    line('catch-up over several pages passes into live events without gap or double', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(Limits.pageEventsMax * 2));
      let more = new Beside<unknown>(Promise.resolve());
      const follower = trial.follow(store, { after: 0 }, (event) => {
        // Appended from inside the catch-up, just before its last page is used up.
        if (event.version === Limits.pageEventsMax * 2 - 1) {
          more = new Beside(store.append('s-1', notes(3, 10_000)));
        }
      });
      await follower.until(Limits.pageEventsMax * 2);
      await more.result;
      const { position } = await store.append('s-1', [note('end')]);
      await follower.untilPosition(position);
      assert.deepEqual(
        follower.positions,
        (await store.getAllEvents()).map((event) => event.position),
      );
    }),

    line('every append called after `ready` is delivered, and woken for at once', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      const follower = trial.follow(store, { after: 'now' });
      await follower.ready();
      for (let i = 0; i < 10; i++) {
        await store.append('s-1', [note(`live ${i}`)]);
        await follower.until(i + 1);
      }
      const live = Array.from({ length: 10 }, (_, i) => `live ${i}`);
      assert.deepEqual(numbersOf(follower.seen), live);
    }),

    line('many subscriptions at once are each given everything', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(5));
      const followers = Array.from({ length: 30 }, () => trial.follow(store, { after: 0 }));
      for (const follower of followers) await follower.until(5);
      for (let i = 5; i < 15; i++) await store.append('s-1', [note(i)]);
      for (const follower of followers) await follower.until(15);
      const positions = (await store.getAllEvents()).map((event) => event.position);
      for (const follower of followers) assert.deepEqual(follower.positions, positions);
    }),

    line('events$ gives the same events in the same order', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      const seen: RecordedEvent[] = [];
      const done = gate();
      const subscription = store.events$({ after: 0 }).subscribe((event) => {
        seen.push(event);
        if (event.type === 'end') done.open();
      });
      await store.append('s-2', notes(3, 3));
      await store.append('s-1', [note(6, { type: 'end' })]);
      await trial.within(done.opened, 'the last event of events$');
      subscription.unsubscribe();
      assert.deepEqual(numbersOf(seen), [0, 1, 2, 3, 4, 5, 6]);
    }),
  ],
};

const visibility: ContractTopic = {
  subject: 'visibility',
  lines: [
    line(
      'from the moment of its acknowledgement an append can be read by its writer, in every way',
      async (trial) => {
        const store = await trial.open();
        for (let i = 1; i <= 10; i++) {
          const appends = [{ streamId: 's-1', events: [note(i)] }];
          const records = [{ collection: 'effects', key: 'k', value: i }];
          const [result] = await store.appendAll(appends, { records });
          assert.ok((await store.backend.head()) >= result!.position, 'head()');
          assert.equal((await store.getEvents('s-1')).length, i, 'getEvents');
          assert.equal((await store.getAllEvents()).at(-1)!.position, result!.position, 'getAllEvents');
          assert.equal(await store.records.get('effects', 'k'), i, 'its record');
          assert.equal((await store.stats()).totalEvents, i, 'stats');
          assert.equal((await store.getEventsAfter('s-1', i - 1)).length, 1, 'getEventsAfter');
        }
      },
    ),

    line('what a reader has seen never goes away again', async (trial) => {
      const store = await trial.open();
      const follower = trial.follow(store, { after: 0 });
      const seen = new Map<number, object>();
      const look = async (): Promise<void> => {
        for (const event of await store.getAllEvents()) seen.set(event.position, plain(event));
      };
      // Half of these are refused: what they would have written must not show, not even for a moment.
      const writers = Array.from({ length: 10 }, async (_, w) => {
        for (let i = 0; i < 6; i++) {
          const expected = i % 2 === 0 ? ('any' as const) : 999;
          const appends = [
            { streamId: `s-${w % 3}`, events: notes(2) },
            { streamId: `own-${w}`, events: notes(1), expectedVersion: expected },
          ];
          const work = outcomeOf(store.appendAll(appends));
          await look();
          await work;
        }
      });
      await trial.within(Promise.all(writers), 'the writers');
      const { position } = await store.append('s-0', [note('end')]);
      await follower.untilPosition(position);
      const events = await store.getAllEvents();
      const stored = new Map(events.map((event) => [event.position, plain(event)]));
      for (const [at, event] of seen)
        assert.deepEqual(event, stored.get(at), `what was read at position ${at}`);
      assert.deepEqual(follower.seen.map(plain), events.map(plain));
    }),

    lineFor(
      fault('holdNextAppend'),
      'an event that is not yet durable can neither be read nor is it delivered',
      async (trial) => {
        const store = await trial.open();
        const { position: head } = await store.append('s-1', notes(1));
        const follower = trial.follow(store);
        await follower.ready();
        const release = await trial.fault('holdNextAppend')(trial.place);
        const appends = [{ streamId: 's-1', events: notes(2, 1) }];
        const records = [{ collection: 'effects', key: 'k', value: 1 }];
        const work = new Beside(store.appendAll(appends, { records }));
        await someTurns(20);
        assert.equal(await store.backend.head(), head, 'head()');
        assert.equal((await store.getEvents('s-1')).length, 1, 'getEvents');
        assert.equal((await store.getAllEvents()).length, 1, 'getAllEvents');
        assert.equal((await store.stats()).totalEvents, 1, 'stats');
        assert.equal(await store.records.get('effects', 'k'), null, 'its record');
        assert.deepEqual(follower.seen, [], 'a subscription');
        release();
        await trial.within(work.result, 'the append that was held');
        await follower.until(2);
      },
    ),

    lineFor(
      fault('failNextAppend'),
      'an append that fails is never seen, and the stream stays writable',
      async (trial) => {
        const store = await trial.open();
        const follower = trial.follow(store, { after: 0 });
        await follower.ready();
        const { events } = notesWithIds(2);
        await trial.fault('failNextAppend')(trial.place, new Error('the disk is full'));
        const appends = [{ streamId: 's-1', events }];
        const records = [{ collection: 'effects', key: 'k', value: 1 }];
        assert.ok(
          'error' in (await outcomeOf(store.appendAll(appends, { records }))),
          'the append was to fail',
        );
        assert.deepEqual(await store.getAllEvents(), []);
        assert.equal(await store.records.get('effects', 'k'), null);
        const result = await store.append('s-1', events, { expectedVersion: 'noStream' });
        assert.deepEqual([result.fromVersion, result.idempotent], [1, false]);
        await follower.untilPosition(result.position);
        assert.deepEqual(numbersOf(follower.seen), [0, 1]);
      },
    ),
  ],
};

const unknownOutcome: ContractTopic = {
  subject: 'unknown outcome',
  lines: [true, false].flatMap((written) => {
    const when = written ? 'was written' : 'was not written';
    return [
      lineFor(
        fault('unknownOutcome'),
        `an append whose outcome is unknown says so with its ids, and a retry is safe: it ${when}`,
        async (trial) => {
          const store = await trial.open();
          await store.append('s-1', notes(1));
          for (const expectedVersion of ['any', 'streamExists', 5] as const) {
            const { ids, events } = notesWithIds(2);
            await trial.fault('unknownOutcome')(trial.place, written);
            const work = store.append('s-1', events, { expectedVersion });
            await refused(work, AppendOutcomeUnknownError, { eventIds: ids });
            const { fromVersion, idempotent } = await store.append('s-1', events, { expectedVersion });
            assert.equal(idempotent, written, 'idempotent of the retry');
            const stored = (await store.getEvents('s-1')).map((event) => event.id);
            assert.deepEqual(stored.slice(fromVersion - 1), ids, 'the events stand there once');
          }
        },
      ),
      lineFor(
        [fault('unknownOutcome'), durable],
        `after reopening, too, a retry of an unknown outcome is safe: it ${when}`,
        async (trial) => {
          const store = await trial.open();
          const { ids, events } = notesWithIds(2);
          await trial.fault('unknownOutcome')(trial.place, written);
          await refused(store.append('s-1', events), AppendOutcomeUnknownError, { eventIds: ids });
          const again = await trial.reopen(store);
          const result = await again.append('s-1', events);
          assert.deepEqual([result.fromVersion, result.version], [1, 2]);
          assert.deepEqual(
            (await again.getAllEvents()).map((event) => event.id),
            ids,
          );
        },
      ),
    ];
  }),
};

export const delivery: readonly ContractTopic[] = [order, visibility, unknownOutcome];
