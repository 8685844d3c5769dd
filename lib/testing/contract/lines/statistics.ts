/** What a store tells of itself, and that stores do not know of each other. */
import { strict as assert } from 'node:assert';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor, method } from '../contract-line.js';
import { outcomeOf } from '../refusals.js';
import { all, note, notes, notesWithIds, numbersOf } from '../sample-events.js';

async function figures(store: EventStore): Promise<readonly number[]> {
  const { totalEvents, totalAggregates, totalSnapshots } = await store.stats();
  return [totalEvents, totalAggregates, totalSnapshots];
}

const stats: ContractTopic = {
  subject: 'stats',
  lines: [
    line(
      'totalEvents, totalAggregates and totalSnapshots count events, streams with events, and snapshots',
      async (trial) => {
        const store = await trial.open();
        assert.deepEqual(await figures(store), [0, 0, 0]);
        await store.append('s-1', notes(3));
        await store.append('s-1', notes(1));
        await store.append('s-2', notes(1));
        await store.appendAll(['s-2', 's-3'].map((streamId) => ({ streamId, events: notes(2) })));
        assert.deepEqual(await figures(store), [9, 3, 0]);
        const snapshot = { version: 1, revision: 1, state: {} };
        await store.saveSnapshot('s-1', snapshot);
        await store.saveSnapshot('s-1', { ...snapshot, version: 2 });
        await store.saveSnapshot('s-2', snapshot);
        assert.deepEqual(await figures(store), [9, 3, 2]);
      },
    ),

    line('what is refused, repeated or only read changes no figure', async (trial) => {
      const store = await trial.open();
      const { events } = notesWithIds(2);
      await store.append('s-1', events);
      const before = await figures(store);
      await outcomeOf(store.append('s-2', notes(1), { expectedVersion: 9 }));
      await outcomeOf(store.append('s-3', events));
      await store.append('s-1', events);
      await store.getEvents('s-4');
      assert.deepEqual(await figures(store), before);
    }),

    line('backendSpecific holds strings, backendType, totalIngested and uptime among them', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      const { backendSpecific } = await store.stats();
      for (const [key, value] of Object.entries(backendSpecific)) assert.equal(typeof value, 'string', key);
      const { backendType, totalIngested, uptime } = backendSpecific;
      assert.equal(backendType, store.backend.backendType);
      assert.ok(store.backend.backendType.length > 0);
      assert.equal(totalIngested, '3');
      assert.ok(Number(uptime) >= 0, `uptime is ${uptime}`);
      const later = (await store.stats()).backendSpecific;
      assert.ok(Number(later['uptime']) >= Number(uptime), 'uptime does not run backward');
    }),

    lineFor(
      durable,
      'totals survive when the place is opened again; totalIngested counts from the opening',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(3));
        await store.append('s-2', notes(1));
        await store.saveSnapshot('s-1', { version: 1, revision: 1, state: {} });
        const again = await trial.reopen(store);
        assert.deepEqual(await figures(again), [4, 2, 1]);
        assert.equal((await again.stats()).backendSpecific['totalIngested'], '0');
        await again.append('s-1', notes(2));
        assert.deepEqual(await figures(again), [6, 2, 1]);
        assert.equal((await again.stats()).backendSpecific['totalIngested'], '2');
      },
    ),
  ],
};

/** Writes the same things into two stores and expects each to hold its own only. */
async function keepApart(one: EventStore, other: EventStore): Promise<void> {
  const { events } = notesWithIds(1);
  for (const [store, n] of [
    [one, 1],
    [other, 2],
  ] as const) {
    // The same stream, the same id, the same keys: none of it is known in the other store.
    await store.append('s-1', events, { expectedVersion: 'noStream' });
    await store.append('s-1', notes(n, n * 10));
    await store.saveSnapshot('s-1', { version: 1, revision: 1, state: n });
    await store.records.write([{ collection: 'c', key: 'k', value: n, expected: null }]);
    await store.checkpoints.advance('r', await store.checkpoints.claim('r'), n);
  }
  for (const [store, n] of [
    [one, 1],
    [other, 2],
  ] as const) {
    const numbers = [0, ...Array.from({ length: n }, (_, i) => n * 10 + i)];
    assert.deepEqual(numbersOf(await store.getEvents('s-1')), numbers);
    assert.deepEqual(numbersOf(await store.getAllEvents()), numbers);
    assert.equal((await store.getLatestSnapshot('s-1'))?.state, n);
    assert.equal(await store.records.get('c', 'k'), n);
    assert.equal((await all(store.records.list('c'))).length, 1);
    assert.equal((await store.checkpoints.load('r')).position, n);
    assert.deepEqual(await figures(store), [n + 1, 1, 1]);
  }
}

const tenants: ContractTopic = {
  subject: 'tenants',
  lines: [
    line('another place is another store: it can neither read nor write what is here', async (trial) => {
      const one = await trial.open();
      const other = await trial.open({}, `${trial.place}-other`);
      const follower = trial.follow(other, { after: 0 });
      await keepApart(one, other);
      await other.append('s-1', [note('end')]);
      await follower.until(4);
      assert.deepEqual(numbersOf(follower.seen), [0, 20, 21, 'end'], 'nor is it given events of the other');
    }),

    lineFor(
      method('openTenant'),
      "a store opened for one tenant can neither read nor write another's",
      async (trial) => {
        const one = await trial.openTenant('one');
        const other = await trial.openTenant('other');
        const follower = trial.follow(other, { after: 0 });
        await keepApart(one, other);
        await other.append('s-1', [note('end')]);
        await follower.until(4);
        assert.deepEqual(numbersOf(follower.seen), [0, 20, 21, 'end'], 'nor is it given events of the other');
      },
    ),
  ],
};

export const statistics: readonly ContractTopic[] = [stats, tenants];
