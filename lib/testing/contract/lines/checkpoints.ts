/** Checkpoints, what is delivered again after a crash, and snapshots: all three stand on records. */
import { strict as assert } from 'node:assert';
import type { Decider } from '../../../aggregates/decider.js';
import { DeciderRepository } from '../../../aggregates/decider-repository.js';
import { RecordConflictError } from '../../../core/errors/append.errors.js';
import { Limits } from '../../../core/limits.js';
import { CheckpointFencedError } from '../../../store/checkpoint-store.js';
import type { ConsumedPage } from '../../../store/event-consumer.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor, transactional } from '../contract-line.js';
import { gate } from '../patience.js';
import { outcomeOf, refused } from '../refusals.js';
import { commitOf, encoded, note, notes, numbersOf } from '../sample-events.js';
import type { Trial } from '../trial.js';

const checkpoint: ContractTopic = {
  subject: 'checkpoint',
  lines: [
    line(
      'a reader never seen stands at 0; it is claimed, moved, and found where it was left',
      async (trial) => {
        const { checkpoints } = await trial.open();
        assert.deepEqual(await checkpoints.load('r'), { position: 0, epoch: 0 });
        let held = await checkpoints.claim('r');
        assert.deepEqual(held, { position: 0, epoch: 1 });
        for (const to of [3, 4, 9]) {
          held = await checkpoints.advance('r', held, to);
          assert.deepEqual(held, { position: to, epoch: 1 });
          assert.deepEqual(await checkpoints.load('r'), held);
        }
        assert.deepEqual(await checkpoints.load('another'), { position: 0, epoch: 0 });
      },
    ),

    line('a checkpoint moves by compare-and-set: from where it is not, it does not move', async (trial) => {
      const { checkpoints } = await trial.open();
      const first = await checkpoints.claim('r');
      const second = await checkpoints.advance('r', first, 5);
      await refused(checkpoints.advance('r', first, 6), CheckpointFencedError, { reader: 'r', epoch: 1 });
      assert.deepEqual(await checkpoints.load('r'), second);
    }),

    line(
      'a stalled old owner cannot write: the new one keeps the position and raises the epoch',
      async (trial) => {
        const { checkpoints } = await trial.open();
        const old = await checkpoints.advance('r', await checkpoints.claim('r'), 5);
        const owner = await checkpoints.claim('r');
        assert.deepEqual(owner, { position: 5, epoch: 2 });
        await refused(checkpoints.advance('r', old, 6), CheckpointFencedError, { reader: 'r', epoch: 1 });
        assert.deepEqual(await checkpoints.advance('r', owner, 7), { position: 7, epoch: 2 });
        await refused(checkpoints.advance('r', old, 8), CheckpointFencedError);
      },
    ),

    line('of many that claim a reader at once no two get the same epoch', async (trial) => {
      const { checkpoints } = await trial.open();
      const outcomes = await Promise.all(Array.from({ length: 6 }, () => outcomeOf(checkpoints.claim('r'))));
      // One that claims after another has finished is its successor, not its rival.
      const epochs = outcomes.flatMap((outcome) => ('value' in outcome ? [outcome.value.epoch] : []));
      assert.ok(epochs.length > 0, 'nobody got it');
      assert.equal(new Set(epochs).size, epochs.length, `epochs ${epochs.join(', ')} were given`);
      assert.equal((await checkpoints.load('r')).epoch, Math.max(...epochs));
      for (const outcome of outcomes) {
        if ('error' in outcome) await refused(Promise.reject(outcome.error), CheckpointFencedError);
      }
    }),

    line('a filtered reader moves past the events that its filter leaves out', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(Limits.pageEventsMax + 5));
      const head = await store.backend.head();
      const there = gate();
      let through = 0;
      const consumer = store.consume(
        (page: ConsumedPage) => {
          assert.deepEqual(page.events, []);
          assert.ok(page.through > through, 'a page that moves nothing is handed to nobody');
          through = page.through;
          if (through >= head) there.open();
        },
        { after: 0, types: ['none'] },
      );
      await trial.within(there.opened, () => `the reader to move to ${head}; it stands at ${through}`);
      assert.equal(through, head);
      await consumer.stop();
    }),

    line('a reader that nobody has claimed moves on all the same', async (trial) => {
      const { checkpoints } = await trial.open();
      let held = await checkpoints.load('r');
      for (const to of [1, 2, 3]) held = await checkpoints.advance('r', held, to);
      assert.deepEqual(await checkpoints.load('r'), { position: 3, epoch: 0 });
    }),

    lineFor(
      durable,
      'checkpoints survive when the place is opened again, with their epoch',
      async (trial) => {
        const store = await trial.open();
        const held = await store.checkpoints.advance('r', await store.checkpoints.claim('r'), 7);
        const again = await trial.reopen(store);
        assert.deepEqual(await again.checkpoints.load('r'), held);
        await again.checkpoints.claim('r');
        await refused(again.checkpoints.advance('r', held, 8), CheckpointFencedError);
      },
    ),
  ],
};

/** When a reader dies: before the effect of its first page is written, after it, or not at all. */
type Death = 'before' | 'after' | 'never';

/** Adds up the numbers of events; the sum and the checkpoint are one commit. Returns how far it came. */
async function addUp(trial: Trial, store: EventStore, death: Death): Promise<number> {
  let held = await store.checkpoints.claim('sum');
  const head = await store.backend.head();
  if (held.position >= head) return held.position;
  const done = gate();
  const consumer = store.consume(
    async ({ events, through }) => {
      if (death === 'before') throw new Error('killed before the effect');
      const sum = ((await store.records.get('effects', 'sum')) as number | null) ?? 0;
      const moved = { position: through, epoch: held.epoch };
      await store.records.write([
        {
          collection: 'effects',
          key: 'sum',
          value: (numbersOf(events) as number[]).reduce((a, b) => a + b, sum),
        },
        { collection: 'checkpoints', key: 'sum', value: moved, expected: held },
      ]);
      held = moved;
      if (death === 'after') throw new Error('killed after the effect');
      if (through >= head) done.open();
    },
    { after: held.position },
  );
  await trial.within(Promise.race([done.opened, consumer.ended.catch(() => undefined)]), 'the consumer');
  await consumer.stop();
  return held.position;
}

const deliveryPromise: ContractTopic = {
  subject: 'delivery',
  lines: [
    line(
      'at least once: an event whose effect did not get its checkpoint is delivered again',
      async (trial) => {
        const store = await trial.open();
        const { position } = await store.append('s-1', notes(3));
        const held = await store.checkpoints.claim('r');
        const first = trial.follow(store, { after: held.position });
        await first.untilPosition(position);
        await first.unsubscribe();
        const moved = await store.checkpoints.advance('r', held, first.positions[0]!);
        const second = trial.follow(store, { after: moved.position });
        await second.untilPosition(position);
        assert.deepEqual(second.positions, first.positions.slice(1));
      },
    ),

    line(
      'exactly once: where effect and checkpoint are one commit, a reader that keeps dying counts nothing twice',
      async (trial) => {
        const store = await trial.open();
        let sum = 0;
        for (let round = 1; round <= 8; round++) {
          sum += round * 30 + 3;
          const { position } = await store.append(`s-${round}`, notes(3, round * 10));
          const deaths: Death[] =
            round % 2 === 0 ? ['before', 'after', 'never'] : ['after', 'before', 'never'];
          let stands = 0;
          for (const death of deaths) stands = await addUp(trial, store, death);
          assert.ok(stands >= position, 'the reader that did not die has not come to the end');
          assert.equal(await store.records.get('effects', 'sum'), sum);
        }
      },
    ),

    line('exactly once: a stalled old owner gets neither its checkpoint nor its effect', async (trial) => {
      const store = await trial.open();
      const old = await store.checkpoints.claim('r');
      const owner = await store.checkpoints.claim('r');
      const effect = (from: object, value: string): Promise<void> =>
        store.records.write([
          { collection: 'effects', key: 'k', value },
          { collection: 'checkpoints', key: 'r', value: { ...from, position: 5 }, expected: from },
        ]);
      await effect(owner, 'of the new owner');
      await refused(effect(old, 'of the old owner'), RecordConflictError);
      assert.equal(await store.records.get('effects', 'k'), 'of the new owner');
    }),

    lineFor(
      transactional,
      'exactly once: effect and checkpoint of one transaction are written together or not at all',
      async (trial) => {
        const store = await trial.open();
        const write = (fails: boolean): Promise<unknown> =>
          outcomeOf(
            trial.inTransaction(store, async (inside) => {
              await inside.append(commitOf({}, 'any', [{ collection: 'effects', key: 'k', value: '1' }]));
              const moved = { collection: 'checkpoints', key: 'k', value: '1' };
              await inside.append(commitOf({ 's-1': [encoded(1)] }, 'any', [moved]));
              if (fails) throw new Error('rolled back');
            }),
          );
        await write(true);
        assert.deepEqual(
          [
            await store.records.get('effects', 'k'),
            await store.records.get('checkpoints', 'k'),
            await store.backend.head(),
          ],
          [null, null, 0],
        );
        await write(false);
        assert.deepEqual(
          [await store.records.get('effects', 'k'), await store.records.get('checkpoints', 'k')],
          [1, 1],
        );
        assert.equal((await store.getEvents('s-1')).length, 1);
      },
    ),
  ],
};

/** Adds numbers up. A snapshot that is to be recognised is 100 too much. */
const adding: Decider<number, number, { type: 'added'; data: number }> = {
  initialState: () => 0,
  decide: (data) => ({ type: 'added', data }),
  evolve: (sum, { data }) => sum + data,
};

const snapshot: ContractTopic = {
  subject: 'snapshot',
  lines: [
    line(
      'the latest snapshot of a stream comes back with its version and revision; null when there is none',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(5));
        assert.equal(await store.getLatestSnapshot('s-1'), null);
        for (const [version, revision] of [
          [2, 1],
          [4, 1],
          [5, 3],
        ] as const) {
          const state = { sum: version, list: [version] };
          await store.saveSnapshot('s-1', { version, revision, state });
          assert.deepEqual({ ...(await store.getLatestSnapshot('s-1')) }, { version, revision, state });
        }
        assert.equal(await store.getLatestSnapshot('s-2'), null);
      },
    ),

    line('an older snapshot and the events after it make the whole stream', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(5, 1));
      await store.saveSnapshot('s-1', { version: 3, revision: 1, state: [1, 2, 3] });
      await store.append('s-1', notes(2, 6));
      const latest = (await store.getLatestSnapshot('s-1'))!;
      const after = await store.getEventsAfter('s-1', latest.version);
      assert.deepEqual([...(latest.state as number[]), ...numbersOf(after)], [1, 2, 3, 4, 5, 6, 7]);
    }),

    line('each stream has a snapshot of its own', async (trial) => {
      const store = await trial.open();
      const streamIds = ['s-1', 'S-1', 's-10', 's-', 'é'.repeat(256)];
      for (const [i, id] of streamIds.entries())
        await store.saveSnapshot(id, { version: i + 1, revision: 1, state: id });
      for (const id of streamIds) assert.equal((await store.getLatestSnapshot(id))!.state, id);
    }),

    line('a snapshot is no event: nothing is delivered, no version or position moves', async (trial) => {
      const store = await trial.open();
      const follower = trial.follow(store, { after: 0 });
      await store.append('s-1', notes(2));
      const head = await store.backend.head();
      await store.saveSnapshot('s-1', { version: 2, revision: 1, state: {} });
      assert.equal(await store.backend.head(), head);
      const { version, position } = await store.append('s-1', [note()], { expectedVersion: 2 });
      assert.equal(version, 3);
      await follower.untilPosition(position);
      assert.equal(follower.seen.length, 3);
    }),

    line('what a reader does to a snapshot changes nobody else’s', async (trial) => {
      const store = await trial.open();
      const state = { list: [1] };
      await store.saveSnapshot('s-1', { version: 1, revision: 1, state });
      state.list.push(2);
      const read = (await store.getLatestSnapshot('s-1'))!.state as { list: number[] };
      read.list.push(3);
      assert.deepEqual((await store.getLatestSnapshot('s-1'))!.state, { list: [1] });
    }),

    lineFor(durable, 'snapshots survive when the place is opened again', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      await store.saveSnapshot('s-1', { version: 2, revision: 1, state: 'old' });
      await store.saveSnapshot('s-1', { version: 3, revision: 2, state: { n: 3 } });
      const again = await trial.reopen(store);
      const wanted = { version: 3, revision: 2, state: { n: 3 } };
      assert.deepEqual({ ...(await again.getLatestSnapshot('s-1')) }, wanted);
    }),

    line(
      'a snapshot ahead of its stream, or of another revision, is ignored; one that fits is used',
      async (trial) => {
        const store = await trial.open();
        const sums = new DeciderRepository(store, { name: 'sum', decider: adding, snapshotRevision: 2 });
        for (let n = 1; n <= 4; n++) await sums.decide('1', n);
        const kept = [
          [{ version: 2, revision: 2, state: 103 }, 110, 'older than the stream, of the same revision'],
          [{ version: 4, revision: 2, state: 110 }, 110, 'as new as the stream'],
          [{ version: 2, revision: 1, state: 103 }, 10, 'of an older revision'],
          [{ version: 2, revision: 3, state: 103 }, 10, 'of a newer revision'],
          [{ version: 5, revision: 2, state: 999 }, 10, 'ahead of the stream'],
        ] as const;
        for (const [snapshot, state, words] of kept) {
          await store.saveSnapshot('sum-1', snapshot);
          assert.deepEqual(await sums.load('1'), { state, version: 4 }, words);
        }
      },
    ),
  ],
};

export const checkpointsAndSnapshots: readonly ContractTopic[] = [checkpoint, deliveryPromise, snapshot];
