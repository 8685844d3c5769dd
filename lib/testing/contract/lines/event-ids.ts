/** Ids of events, and what a repeated append is. */
import { strict as assert } from 'node:assert';
import { DuplicateEventError, WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';
import type { ExpectedVersion } from '../../../core/expected-version.js';
import { Limits } from '../../../core/limits.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor } from '../contract-line.js';
import { refused, writesNothing } from '../refusals.js';
import { newId, note, notes, notesWithIds, numbersOf } from '../sample-events.js';

/** The window that every backend has at the least, in events. */
const DUPLICATE_WINDOW_MIN = 100_000;

const eventId: ContractTopic = {
  subject: 'event id',
  lines: [
    line('the store makes a UUIDv7 in lower case for each event, all different', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(50));
      const ids = (await store.getEvents('s-1')).map((event) => event.id);
      for (const id of ids) {
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }
      assert.equal(new Set(ids).size, 50);
    }),

    line('a given id is kept, whatever version of UUID it is', async (trial) => {
      const store = await trial.open();
      const ids = [newId(), '00000000-0000-1000-8000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
      for (const id of ids) await store.append('s-1', [note(0, { id })]);
      assert.deepEqual(
        (await store.getEvents('s-1')).map((event) => event.id),
        ids,
      );
    }),

    line('an id that is no UUID in lower case is refused', async (trial) => {
      const store = await trial.open();
      const bad = [
        '',
        'x',
        newId().toUpperCase(),
        `{${newId()}}`,
        newId().replaceAll('-', ''),
        `${newId()} `,
        5,
        null,
      ];
      await writesNothing(store, async () => {
        for (const id of bad) {
          const work = store.append('s-1', [note(), note(1, { id: id as string })]);
          await refused(work, InvalidArgumentError, { argument: 'events[1].id' }, String(id));
        }
      });
    }),

    line('the same id twice in one commit is DuplicateEventError, over streams too', async (trial) => {
      const store = await trial.open();
      const id = newId();
      await writesNothing(store, async () => {
        const twice = [note(0, { id }), note(1, { id })];
        await refused(store.append('s-1', twice), DuplicateEventError, { streamId: 's-1', eventIds: [id] });
        const appends = [
          { streamId: 's-1', events: [note(0, { id })] },
          { streamId: 's-2', events: [note(1, { id })] },
        ];
        await refused(store.appendAll(appends), DuplicateEventError, { eventIds: [id] });
      });
    }),
  ],
};

/** Repeats an append and expects the first result again, marked, with nothing written. */
async function repeats(
  store: EventStore,
  streamId: string,
  events: ReturnType<typeof notes>,
  expectedVersion: ExpectedVersion,
  first: { fromVersion: number; version: number; position: number },
): Promise<void> {
  await writesNothing(store, async () => {
    const again = await store.append(streamId, events, { expectedVersion });
    const { fromVersion, version, position } = first;
    assert.deepEqual({ ...again }, { streamId, fromVersion, version, position, idempotent: true });
  });
}

/** Expects DuplicateEventError with exactly these ids, in any order. */
async function refusedAsDuplicate(
  work: Promise<unknown>,
  streamId: string,
  ids: readonly string[],
  what = 'the append',
): Promise<void> {
  const error = await refused(work, DuplicateEventError, { streamId }, what);
  assert.deepEqual(error.eventIds.toSorted(), ids.toSorted(), `${what}: eventIds`);
}

/** Puts at least `count` events behind those that are there. */
async function pushBack(store: EventStore, count: number): Promise<void> {
  for (let left = count; left > 0; left -= Limits.commitEventsMax) {
    await store.append('filler', notes(Math.min(left, Limits.commitEventsMax)));
  }
}

const idempotent: ContractTopic = {
  subject: 'idempotent append',
  lines: [
    line(
      'the same ids at the same place again: the first result with idempotent true, and nothing written',
      async (trial) => {
        const store = await trial.open();
        const first = notesWithIds(3);
        const second = notesWithIds(2, 3);
        const atStart = await store.append('s-1', first.events, { expectedVersion: 'noStream' });
        await repeats(store, 's-1', first.events, 'noStream', atStart);
        await repeats(store, 's-1', first.events, 0, atStart);
        const behind = await store.append('s-1', second.events, { expectedVersion: 3 });
        await repeats(store, 's-1', second.events, 3, behind);
        await repeats(store, 's-1', first.events, 'noStream', atStart);
        await store.append('s-1', notes(4));
        await repeats(store, 's-1', first.events, 0, atStart);
        await repeats(store, 's-1', second.events, 3, behind);
      },
    ),

    line("under 'any' and 'streamExists' repeats are recognised too", async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      const { events } = notesWithIds(2);
      const first = await store.append('s-1', events);
      await store.append('s-1', notes(2));
      await repeats(store, 's-1', events, 'any', first);
      await repeats(store, 's-1', events, 'streamExists', first);
    }),

    line('a consecutive part of a commit is recognised, at its own place', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      const { events } = notesWithIds(4);
      await store.append('s-1', events, { expectedVersion: 2 });
      const stored = await store.getEvents('s-1');
      for (const [from, to] of [
        [0, 1],
        [0, 3],
        [1, 3],
        [3, 4],
        [1, 4],
      ] as const) {
        const place = { fromVersion: from + 3, version: to + 2, position: stored[to + 1]!.position };
        await repeats(store, 's-1', events.slice(from, to), from + 2, place);
        await repeats(store, 's-1', events.slice(from, to), 'any', place);
      }
    }),

    line('a repeated commit over streams gives every first result again', async (trial) => {
      const store = await trial.open();
      const appends = ['s-1', 's-2', 's-3'].map((streamId, i) => ({ streamId, ...notesWithIds(i + 1) }));
      const first = await store.appendAll(appends);
      await writesNothing(store, async () => {
        const again = await store.appendAll(appends);
        assert.deepEqual(
          again.map((one) => ({ ...one })),
          first.map((one) => ({ ...one, idempotent: true })),
        );
        const one = await store.append('s-2', appends[1]!.events, { expectedVersion: 'noStream' });
        assert.deepEqual({ ...one }, { ...first[1], idempotent: true });
      });
    }),

    line('a repeat writes no records either', async (trial) => {
      const store = await trial.open();
      const appends = [{ streamId: 's-1', ...notesWithIds(1) }];
      const record = (value: number): object => ({ records: [{ collection: 'effects', key: 'k', value }] });
      await store.appendAll(appends, record(1));
      const [again] = await store.appendAll(appends, record(2));
      assert.equal(again!.idempotent, true);
      assert.equal(await store.records.get('effects', 'k'), 1);
    }),

    line('ids decide; payloads are not compared', async (trial) => {
      const store = await trial.open();
      const { ids, events } = notesWithIds(2);
      const first = await store.append('s-1', events, { expectedVersion: 0 });
      const others = ids.map((id, i) => note(`other ${i}`, { id, type: 'other', metadata: { a: 1 } }));
      await repeats(store, 's-1', others, 0, first);
      assert.deepEqual(numbersOf(await store.getEvents('s-1')), [0, 1], 'the first payload stays');
    }),

    line('the same append twice at once is written once', async (trial) => {
      const store = await trial.open();
      for (const expected of ['any', 2] as const) {
        const { events } = notesWithIds(2);
        const both = await Promise.all(
          [1, 2, 3].map(() => store.append('s-1', events, { expectedVersion: expected })),
        );
        assert.deepEqual(both.map((one) => one.idempotent).toSorted(), [false, true, true]);
        const places = new Set(
          both.map(({ fromVersion, version, position }) => `${fromVersion} ${version} ${position}`),
        );
        assert.equal(places.size, 1);
      }
      assert.equal((await store.getEvents('s-1')).length, 4);
    }),

    line('a repeat is delivered to nobody', async (trial) => {
      const store = await trial.open();
      const { events } = notesWithIds(2);
      const follower = trial.follow(store, { after: 0 });
      await store.append('s-1', events);
      await store.append('s-1', events);
      const { position } = await store.append('s-1', [note('end')]);
      await follower.untilPosition(position);
      assert.deepEqual(numbersOf(follower.seen), [0, 1, 'end']);
    }),

    line(
      'ids used in another stream are DuplicateEventError { streamId, eventIds }, and nothing is written',
      async (trial) => {
        const store = await trial.open();
        const { ids, events } = notesWithIds(2);
        await store.append('s-1', events);
        await writesNothing(store, async () => {
          for (const expected of ['any', 'noStream', 0] as const) {
            const work = store.append('s-2', events, { expectedVersion: expected });
            await refusedAsDuplicate(work, 's-2', ids, String(expected));
          }
        });
      },
    ),

    line('ids used at another place of the stream are DuplicateEventError', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      const { ids, events } = notesWithIds(2);
      await store.append('s-1', events);
      await writesNothing(store, async () => {
        for (const expected of ['noStream', 0, 2, 3, 99] as const) {
          const work = store.append('s-1', events, { expectedVersion: expected });
          await refusedAsDuplicate(work, 's-1', ids, String(expected));
        }
      });
    }),

    line(
      'known ids among new ones, in another order or with holes, are DuplicateEventError',
      async (trial) => {
        const store = await trial.open();
        const { ids, events } = notesWithIds(3);
        const [a, b, c] = events as [object, object, object];
        await store.append('s-1', events);
        await writesNothing(store, async () => {
          const tries: readonly (readonly [readonly object[], readonly string[]])[] = [
            [[a, note('new')], [ids[0]!]],
            [[note('new'), a], [ids[0]!]],
            [[a, b, c, note('new')], ids],
            [
              [b, a],
              [ids[1]!, ids[0]!],
            ],
            [
              [a, c],
              [ids[0]!, ids[2]!],
            ],
          ];
          for (const [i, [attempt, known]] of tries.entries()) {
            for (const expectedVersion of ['any', 'streamExists', 0] as const) {
              const work = store.append('s-1', attempt, { expectedVersion });
              await refusedAsDuplicate(work, 's-1', known, `try ${i} under ${expectedVersion}`);
            }
          }
        });
      },
    ),

    line('a commit that repeats one stream and is new in another is DuplicateEventError', async (trial) => {
      const store = await trial.open();
      const { ids, events } = notesWithIds(1);
      await store.append('s-1', events);
      await writesNothing(store, async () => {
        for (const other of [notes(1), notesWithIds(1).events]) {
          const appends = [
            { streamId: 's-2', events: other },
            { streamId: 's-1', events },
          ];
          await refusedAsDuplicate(store.appendAll(appends), 's-1', ids);
        }
      });
    }),

    line('new ids at a wrong version are a conflict, and usable afterwards', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      const { events } = notesWithIds(2);
      await refused(store.append('s-1', events, { expectedVersion: 0 }), WrongExpectedVersionError);
      const second = await store.append('s-1', events, { expectedVersion: 1 });
      assert.deepEqual([second.fromVersion, second.idempotent], [2, false]);
    }),

    lineFor(durable, 'repeats and duplicates are recognised after reopening too', async (trial) => {
      const store = await trial.open();
      const { ids, events } = notesWithIds(3);
      const first = await store.append('s-1', events, { expectedVersion: 'noStream' });
      const again = await trial.reopen(store);
      for (const expected of ['noStream', 'any', 'streamExists'] as const) {
        await repeats(again, 's-1', events, expected, first);
      }
      await refusedAsDuplicate(again.append('s-2', events), 's-2', ids);
    }),

    line('the documented window is at least the newest 100,000 events', async ({ subject }) => {
      const { duplicateWindow } = subject.capabilities;
      assert.ok(
        duplicateWindow >= DUPLICATE_WINDOW_MIN,
        `capabilities.duplicateWindow is ${duplicateWindow}`,
      );
    }),

    line(
      'ids are known across the newest 100,000 events, and after reopening where the store is durable',
      async (trial) => {
        let store = await trial.open();
        const { ids, events } = notesWithIds(2);
        const first = await store.append('s-1', events);
        await pushBack(store, DUPLICATE_WINDOW_MIN - events.length);
        const known = async (): Promise<void> => {
          for (const expectedVersion of ['any', 'streamExists'] as const) {
            const again = await store.append('s-1', events, { expectedVersion });
            assert.deepEqual({ ...again }, { ...first, idempotent: true }, `under '${expectedVersion}'`);
          }
          await refusedAsDuplicate(store.append('s-2', events), 's-2', ids);
        };
        await known();
        if (!trial.subject.capabilities.durable) return;
        store = await trial.reopen(store);
        await known();
      },
    ),

    line('with a number or noStream the same place is recognised for ever', async (trial) => {
      const store = await trial.open();
      const { duplicateWindow } = trial.subject.capabilities;
      const first = notesWithIds(2);
      const second = notesWithIds(2);
      const atStart = await store.append('s-1', first.events, { expectedVersion: 'noStream' });
      const behind = await store.append('s-1', second.events, { expectedVersion: 2 });
      // A window that is too long to be outrun in a test is outrun as far as the shortest one allowed.
      const window = duplicateWindow > 2 * DUPLICATE_WINDOW_MIN ? DUPLICATE_WINDOW_MIN : duplicateWindow;
      await pushBack(store, window + 1);
      const again = await store.append('s-1', first.events, { expectedVersion: 'noStream' });
      assert.deepEqual({ ...again }, { ...atStart, idempotent: true });
      const next = await store.append('s-1', second.events, { expectedVersion: 2 });
      assert.deepEqual({ ...next }, { ...behind, idempotent: true });
    }),
  ],
};

export const eventIds: readonly ContractTopic[] = [eventId, idempotent];
