/** Bad input gets a typed error that names the culprit, and nothing is lost or half-written: names, numbers and bounds. */
import { lastValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import type { EventInput } from '@allframe/nestjs';
import { drained, keptStore } from './refused.js';

const kept = keptStore();
const { refused } = kept;
const GOOD: EventInput = { type: 'good', data: { n: 1 } };
const snapshot = { version: 1, revision: 1, state: {} };

/** Everything that takes a stream id. */
const withStreamId: Record<string, (streamId: string) => unknown> = {
  append: (id) => kept.store.append(id, [GOOD]),
  'appendAll, beside a good stream': (id) =>
    kept.store.appendAll(
      [
        { streamId: 'good', events: [GOOD] },
        { streamId: id, events: [GOOD] },
      ],
      { records: [{ collection: 'c', key: 'k', value: 1 }] },
    ),
  getEvents: (id) => kept.store.getEvents(id),
  getEventsAfter: (id) => kept.store.getEventsAfter(id, 0),
  readStream: (id) => drained(kept.store.readStream(id)),
  saveSnapshot: (id) => kept.store.saveSnapshot(id, snapshot),
  getLatestSnapshot: (id) => kept.store.getLatestSnapshot(id),
  subscribe: (id) => kept.store.subscribe(() => undefined, { streamId: id }),
  events$: (id) => lastValueFrom(kept.store.events$({ streamId: id })),
};

describe.each(Object.entries(withStreamId))('%s refuses', (_, call) => {
  it.each<[string, unknown, string, RegExp]>([
    ['an empty stream id', '', 'InvalidArgumentError', /^streamId: it is empty/],
    [
      'a stream id of 513 bytes',
      'é'.repeat(256) + 'a',
      'LimitExceededError',
      /^streamId .*streamIdBytesMax: 513 is more than 512/,
    ],
    [
      'a lone surrogate in a stream id',
      'account-\ud800',
      'InvalidArgumentError',
      /^streamId: "account-\\ud800" holds a lone surrogate/,
    ],
    [
      'a NUL in a stream id',
      'account-\0',
      'InvalidArgumentError',
      /^streamId: "account-\\u0000" holds a NUL/,
    ],
    ['a stream id that is no string', 5, 'InvalidArgumentError', /^streamId: .*not number/],
    ['no stream id', null, 'InvalidArgumentError', /^streamId: .*not null/],
  ])('%s', (_what, id, code, words) => refused(() => call(id as string), code, words));
});

describe.each([-1, 1.5, NaN, 2 ** 53, Infinity, '1' as unknown as number, null as unknown as number])(
  'the number %s is refused as',
  (n) => {
    it.each<[string, () => unknown, RegExp]>([
      ['the version of getEventsAfter', () => kept.store.getEventsAfter('kept-1', n), /^version: /],
      [
        'a lower bound of readStream',
        () => drained(kept.store.readStream('kept-1', { fromVersion: n })),
        /^options\.fromVersion: /,
      ],
      [
        'an upper bound of readStream',
        () => drained(kept.store.readStream('kept-1', { toVersion: n })),
        /^options\.toVersion: /,
      ],
      [
        'a limit of readStream',
        () => drained(kept.store.readStream('kept-1', { limit: n })),
        /^options\.limit: /,
      ],
      ['a lower bound of readAll', () => drained(kept.store.readAll({ after: n })), /^options\.after: /],
      ['an upper bound of readAll', () => drained(kept.store.readAll({ upTo: n })), /^options\.upTo: /],
      ['a limit of readAll', () => drained(kept.store.readAll({ limit: n })), /^options\.limit: /],
      [
        'a start of subscribe',
        () => kept.store.subscribe(() => undefined, { after: n }),
        /^options\.after: /,
      ],
      ['a start of events$', () => lastValueFrom(kept.store.events$({ after: n })), /^options\.after: /],
      [
        'the version of a snapshot',
        () => kept.store.saveSnapshot('kept-1', { ...snapshot, version: n }),
        /^snapshot\.version: /,
      ],
      [
        'the revision of a snapshot',
        () => kept.store.saveSnapshot('kept-1', { ...snapshot, revision: n }),
        /^snapshot\.revision: /,
      ],
      [
        'a position to advance a checkpoint to',
        () => kept.store.checkpoints.advance('r', { position: 0, epoch: 0 }, n),
        /^to: /,
      ],
    ])('%s', (_, call, words) => refused(call, 'InvalidArgumentError', words));
  },
);
