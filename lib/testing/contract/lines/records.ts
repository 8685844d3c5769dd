/** Keyed records: the one mechanism that checkpoints, snapshots and read models stand on. */
import { strict as assert } from 'node:assert';
import { RecordConflictError } from '../../../core/errors/append.errors.js';
import { InvalidArgumentError, LimitExceededError } from '../../../core/errors/input.errors.js';
import type { KeyedRecord, RecordChange } from '../../../core/commit.js';
import type { EventStoreBackend } from '../../../core/event-store-backend.js';
import type { EventStore } from '../../../store/event-store.js';
import type { RecordInput } from '../../../store/record-store.js';
import { type ContractTopic, durable, line, lineFor } from '../contract-line.js';
import { outcomeOf, refused, writesNothing } from '../refusals.js';
import { all, commitOf, encoded, note, notes } from '../sample-events.js';

const COLLECTION = 'things';

function put(key: string, value: unknown, more: Partial<RecordInput> = {}): RecordInput {
  return { collection: COLLECTION, key, value, ...more };
}

async function keysOf(store: EventStore, prefix = '', collection = COLLECTION): Promise<string[]> {
  return (await all(store.records.list(collection, prefix))).map(({ key }) => key);
}

/** Keys in the order of their UTF-8 bytes; by UTF-16 units U+1F600 would come before U+FFFD. */
const IN_ORDER = [
  '\u0001',
  ' ',
  '"',
  '%',
  '*',
  '-',
  '/',
  'A',
  'A\u0301',
  'B',
  'Z',
  '\\',
  '_',
  'a',
  'a%',
  'aa',
  'ab',
  'b',
  'z',
  '\u00e9',
  '\u0451',
  '\ud7ff',
  '\ue000',
  '\ufffd',
  '\uffff',
  '\u{10000}',
  '\u{1f600}',
  '\u{10ffff}',
];

async function write(backend: EventStoreBackend, changes: readonly RecordChange[]): Promise<void> {
  await backend.append(commitOf({}, 'any', changes));
}

const record: ContractTopic = {
  subject: 'record',
  lines: [
    line('a record is put, read, changed and deleted by its key, without any events', async (trial) => {
      const store = await trial.open();
      assert.equal(await store.records.get(COLLECTION, 'k'), null);
      await store.records.write([put('k', { a: 1 })]);
      assert.deepEqual(await store.records.get(COLLECTION, 'k'), { a: 1 });
      await store.records.write([put('k', [2])]);
      assert.deepEqual(await store.records.get(COLLECTION, 'k'), [2]);
      await store.records.write([put('k', null)]);
      assert.equal(await store.records.get(COLLECTION, 'k'), null);
      await store.records.write([put('k', null)]);
      assert.deepEqual(await keysOf(store), []);
    }),

    line('a record becomes visible with the events of its commit', async (trial) => {
      const store = await trial.open();
      await store.records.write([put('gone', 1)]);
      const appends = [{ streamId: 's-1', events: notes(2) }];
      await store.appendAll(appends, { records: [put('k', 'new'), put('gone', null)] });
      assert.equal(await store.records.get(COLLECTION, 'k'), 'new');
      assert.equal(await store.records.get(COLLECTION, 'gone'), null);
      assert.equal((await store.getEvents('s-1')).length, 2);
    }),

    line('a subscriber finds the records of the commit whose event it is given', async (trial) => {
      const store = await trial.open();
      const reads: Promise<unknown>[] = [];
      const follower = trial.follow(store, {}, async () => {
        reads.push(store.records.get(COLLECTION, 'k'));
        await reads.at(-1);
      });
      await follower.ready();
      for (let i = 0; i < 3; i++) {
        await store.appendAll([{ streamId: 's-1', events: [note(i)] }], { records: [put('k', i)] });
        await follower.until(i + 1);
        // The next commit puts another value: what is read of this one has to be read before.
        await trial.within(reads[i] as Promise<unknown>, 'the record that the subscriber reads');
      }
      await follower.unsubscribe();
      assert.deepEqual(await Promise.all(reads), [0, 1, 2]);
    }),

    line(
      'records have no position, are delivered to nobody, and count in no figure about events',
      async (trial) => {
        const store = await trial.open();
        const follower = trial.follow(store, { after: 0 });
        await store.append('s-1', notes(2));
        const before = await store.stats();
        await writesNothing(store, async () => {
          for (let i = 0; i < 5; i++) await store.records.write([put(`k${i}`, i)]);
          await store.records.write([put('k0', null)]);
        });
        const after = await store.stats();
        assert.equal(after.totalSnapshots, before.totalSnapshots);
        assert.equal(after.backendSpecific['totalIngested'], before.backendSpecific['totalIngested']);
        const { position } = await store.append('s-1', [note('end')]);
        await follower.untilPosition(position);
        assert.equal(follower.seen.length, 3);
      },
    ),

    line('collections are separate, and so is every key', async (trial) => {
      const store = await trial.open();
      const keys = ['a', 'A', 'a ', ' a', 'a/b', 'á', 'a\u0301', '__proto__', 'constructor'];
      for (const collection of ['one', 'One', 'one ']) {
        await store.records.write(keys.map((key) => ({ collection, key, value: `${collection}:${key}` })));
      }
      for (const collection of ['one', 'One', 'one ']) {
        for (const key of keys)
          assert.equal(await store.records.get(collection, key), `${collection}:${key}`);
        assert.equal((await keysOf(store, '', collection)).length, keys.length);
      }
      assert.equal(await store.records.get('on', 'ea'), null);
    }),

    line("records are listed in the order of their keys' UTF-8 bytes", async (trial) => {
      const store = await trial.open();
      const shuffled = IN_ORDER.map((key, i) => ({ key, rank: (i * 17) % IN_ORDER.length })).toSorted(
        (a, b) => a.rank - b.rank,
      );
      await store.records.write(shuffled.map(({ key }) => put(key, key)));
      assert.deepEqual(await keysOf(store), IN_ORDER);
      const listed = await all(store.records.list(COLLECTION));
      assert.ok(
        listed.every(({ key, value }) => key === value),
        'a record is listed with the value of another',
      );
    }),

    line('a key prefix is taken letter by letter, wildcards of other languages included', async (trial) => {
      const store = await trial.open();
      await store.records.write(IN_ORDER.map((key) => put(key, 1)));
      await store.records.write(
        ['order-1', 'order-10', 'order-2', 'order', 'orders', 'Order-1', 'o%', 'o%x', 'o_y'].map((key) =>
          put(key, 1),
        ),
      );
      for (const prefix of [
        '',
        'order',
        'order-',
        'order-1',
        'o%',
        'o_',
        '%',
        '_',
        '*',
        'a',
        '\\',
        '\u{1f600}',
        '\uffff',
        '\u{10ffff}',
        'none',
      ]) {
        const keys = await keysOf(store);
        assert.deepEqual(
          await keysOf(store, prefix),
          keys.filter((key) => key.startsWith(prefix)),
          `prefix ${JSON.stringify(prefix)}`,
        );
      }
    }),

    line(
      'a page of records goes on behind a key, keeps to its limit, and is the last if it is not full',
      async (trial) => {
        const backend = await trial.openBackend();
        const keys = Array.from({ length: 11 }, (_, i) => `k-${String(i).padStart(2, '0')}`);
        await write(
          backend,
          [...keys, 'j', 'l'].map((key) => ({ collection: COLLECTION, key, value: JSON.stringify(key) })),
        );
        for (const limit of [1, 3, 11, 12]) {
          const found: KeyedRecord[] = [];
          for (let after = ''; ; after = found.at(-1)!.key) {
            const page = await backend.readRecords(COLLECTION, { prefix: 'k-', after, limit });
            assert.ok(page.length <= limit, `a page has ${page.length} records, its limit is ${limit}`);
            found.push(...page);
            if (page.length < limit) break;
          }
          assert.deepEqual(
            found.map(({ key, value }) => [key, value]),
            keys.map((key) => [key, JSON.stringify(key)]),
          );
        }
        const behind = async (after: string): Promise<string[]> =>
          (await backend.readRecords(COLLECTION, { prefix: 'k-', after, limit: 2 })).map(({ key }) => key);
        assert.deepEqual(await behind('a'), ['k-00', 'k-01'], '`after` may lie before the prefix');
        assert.deepEqual(await behind('k-08x'), ['k-09', 'k-10'], '`after` need not be a key');
        assert.deepEqual(await behind('z'), [], '`after` may lie behind the prefix');
        assert.deepEqual(await backend.readRecords('unknown', { prefix: '', after: '', limit: 9 }), []);
      },
    ),

    line('more records than a page holds are listed whole', async (trial) => {
      const store = await trial.open();
      const keys = Array.from({ length: 1_100 }, (_, i) => `k-${String(i).padStart(5, '0')}`);
      await store.records.write(keys.map((key) => put(key, key)));
      assert.deepEqual(await keysOf(store), keys);
      assert.deepEqual(await keysOf(store, 'k-001'), keys.slice(100, 200));
    }),

    line("a record's text comes back as it was written, letter by letter", async (trial) => {
      const backend = await trial.openBackend();
      const texts = ['{"b":1,"a":2}', '{ "a" : 1.0 }', '"\\u0000\\ud800"', 'null', '12345678901234567890'];
      await write(
        backend,
        texts.map((value, i) => ({ collection: COLLECTION, key: `k${i}`, value })),
      );
      for (const [i, text] of texts.entries())
        assert.equal(await backend.readRecord(COLLECTION, `k${i}`), text);
      const page = await backend.readRecords(COLLECTION, { prefix: 'k', after: '', limit: 9 });
      assert.deepEqual(
        page.map(({ value }) => value),
        texts,
      );
    }),

    lineFor(durable, 'records survive when the place is opened again, and stay deleted', async (trial) => {
      const store = await trial.open();
      await store.records.write([put('kept', { n: 1 }), put('gone', 1), put('changed', 1)]);
      await store.records.write([put('gone', null), put('changed', 2)]);
      const again = await trial.reopen(store);
      assert.deepEqual(await keysOf(again), ['changed', 'kept']);
      assert.deepEqual(await again.records.get(COLLECTION, 'kept'), { n: 1 });
      assert.equal(await again.records.get(COLLECTION, 'changed'), 2);
    }),
  ],
};

const compareAndSet: ContractTopic = {
  subject: 'record, compare and set',
  lines: [
    line('a record with an expected value is written only if it holds exactly that', async (trial) => {
      const store = await trial.open();
      await store.records.write([put('k', { n: 1 })]);
      const fields = { collection: COLLECTION, key: 'k' };
      for (const expected of [null, { n: 2 }, 'x', { n: 1, m: 1 }]) {
        await refused(store.records.write([put('k', 'taken', { expected })]), RecordConflictError, fields);
        await refused(store.records.write([put('k', null, { expected })]), RecordConflictError, fields);
      }
      assert.deepEqual(await store.records.get(COLLECTION, 'k'), { n: 1 });
      await store.records.write([put('k', { n: 2 }, { expected: { n: 1 } })]);
      await store.records.write([put('k', null, { expected: { n: 2 } })]);
      assert.equal(await store.records.get(COLLECTION, 'k'), null);
    }),

    line('expected null means that there must be none', async (trial) => {
      const store = await trial.open();
      await store.records.write([put('k', 1, { expected: null })]);
      await refused(store.records.write([put('k', 2, { expected: null })]), RecordConflictError);
      await refused(store.records.write([put('new', 2, { expected: 1 })]), RecordConflictError);
      assert.equal(await store.records.get(COLLECTION, 'k'), 1);
      assert.equal(await store.records.get(COLLECTION, 'new'), null);
    }),

    line('a write without an expected value never conflicts', async (trial) => {
      const store = await trial.open();
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.records.write([put('k', i)])));
      assert.equal(typeof (await store.records.get(COLLECTION, 'k')), 'number');
    }),

    line('of several records one conflict undoes all', async (trial) => {
      const store = await trial.open();
      await store.records.write([put('b', 1), put('gone', 1)]);
      const changes = [put('a', 1), put('gone', null), put('b', 2, { expected: 9 }), put('c', 1)];
      await refused(store.records.write(changes), RecordConflictError, { collection: COLLECTION, key: 'b' });
      assert.deepEqual(await keysOf(store), ['b', 'gone']);
    }),

    line('of many racers that expect the same value exactly one wins', async (trial) => {
      const store = await trial.open();
      let held: unknown = null;
      for (let round = 0; round < 5; round++) {
        const expected = held;
        const racers = Array.from({ length: 8 }, (_, i) => ({ round, racer: i }));
        const outcomes = await Promise.all(
          racers.map((value) => outcomeOf(store.records.write([put('k', value, { expected })]))),
        );
        const winners = racers.filter((_, i) => 'value' in outcomes[i]!);
        assert.equal(winners.length, 1, `racers that won in round ${round}`);
        held = await store.records.get(COLLECTION, 'k');
        assert.deepEqual(held, winners[0]);
      }
    }),

    line(
      'a conflict of a record comes after one of a version, and neither uses up anything',
      async (trial) => {
        const backend = await trial.openBackend();
        const changes = [{ collection: COLLECTION, key: 'k', value: '1', expected: '2' }];
        const both = backend.append(commitOf({ 's-1': [encoded(1)] }, 5, changes));
        const error = await outcomeOf(both);
        assert.ok(
          'error' in error && (error.error as { code?: unknown }).code === 'WrongExpectedVersionError',
        );
        await refused(backend.append(commitOf({ 's-1': [encoded(1)] }, 0, changes)), RecordConflictError);
        assert.equal(await backend.head(), 0);
      },
    ),
  ],
};

const recordLimits: ContractTopic = {
  subject: 'record, limits',
  lines: [
    line(
      'a collection, key or value beyond what is allowed is refused, and nothing is written',
      async (trial) => {
        const store = await trial.open();
        const atMost = { collection: 'c'.repeat(64), key: 'é'.repeat(512), value: 1 };
        await store.records.write([atMost]);
        assert.equal(await store.records.get(atMost.collection, atMost.key), 1);
        const tries: readonly (readonly [RecordInput, string, number])[] = [
          [{ ...atMost, collection: 'c'.repeat(65) }, 'recordCollectionBytesMax', 64],
          [{ ...atMost, key: `${atMost.key}k` }, 'recordKeyBytesMax', 1024],
          [put('k', 'x'.repeat(1024 * 1024)), 'recordBytesMax', 1024 * 1024],
        ];
        for (const [input, limit, max] of tries) {
          await refused(store.records.write([put('other', 1), input]), LimitExceededError, { limit, max });
        }
        for (const name of ['', '\ud800', 'a\0', 5 as unknown as string]) {
          await refused(store.records.write([put(name, 1)]), InvalidArgumentError, { argument: 'key' });
          await refused(store.records.get(COLLECTION, name), InvalidArgumentError, { argument: 'key' });
          await refused(store.records.write([{ ...put('k', 1), collection: name }]), InvalidArgumentError, {
            argument: 'collection',
          });
          await refused(all(store.records.list(name)), InvalidArgumentError, { argument: 'collection' });
        }
        assert.deepEqual(await keysOf(store), []);
      },
    ),

    line('no records, and one record twice in a commit, are refused', async (trial) => {
      const store = await trial.open();
      await refused(store.records.write([]), InvalidArgumentError);
      await refused(store.records.write([put('k', 1), put('k', 2)]), InvalidArgumentError);
      await store.records.write([put('k', 1), { ...put('k', 2), collection: 'another' }]);
    }),

    line('a record of 1 MiB comes back whole', async (trial) => {
      const store = await trial.open();
      const value = 'é'.repeat((1024 * 1024 - 2) / 2);
      await store.records.write([put('k', value)]);
      assert.equal(await store.records.get(COLLECTION, 'k'), value);
    }),
  ],
};

export const records: readonly ContractTopic[] = [record, compareAndSet, recordLimits];
