/** Commits: all or nothing, over one stream or many, with records. */
import { strict as assert } from 'node:assert';
import { RecordConflictError, WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { InvalidArgumentError, UnserialisableDataError } from '../../../core/errors/input.errors.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor } from '../contract-line.js';
import { Beside, someTurns } from '../patience.js';
import { refused, writesNothing } from '../refusals.js';
import { all, note, notes, numbersOf, plain } from '../sample-events.js';

/** The record that lines of this topic write along with events. */
const RECORD = { collection: 'effects', key: 'k', value: 'written' };

async function noRecord(store: EventStore): Promise<void> {
  assert.equal(await store.records.get('effects', 'k'), null, 'the record of a refused commit was written');
}

const commit: ContractTopic = {
  subject: 'commit',
  lines: [
    line('events of one append stand together, in the order given', async (trial) => {
      const store = await trial.open();
      const result = await store.append('s-1', notes(5));
      const events = await store.getEvents('s-1');
      assert.deepEqual(numbersOf(events), [0, 1, 2, 3, 4]);
      assert.equal(events.at(-1)!.position, result.position);
    }),

    line('a commit over many streams writes all of them', async (trial) => {
      const store = await trial.open();
      await store.appendAll(
        Array.from({ length: 20 }, (_, i) => ({ streamId: `s-${i}`, events: notes(2, i) })),
      );
      for (let i = 0; i < 20; i++) assert.deepEqual(numbersOf(await store.getEvents(`s-${i}`)), [i, i + 1]);
      assert.equal((await store.getAllEvents()).length, 40);
    }),

    line(
      'a conflict in any one of its streams leaves nothing of a commit, in no stream and no record',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(2));
        for (const wrong of [0, 1, 2]) {
          await writesNothing(store, async () => {
            const appends = [0, 1, 2].map((i) => ({
              streamId: `s-${i}`,
              events: notes(2),
              expectedVersion: i === wrong ? 7 : ('any' as const),
            }));
            const fields = { streamId: `s-${wrong}`, expected: 7, actual: wrong === 1 ? 2 : 0 };
            await refused(store.appendAll(appends, { records: [RECORD] }), WrongExpectedVersionError, fields);
            for (const i of [0, 2]) assert.deepEqual(await store.getEvents(`s-${i}`), []);
          });
          await noRecord(store);
        }
      },
    ),

    line('a conflict of a record leaves nothing of a commit, no event and no other record', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      await writesNothing(store, async () => {
        const records = [RECORD, { collection: 'effects', key: 'other', value: 1, expected: 2 }];
        const work = store.appendAll([{ streamId: 's-1', events: notes(2) }], { records });
        await refused(work, RecordConflictError, { collection: 'effects', key: 'other' });
      });
      await noRecord(store);
      assert.equal((await store.append('s-1', notes(1))).version, 3);
    }),

    line('one bad event leaves nothing of a commit', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        const bad = note(0, { data: { n: () => 1 } });
        await refused(store.append('s-1', [note(), note(), bad]), UnserialisableDataError);
        const appends = [
          { streamId: 's-1', events: [note()] },
          { streamId: 's-2', events: [bad] },
        ];
        await refused(store.appendAll(appends, { records: [RECORD] }), UnserialisableDataError);
      });
      await noRecord(store);
    }),

    line('a reader sees a whole commit or nothing of it', async (trial) => {
      const store = await trial.open();
      const writers = Array.from({ length: 6 }, async (_, w) => {
        for (let i = 0; i < 10; i++) {
          await store.appendAll([
            { streamId: `left-${w}`, events: [note(`${w}.${i}`)] },
            { streamId: `right-${w}`, events: [note(`${w}.${i}`)] },
          ]);
        }
      });
      const writing = new Beside(Promise.all(writers));
      do {
        const seen = new Map<unknown, number>();
        for (const n of numbersOf(await store.getAllEvents())) seen.set(n, (seen.get(n) ?? 0) + 1);
        for (const [n, times] of seen)
          assert.equal(times, 2, `one half of commit ${String(n)} was visible alone`);
        // Writers have their turn even if reading never leaves memory.
        await someTurns(1);
      } while (!writing.done);
      await writing.result;
    }),

    line(
      'a commit without events is refused, and so is one stream without events among others',
      async (trial) => {
        const store = await trial.open();
        await writesNothing(store, async () => {
          await refused(store.append('s-1', []), InvalidArgumentError, { argument: 'events' });
          await refused(store.appendAll([]), InvalidArgumentError, { argument: 'appends' });
          const appends = [
            { streamId: 's-1', events: [note()] },
            { streamId: 's-2', events: [] },
          ];
          await refused(store.appendAll(appends), InvalidArgumentError, { argument: 'events' });
        });
      },
    ),

    line('the same stream twice in one commit is refused', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        const appends = ['s-1', 's-2', 's-1'].map((streamId) => ({ streamId, events: [note()] }));
        await refused(store.appendAll(appends), InvalidArgumentError, { argument: 'appends' });
      });
    }),

    lineFor(durable, 'what was acknowledged is there when the place is opened again', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      await store.appendAll(
        [
          { streamId: 's-1', events: notes(1) },
          { streamId: 's-2', events: notes(2) },
        ],
        {
          records: [RECORD],
        },
      );
      const before = (await store.getAllEvents()).map(plain);
      const again = await trial.reopen(store);
      assert.deepEqual((await again.getAllEvents()).map(plain), before);
      assert.equal(await again.records.get('effects', 'k'), 'written');
    }),

    line('flush() makes nothing visible twice and loses nothing', async (trial) => {
      const store = await trial.open();
      await store.flush();
      await store.append('s-1', notes(3));
      await store.flush();
      await store.flush();
      assert.deepEqual(numbersOf(await store.getAllEvents()), [0, 1, 2]);
    }),
  ],
};

const result: ContractTopic = {
  subject: 'result',
  lines: [
    line(
      'an append resolves to { streamId, fromVersion, version, position, idempotent } of its last event',
      async (trial) => {
        const store = await trial.open();
        for (const [count, fromVersion] of [
          [1, 1],
          [4, 2],
          [2, 6],
        ] as const) {
          const outcome = await store.append('s-1', notes(count));
          const last = (await store.getEvents('s-1')).at(-1)!;
          const wanted = {
            streamId: 's-1',
            fromVersion,
            version: last.version,
            position: last.position,
            idempotent: false,
          };
          assert.deepEqual({ ...outcome }, wanted);
          assert.equal(outcome.version, fromVersion + count - 1);
        }
      },
    ),

    line('a commit over streams has one result per stream, in the order given', async (trial) => {
      const store = await trial.open();
      await store.append('s-2', notes(3));
      const streamIds = ['s-3', 's-1', 's-2', 's-0'];
      const results = await store.appendAll(
        streamIds.map((streamId, i) => ({ streamId, events: notes(i + 1) })),
      );
      for (const [i, streamId] of streamIds.entries()) {
        const last = (await all(store.readStream(streamId, { direction: 'backward', limit: 1 })))[0]!;
        const { version, position } = last;
        const wanted = { streamId, fromVersion: version - i, version, position, idempotent: false };
        assert.deepEqual({ ...results[i] }, wanted);
      }
      assert.equal(results.length, 4);
    }),
  ],
};

export const commits: readonly ContractTopic[] = [commit, result];
