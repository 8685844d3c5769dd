/** Data: JSON in, the same JSON out, or a refusal that says where. */
import { strict as assert } from 'node:assert';
import { LimitExceededError, UnserialisableDataError } from '../../../core/errors/input.errors.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor } from '../contract-line.js';
import { refused, writesNothing } from '../refusals.js';
import { note, notes } from '../sample-events.js';

/** What a value looks like after it was stored. */
async function stored(store: EventStore, data: unknown): Promise<unknown> {
  const { version } = await store.append('data-1', [{ type: 'stored', data }]);
  const [event] = await store.getEventsAfter('data-1', version - 1);
  return event!.data;
}

/** JSON texts at the edges. */
const TEXTS: readonly string[] = [
  'null',
  'true',
  '0',
  '""',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"":""}',
  '-1.5e-300',
  '9007199254740993',
  '1.7976931348623157e308',
  '5e-324',
  '"\\u0000"',
  '"a\\u0000b"',
  '{"\\u0000":1}',
  '"\\ud800"',
  '"\\udc00 and \\ud83d"',
  '{"\\udfff":"\\ud800"}',
  '"\\ud83d\\ude00"',
  '"\\u2028\\u2029\\ufeff\\uffff"',
  '"\\\\ \\" \\/ \\b\\f\\n\\r\\t"',
  '{"__proto__":{"polluted":true}}',
  '{"__proto__":null,"constructor":{"prototype":1},"toString":2,"hasOwnProperty":3}',
  '[{"__proto__":[1]},{"a":{"__proto__":"text"}}]',
  '{"b":1,"a":2,"10":3,"9":4}',
  '{"$ref":"x","$oid":"y","@type":"z"}',
  '"2024-01-01T00:00:00.000Z"',
  '"\'; drop table events; --"',
];

const cyclic: { list: unknown[] } = { list: [1] };
cyclic.list.push({ back: cyclic });

/** What is refused, at `data.at[1]`. */
const REFUSED: readonly (readonly [string, unknown, string?])[] = [
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a BigInt', 1n],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['a Map', new Map([[1, 2]])],
  ['a Set', new Set([1])],
  ['a typed array', new Uint8Array(2)],
  ['a Buffer', Buffer.from('x')],
  ['a cycle', cyclic, 'at[1].list[1].back'],
  ['a function deep inside', { a: [{ 'odd key': () => 1 }] }, 'at[1].a[0]["odd key"]'],
  ['an invalid Date', new Date(NaN)],
];

export const data: ContractTopic = {
  subject: 'data',
  lines: [
    line(
      'any JSON text comes back equal: \\u0000, lone surrogates and __proto__ keys included',
      async (trial) => {
        const store = await trial.open();
        for (const text of TEXTS) {
          const value: unknown = JSON.parse(text);
          const read = await stored(store, value);
          assert.deepEqual(read, value, text);
          assert.equal(JSON.stringify(read), JSON.stringify(value), text);
        }
      },
    ),

    line('in metadata, in records and in snapshots, too, any JSON text comes back equal', async (trial) => {
      const store = await trial.open();
      for (const text of TEXTS) {
        const value: unknown = JSON.parse(text);
        await store.append('s-1', [note(0, { metadata: { value } })]);
        await store.saveSnapshot('s-1', { version: 1, revision: 1, state: value });
        assert.deepEqual((await store.getLatestSnapshot('s-1'))!.state, value, `state ${text}`);
        if (value === null) continue;
        await store.records.write([{ collection: 'c', key: 'k', value }]);
        assert.deepEqual(await store.records.get('c', 'k'), value, `record ${text}`);
      }
      const events = await store.getEvents('s-1');
      for (const [i, text] of TEXTS.entries()) {
        assert.deepEqual(events[i]!.metadata, { value: JSON.parse(text) as unknown }, `metadata ${text}`);
      }
    }),

    line('a __proto__ key is own data and never a prototype', async (trial) => {
      const store = await trial.open();
      const read = (await stored(store, JSON.parse('{"__proto__":{"polluted":true}}'))) as object;
      assert.equal(Object.getPrototypeOf(read), Object.prototype);
      assert.ok(Object.hasOwn(read, '__proto__'));
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    }),

    line('members that are undefined are dropped, in arrays they become null', async (trial) => {
      const store = await trial.open();
      const read = await stored(store, { a: undefined, b: { c: undefined, d: 1 }, e: [undefined, 2] });
      assert.deepEqual(read, { b: { d: 1 }, e: [null, 2] });
      assert.deepEqual(Object.keys(read as object), ['b', 'e']);
    }),

    line('toJSON is used, as Dates have it', async (trial) => {
      const store = await trial.open();
      const money = { toJSON: () => ({ cents: 5 }) };
      const read = await stored(store, { at: new Date(0), price: money, deep: [{ toJSON: () => [1] }] });
      assert.deepEqual(read, { at: '1970-01-01T00:00:00.000Z', price: { cents: 5 }, deep: [[1]] });
      assert.equal(await stored(store, new Date(0)), '1970-01-01T00:00:00.000Z');
    }),

    line('-0 becomes 0', async (trial) => {
      const store = await trial.open();
      const read = (await stored(store, { a: -0, b: [-0] })) as { a: number; b: number[] };
      assert.ok(Object.is(read.a, 0) && Object.is(read.b[0], 0));
    }),

    line(
      'what has no JSON form is refused at append with the path of the bad value, and nothing is written',
      async (trial) => {
        const store = await trial.open();
        await writesNothing(store, async () => {
          for (const [what, value, at = 'at[1]'] of REFUSED) {
            const bad = { fine: 1, at: [0, value] };
            const events = [note(), { type: 'bad', data: bad }];
            await refused(
              store.append('s-1', events),
              UnserialisableDataError,
              { path: `events[1].data.${at}` },
              what,
            );
            const marked = [note(), note(1, { metadata: bad })];
            const path = `events[1].metadata.${at}`;
            await refused(
              store.append('s-1', marked),
              UnserialisableDataError,
              { path },
              `${what} in metadata`,
            );
            const write = store.records.write([{ collection: 'c', key: 'k', value: bad }]);
            await refused(write, UnserialisableDataError, {}, `${what} in a record`);
            const save = store.saveSnapshot('s-1', { version: 1, revision: 1, state: bad });
            await refused(save, UnserialisableDataError, {}, `${what} in a snapshot`);
          }
          const whole = store.append('s-1', [{ type: 'bad', data: undefined }]);
          await refused(whole, UnserialisableDataError, { path: 'events[0].data' }, 'undefined as a whole');
        });
        assert.equal(await store.records.get('c', 'k'), null);
        assert.equal(await store.getLatestSnapshot('s-1'), null);
      },
    ),

    line('what a reader does to a delivered event changes nobody else’s', async (trial) => {
      const store = await trial.open();
      const given = { list: [1], deep: { a: 1 } };
      const metadata = { tags: ['x'] };
      const spoiler = trial.follow(store, { after: 0 }, (event) => {
        (event.data as typeof given).list.push(99);
        (event.metadata['tags'] as string[]).push('spoilt');
        event.recordedAt.setTime(0);
      });
      const other = trial.follow(store, { after: 0 });
      const { position } = await store.append('s-1', [note(0, { data: given, metadata })]);
      given.list.push(77);
      metadata.tags.push('later');
      await spoiler.untilPosition(position);
      await other.untilPosition(position);
      const [read] = await store.getEvents('s-1');
      (read!.data as typeof given).deep.a = 5;
      const [again] = await store.getEvents('s-1');
      for (const event of [other.seen[0]!, again!]) {
        assert.deepEqual(event.data, { list: [1], deep: { a: 1 } });
        assert.deepEqual(event.metadata, { tags: ['x'] });
        assert.ok(event.recordedAt.getTime() > 0);
      }
    }),

    lineFor(durable, 'any JSON text comes back equal after the place is opened again', async (trial) => {
      const store = await trial.open();
      await store.append(
        's-1',
        TEXTS.map((text) => ({ type: 'stored', data: JSON.parse(text) as unknown })),
      );
      const again = await trial.reopen(store);
      const events = await again.getEvents('s-1');
      for (const [i, text] of TEXTS.entries()) assert.deepEqual(events[i]!.data, JSON.parse(text), text);
    }),
  ],
};

const MIB = 1024 * 1024;

/** An event whose data and metadata are exactly that many bytes of JSON. */
function ofBytes(bytes: number): object {
  return note(0, { data: 'x'.repeat(bytes - '""'.length - '{}'.length) });
}

export const limits: ContractTopic = {
  subject: 'limits',
  lines: [
    line(
      'an event of 1 MiB is accepted and comes back whole; one byte more is LimitExceededError',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', [ofBytes(MIB)]);
        const [event] = await store.getEvents('s-1');
        assert.equal((event!.data as string).length, MIB - 4);
        await writesNothing(store, async () => {
          const fields = { limit: 'eventBytesMax', value: MIB + 1, max: MIB };
          await refused(store.append('s-1', [note(), ofBytes(MIB + 1)]), LimitExceededError, fields);
        });
      },
    ),

    line('bytes are counted and not letters, in data and metadata together', async (trial) => {
      const store = await trial.open();
      const half = { data: 'é'.repeat(MIB / 4), metadata: { text: 'x'.repeat(MIB / 2) } };
      await writesNothing(store, async () => {
        const value = Buffer.byteLength(JSON.stringify(half.data) + JSON.stringify(half.metadata));
        const fields = { limit: 'eventBytesMax', value, max: MIB };
        await refused(store.append('s-1', [note(0, half)]), LimitExceededError, fields);
      });
      await store.append('s-1', [note(0, { data: 'é'.repeat(MIB / 2 - 2) })]);
    }),

    line('a commit of 10,000 events is accepted, one event more is LimitExceededError', async (trial) => {
      const store = await trial.open();
      assert.equal((await store.append('s-1', notes(10_000))).version, 10_000);
      await writesNothing(store, async () => {
        const fields = { limit: 'commitEventsMax', value: 10_001, max: 10_000 };
        await refused(store.append('s-1', notes(10_001)), LimitExceededError, fields);
        const appends = [
          { streamId: 's-1', events: notes(10_000) },
          { streamId: 's-2', events: notes(1) },
        ];
        await refused(store.appendAll(appends), LimitExceededError, fields);
      });
    }),

    line('a commit of 10,000 streams is accepted', async (trial) => {
      const store = await trial.open();
      const appends = Array.from({ length: 10_000 }, (_, i) => ({ streamId: `s-${i}`, events: [note(i)] }));
      const results = await store.appendAll(appends);
      assert.deepEqual(
        [results.length, results[9_999]!.streamId, results[9_999]!.version],
        [10_000, 's-9999', 1],
      );
      assert.equal((await store.getEvents('s-9999')).length, 1);
    }),

    line(
      'a commit of 16 MiB is accepted and comes back whole; one byte more is LimitExceededError',
      async (trial) => {
        const store = await trial.open();
        const most = Array.from({ length: 16 }, () => ofBytes(MIB));
        await store.append('s-1', most);
        const events = await store.getEvents('s-1');
        assert.deepEqual(
          events.map((event) => (event.data as string).length),
          most.map(() => MIB - 4),
        );
        const small = { type: 'small', data: 1 };
        const work = store.append('s-2', [...most, small]);
        await refused(work, LimitExceededError, {
          limit: 'commitBytesMax',
          value: 16 * MIB + 3,
          max: 16 * MIB,
        });
        const half = { collection: 'c', key: 'k', value: 1 };
        const withRecord = store.appendAll([{ streamId: 's-2', events: most }], { records: [half] });
        await refused(withRecord, LimitExceededError, { limit: 'commitBytesMax', value: 16 * MIB + 1 });
        assert.deepEqual(await store.getEvents('s-2'), []);
        assert.equal(await store.records.get('c', 'k'), null);
      },
    ),

    line('data nested deeper than 1,000 levels is LimitExceededError', async (trial) => {
      const store = await trial.open();
      const nested = (depth: number): unknown => {
        let value: unknown = 1;
        for (let i = 0; i < depth; i++) value = [value];
        return value;
      };
      await store.append('s-1', [note(0, { data: nested(1_000) })]);
      assert.deepEqual((await store.getEvents('s-1'))[0]!.data, nested(1_000));
      await writesNothing(store, async () => {
        const work = store.append('s-1', [note(0, { data: nested(1_001) })]);
        await refused(work, LimitExceededError, { limit: 'dataDepthMax', max: 1_000 });
      });
    }),
  ],
};
