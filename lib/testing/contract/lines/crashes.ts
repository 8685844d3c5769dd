/** The death of a process: what it may cost, in strong modes and in weak ones. */
import { strict as assert } from 'node:assert';
import { type ContractTopic, fault, keepsTail, lineFor, losesTail } from '../contract-line.js';
import { outcomeOf } from '../refusals.js';
import { note, notes, notesWithIds, plain } from '../sample-events.js';

const crashes: ContractTopic = {
  subject: 'crash',
  lines: [
    lineFor(
      [fault('crash'), keepsTail],
      'no acknowledged event, record or snapshot is lost by a crash (fault 24)',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(3));
        const appends = [{ streamId: 's-2', events: notes(2) }];
        await store.appendAll(appends, { records: [{ collection: 'effects', key: 'k', value: 1 }] });
        await store.saveSnapshot('s-1', { version: 3, revision: 1, state: {} });
        const before = (await store.getAllEvents()).map(plain);
        const again = await trial.crash(store);
        assert.deepEqual((await again.getAllEvents()).map(plain), before);
        assert.equal(await again.records.get('effects', 'k'), 1);
        assert.equal((await again.getLatestSnapshot('s-1'))?.version, 3);
        assert.equal((await again.append('s-1', notes(1), { expectedVersion: 3 })).version, 4);
      },
    ),

    lineFor(
      fault('crash'),
      'a commit in flight when the process dies is there whole or not at all (fault 24)',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-0', notes(1));
        await store.flush();
        const { ids, events } = notesWithIds(50);
        const appends = [
          { streamId: 's-1', events: events.slice(0, 25) },
          { streamId: 's-2', events: events.slice(25) },
        ];
        // It may settle or never do: nobody is there any more to be told.
        void outcomeOf(
          store.appendAll(appends, { records: [{ collection: 'effects', key: 'k', value: 1 }] }),
        );
        const again = await trial.crash(store);
        const found = (await again.getAllEvents()).filter((event) => ids.includes(event.id)).length;
        const record = await again.records.get('effects', 'k');
        assert.ok(found === 0 || found === 50, `${found} of its 50 events are there`);
        assert.equal(record, found === 0 ? null : 1, 'its record');
        const retried = await again.appendAll(appends);
        assert.equal(retried[0]!.idempotent, found === 50, 'a retry with the same ids is safe');
        assert.equal((await again.getAllEvents()).length, 51);
      },
    ),
  ],
};

const weakModes: ContractTopic = {
  subject: 'weak modes',
  lines: [
    lineFor(
      [fault('crash'), losesTail],
      'after an unclean reopening no position is used twice: what was lost leaves a gap',
      async (trial) => {
        let store = await trial.open();
        await store.append('s-1', notes(2));
        await store.flush();
        const used = new Map<number, string>();
        for (let round = 0; round < 3; round++) {
          await store.append('s-1', notes(2));
          for (const event of await store.getAllEvents()) {
            assert.equal(
              used.get(event.position) ?? event.id,
              event.id,
              `position ${event.position} is used twice`,
            );
            used.set(event.position, event.id);
          }
          store = await trial.crash(store);
        }
        const highest = Math.max(...used.keys());
        const { position } = await store.append('s-1', [note('after')]);
        assert.ok(position > highest, `position ${position} was given, although ${highest} had been seen`);
      },
    ),

    lineFor(
      [fault('crash'), losesTail],
      'after an unclean reopening what was flushed is there, and versions have no gap',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(3));
        await store.flush();
        await store.append('s-1', notes(3));
        const again = await trial.crash(store);
        const versions = (await again.getEvents('s-1')).map((event) => event.version);
        assert.ok(versions.length >= 3, 'flushed events are lost');
        assert.deepEqual(
          versions,
          Array.from(versions, (_, i) => i + 1),
        );
        const { fromVersion } = await again.append('s-1', [note()]);
        assert.equal(fromVersion, versions.length + 1);
      },
    ),

    lineFor(
      [fault('crash'), losesTail],
      'a reader that was ahead of what is left goes on with what comes after the gap',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(2));
        await store.flush();
        const { position: seen } = await store.append('s-1', notes(2));
        const again = await trial.crash(store);
        const { position } = await again.append('s-1', [note('after')]);
        const follower = trial.follow(again, { after: seen });
        await follower.untilPosition(position);
        assert.deepEqual(follower.positions, [position]);
      },
    ),
  ],
};

export const death: readonly ContractTopic[] = [crashes, weakModes];
