/** What streams and event types may be called, and what a version is. */
import { strict as assert } from 'node:assert';
import { InvalidArgumentError, LimitExceededError } from '../../../core/errors/input.errors.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, line } from '../contract-line.js';
import { refused, writesNothing } from '../refusals.js';
import { all, note, notes, numbersOf } from '../sample-events.js';

/** Names at the edges of what is allowed, all different. */
const UNUSUAL_NAMES: readonly string[] = [
  'a',
  'A',
  'a ',
  ' a',
  ' ',
  '-',
  '.',
  '../up',
  'C:\\dir\\file',
  "it's",
  '"quoted"; drop table events; --',
  '100%',
  'a_b',
  'a*b?',
  'line\nbreak\r\n\ttab',
  '\u0001\u007f\u0085',
  'caf\u00e9',
  'cafe\u0301',
  '日本語',
  '\u{1f600}-\u{1f468}\u200d\u{1f469}',
  '\ufeffbom',
  '\uffff',
  '\u{10ffff}',
  'con',
  '__proto__',
  'constructor',
];

const longest = (bytes: number): readonly string[] => [
  'a'.repeat(bytes),
  'é'.repeat(bytes / 2),
  '\u{1f600}'.repeat(bytes / 4),
];

/** Names that are refused wherever a name is wanted. */
const BAD_NAMES: readonly (readonly [unknown, string])[] = [
  ['', 'an empty name'],
  ['a\ud800', 'a lone high surrogate'],
  ['\udc00a', 'a lone low surrogate'],
  ['a\0b', 'a NUL character'],
  [undefined, 'undefined'],
  [null, 'null'],
  [5, 'a number'],
  [{}, 'an object'],
];

async function keepsApart(store: EventStore, streamIds: readonly string[]): Promise<void> {
  for (const [i, streamId] of streamIds.entries()) {
    const result = await store.append(streamId, [note(i)], { expectedVersion: 'noStream' });
    assert.equal(result.streamId, streamId);
  }
  for (const [i, streamId] of streamIds.entries()) {
    const events = await store.getEvents(streamId);
    assert.deepEqual(numbersOf(events), [i], `the events of stream ${JSON.stringify(streamId)}`);
    assert.equal(events[0]!.streamId, streamId);
  }
}

export const stream: ContractTopic = {
  subject: 'stream',
  lines: [
    line('a stream id is any well-formed Unicode without NUL, and every difference counts', async (trial) => {
      await keepsApart(await trial.open(), UNUSUAL_NAMES);
    }),

    line('a stream id has up to 512 bytes of UTF-8, and all of them count', async (trial) => {
      const differentAtTheEnd = [`${'a'.repeat(511)}b`, `${'é'.repeat(255)}ab`];
      await keepsApart(await trial.open(), [...longest(512), ...differentAtTheEnd]);
    }),

    line('a stream id of more than 512 bytes is LimitExceededError { limit, value, max }', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        for (const [id, value] of [
          ['a'.repeat(513), 513],
          ['é'.repeat(257), 514],
          ['日'.repeat(171), 513],
        ] as const) {
          const fields = { limit: 'streamIdBytesMax', value, max: 512 };
          await refused(store.append(id, [note()]), LimitExceededError, fields);
          await refused(store.getEvents(id), LimitExceededError, fields);
        }
      });
    }),

    line(
      'an empty stream id, a lone surrogate, a NUL and anything but a string are refused',
      async (trial) => {
        const store = await trial.open();
        await writesNothing(store, async () => {
          for (const [name, what] of BAD_NAMES) {
            const id = name as string;
            const fields = { argument: 'streamId' };
            await refused(store.append(id, [note()]), InvalidArgumentError, fields, `append to ${what}`);
            await refused(
              store.appendAll([
                { streamId: 'good', events: [note()] },
                { streamId: id, events: [note()] },
              ]),
              InvalidArgumentError,
              fields,
              `appendAll to ${what}`,
            );
            await refused(store.getEvents(id), InvalidArgumentError, fields, `getEvents of ${what}`);
            await refused(all(store.readStream(id)), InvalidArgumentError, fields, `readStream of ${what}`);
            await refused(
              store.saveSnapshot(id, { version: 1, revision: 1, state: {} }),
              InvalidArgumentError,
              fields,
              `saveSnapshot of ${what}`,
            );
            await refused(
              store.getLatestSnapshot(id),
              InvalidArgumentError,
              fields,
              `getLatestSnapshot of ${what}`,
            );
          }
        });
      },
    ),

    line("a stream's category is what stands before its first dash, or all of it", async (trial) => {
      const store = await trial.open();
      const streamIds = [
        'order-1',
        'order-1-2',
        'order',
        'orders-1',
        '-order',
        'Order-1',
        'user-order-1',
        'orde-r',
      ];
      for (const [i, streamId] of streamIds.entries()) await store.append(streamId, [note(i)]);
      const read = async (...categories: string[]): Promise<unknown> =>
        numbersOf(await all(store.readAll({ categories })));
      assert.deepEqual(await read('order'), [0, 1, 2]);
      assert.deepEqual(await read('orders', 'Order'), [3, 5]);
      assert.deepEqual(await read('user-order'), []);
    }),
  ],
};

export const type: ContractTopic = {
  subject: 'type',
  lines: [
    line(
      'an event type is any well-formed Unicode without NUL, up to 256 bytes, and every difference counts',
      async (trial) => {
        const store = await trial.open();
        const types = [...UNUSUAL_NAMES, ...longest(256)];
        for (const [i, name] of types.entries()) await store.append('s-1', [note(i, { type: name })]);
        const events = await store.getEvents('s-1');
        assert.deepEqual(
          events.map((event) => event.type),
          types,
        );
        for (const [i, name] of types.entries()) {
          assert.deepEqual(numbersOf(await all(store.readAll({ types: [name] }))), [i], JSON.stringify(name));
        }
      },
    ),

    line('an event type that is empty, longer, or of another alphabet is refused', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        for (const [name, what] of BAD_NAMES) {
          const events = [note(0), note(1, { type: name as string })];
          await refused(
            store.append('s-1', events),
            InvalidArgumentError,
            { argument: 'events[1].type' },
            what,
          );
        }
        const fields = { limit: 'eventTypeBytesMax', value: 257, max: 256 };
        await refused(store.append('s-1', [note(0, { type: 'a'.repeat(257) })]), LimitExceededError, fields);
      });
    }),
  ],
};

export const version: ContractTopic = {
  subject: 'version',
  lines: [
    line('versions are 1-based and gapless within a stream, whatever else is appended', async (trial) => {
      const store = await trial.open();
      for (let i = 0; i < 5; i++) {
        await store.append('s-1', notes(2));
        await store.append(`other-${i}`, notes(3));
        await store.append('s-1', notes(1));
      }
      const versions = (await store.getEvents('s-1')).map((event) => event.version);
      assert.deepEqual(
        versions,
        Array.from({ length: 15 }, (_, i) => i + 1),
      );
    }),

    line('an unknown stream has version 0 and reads as [], never as an error', async (trial) => {
      const store = await trial.open();
      await store.append('known-1', notes(2));
      assert.deepEqual(await store.getEvents('unknown-1'), []);
      assert.deepEqual(await store.getEventsAfter('unknown-1', 0), []);
      assert.deepEqual(await store.getEventsAfter('unknown-1', 7), []);
      for (const direction of ['forward', 'backward'] as const) {
        assert.deepEqual(await all(store.readStream('unknown-1', { direction })), []);
        assert.deepEqual(
          await all(store.readStream('unknown-1', { direction, fromVersion: 3, limit: 2 })),
          [],
        );
      }
      assert.equal(await store.getLatestSnapshot('unknown-1'), null);
      const { fromVersion } = await store.append('unknown-1', [note()], { expectedVersion: 0 });
      assert.equal(fromVersion, 1);
    }),

    line('reading an unknown stream makes no stream of it', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        await store.getEvents('unknown-1');
        await store.getLatestSnapshot('unknown-1');
      });
    }),
  ],
};
