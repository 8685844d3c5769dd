/** Bad input gets a typed error that names the culprit, and nothing is lost or half-written: what is appended. */
import { describe, expect, it } from 'vitest';
import {
  DomainEvent,
  type EventInput,
  type EventStore,
  type ExpectedVersion,
  Limits,
} from '@allframe/nestjs';
import { MoneyDeposited } from './bank.js';
import { keptStore } from './refused.js';

const kept = keptStore();
const { refused } = kept;
const GOOD: EventInput = { type: 'good', data: { n: 1 } };
describe('append refuses', () => {
  const event = (part: object): EventInput => ({ ...GOOD, ...part });
  class Undecorated {}
  @DomainEvent('big')
  class Big {
    readonly text = 'é'.repeat(Limits.eventBytesMax / 2);
  }

  it.each([-1, 1.5, NaN, 2 ** 53, Infinity, '1', 'none', true])(
    'the expected version %s',
    async (version) => {
      const expectedVersion = version as ExpectedVersion;
      const words = /^expectedVersion: /;
      await refused(
        () => kept.store.append('kept-1', [GOOD], { expectedVersion }),
        'InvalidArgumentError',
        words,
      );
    },
  );

  it.each<[string, readonly unknown[], string, RegExp]>([
    [
      'an instance of a class without @DomainEvent',
      [GOOD, new Undecorated()],
      'UndecoratedEventError',
      /^events\[1\]: class Undecorated /,
    ],
    [
      'unserialisable data',
      [GOOD, event({ data: { items: [1, { on: () => 1 }] } })],
      'UnserialisableDataError',
      /^events\[1\]\.data\.items\[1\]\.on is a function/,
    ],
    [
      'an instance with unserialisable data',
      [new MoneyDeposited(NaN)],
      'UnserialisableDataError',
      /^events\[0\]\.amount is NaN/,
    ],
    [
      'unserialisable metadata',
      [event({ metadata: { user: 1n } })],
      'UnserialisableDataError',
      /^events\[0\]\.metadata\.user is a BigInt/,
    ],
    [
      'data that is undefined',
      [event({ data: undefined })],
      'UnserialisableDataError',
      /^events\[0\]\.data is undefined/,
    ],
    [
      'a payload over the limit',
      [GOOD, new Big()],
      'LimitExceededError',
      /^events\[1\] .*eventBytesMax: 10485\d\d is more than 1048576/,
    ],
    [
      'metadata that make the payload too large',
      [event({ data: 'x'.repeat(2 ** 20 - 20), metadata: { a: 'x'.repeat(20) } })],
      'LimitExceededError',
      /^events\[0\] .*eventBytesMax/,
    ],
    ['no events', [], 'InvalidArgumentError', /^events: .*"kept-1" has no events/],
    ['an event without data', [{ type: 'a' }], 'InvalidArgumentError', /^events\[0\]\.data: it is missing/],
    ['an event without a type', [{ data: 1 }], 'InvalidArgumentError', /^events\[0\]\.type: /],
    ['an empty type', [event({ type: '' })], 'InvalidArgumentError', /^events\[0\]\.type: it is empty/],
    [
      'a type of 257 bytes',
      [event({ type: 't'.repeat(257) })],
      'LimitExceededError',
      /^events\[0\]\.type .*eventTypeBytesMax/,
    ],
    [
      'a lone surrogate in a type',
      [GOOD, event({ type: '\udc00' })],
      'InvalidArgumentError',
      /^events\[1\]\.type: .*lone surrogate/,
    ],
    [
      'an id that is no UUID',
      [event({ id: 'e1' })],
      'InvalidArgumentError',
      /^events\[0\]\.id: "e1" is not a UUID/,
    ],
    [
      'the same id twice',
      [
        event({ id: '0190b3a0-0000-7000-8000-00000000000a' }),
        event({ id: '0190b3a0-0000-7000-8000-00000000000a' }),
      ],
      'DuplicateEventError',
      /0190b3a0-0000-7000-8000-00000000000a/,
    ],
    [
      'a schema version of 0',
      [event({ schemaVersion: 0 })],
      'InvalidArgumentError',
      /^events\[0\]\.schemaVersion: 0 /,
    ],
    [
      'a schema version of 1.5',
      [event({ schemaVersion: 1.5 })],
      'InvalidArgumentError',
      /^events\[0\]\.schemaVersion: 1\.5 /,
    ],
    ['null among the events', [GOOD, null], 'InvalidArgumentError', /^events\[1\]: .*not null/],
    ['a hole among the events', [GOOD, undefined], 'InvalidArgumentError', /^events\[1\]: .*not undefined/],
    ['a text among the events', [GOOD, 'text'], 'InvalidArgumentError', /^events\[1\]: .*not string/],
    [
      'a class among the events',
      [GOOD, MoneyDeposited],
      'InvalidArgumentError',
      /^events\[1\]: .*not function/,
    ],
    ['a list among the events', [GOOD, [GOOD]], 'UndecoratedEventError', /^events\[1\]: class Array /],
    [
      '10,001 events',
      Array.from({ length: 10_001 }, () => GOOD),
      'LimitExceededError',
      /^events .*commitEventsMax: 10001 is more than 10000/,
    ],
    [
      'more than 16 MiB in all',
      Array.from({ length: 17 }, () => event({ data: 'x'.repeat(2 ** 20 - 10) })),
      'LimitExceededError',
      /^the commit .*commitBytesMax/,
    ],
  ])('%s', (_, events, code, words) =>
    refused(() => kept.store.append('kept-1', events as EventInput[]), code, words),
  );

  it.each([null, undefined, 'text', { 0: GOOD, length: 1 }])('%s for the list of events', async (events) => {
    await refused(
      () => kept.store.append('kept-1', events as unknown as EventInput[]),
      'InvalidArgumentError',
      /^events: an array/,
    );
  });

  it.each([[null], ['text'], [[1]], [new Date()], [new Map([['a', 1]])], [{ toJSON: () => 'text' }]])(
    '%s for metadata, of the append and of an event, also where it is merged with other metadata',
    async (bad) => {
      const metadata = bad as unknown as Record<string, unknown>;
      await refused(
        () => kept.store.append('kept-1', [GOOD], { metadata }),
        'InvalidArgumentError',
        /^metadata: /,
      );
      const words = /^events\[0\]\.metadata: /;
      const outer = { metadata: { a: 1 } };
      await expect(kept.store.append('kept-1', [event({ metadata })])).rejects.toThrow(words);
      await expect(kept.store.append('kept-1', [event({ metadata })], outer)).rejects.toThrow(words);
    },
  );

  it.each<[string, Parameters<EventStore['appendAll']>, string, RegExp]>([
    ['no streams', [[]], 'InvalidArgumentError', /^appends: there are none/],
    [
      'the same stream twice',
      [
        [
          { streamId: 'a', events: [GOOD] },
          { streamId: 'a', events: [GOOD] },
        ],
      ],
      'InvalidArgumentError',
      /^appends: stream "a" stands twice/,
    ],
    [
      'a stream without events',
      [
        [
          { streamId: 'a', events: [GOOD] },
          { streamId: 'b', events: [] },
        ],
      ],
      'InvalidArgumentError',
      /"b" has no events/,
    ],
    [
      'null among the streams',
      [[{ streamId: 'a', events: [GOOD] }, null as never]],
      'InvalidArgumentError',
      /^appends\[1\]: /,
    ],
    [
      '10,001 events over two streams',
      [
        ['a', 'b'].map((streamId, i) => ({
          streamId,
          events: Array.from({ length: 5_000 + i }, () => GOOD),
        })),
      ],
      'LimitExceededError',
      /^appends .*commitEventsMax: 10001/,
    ],
    [
      'a bad record beside good events',
      [[{ streamId: 'a', events: [GOOD] }], { records: [{ collection: 'c', key: 'k', value: NaN }] }],
      'UnserialisableDataError',
      /record "k" of "c" is NaN/,
    ],
    [
      'a stale stream beside a good one',
      [
        [
          { streamId: 'a', events: [GOOD] },
          { streamId: 'kept-1', events: [GOOD], expectedVersion: 7 },
        ],
        { records: [{ collection: 'c', key: 'k', value: 1 }] },
      ],
      'WrongExpectedVersionError',
      /"kept-1" is at version 1.*expected version 7/,
    ],
  ])('(appendAll) %s', (_, [appends, options], code, words) =>
    refused(() => kept.store.appendAll(appends, options), code, words),
  );
});
