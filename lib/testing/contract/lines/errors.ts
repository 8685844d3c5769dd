/** Errors: what they are, and that a promise is what fails. */
import { strict as assert } from 'node:assert';
import { AllFrameError } from '../../../core/errors/allframe.error.js';
import { StoreClosedError } from '../../../core/errors/store.errors.js';
import type { EventStore } from '../../../store/event-store.js';
import type { EventStoreBackend } from '../../../core/event-store-backend.js';
import { type ContractTopic, line } from '../contract-line.js';
import { outcomeOf, refused } from '../refusals.js';
import { all, commitOf, encoded, note, notesWithIds } from '../sample-events.js';

/** Every call of a store that gives a promise, or an iterable of them. */
export function callsOf(store: EventStore): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    append: () => store.append('s-1', [note()]),
    appendAll: () => store.appendAll([{ streamId: 's-1', events: [note()] }]),
    getEvents: () => store.getEvents('s-1'),
    getEventsAfter: () => store.getEventsAfter('s-1', 0),
    getAllEvents: () => store.getAllEvents(),
    readStream: () => all(store.readStream('s-1')),
    readAll: () => all(store.readAll()),
    saveSnapshot: () => store.saveSnapshot('s-1', { version: 1, revision: 1, state: {} }),
    getLatestSnapshot: () => store.getLatestSnapshot('s-1'),
    'records.get': () => store.records.get('c', 'k'),
    'records.list': () => all(store.records.list('c')),
    'records.write': () => store.records.write([{ collection: 'c', key: 'k', value: 1 }]),
    'checkpoints.load': () => store.checkpoints.load('r'),
    'checkpoints.claim': () => store.checkpoints.claim('r'),
    'checkpoints.advance': () => store.checkpoints.advance('r', { position: 0, epoch: 1 }, 1),
    flush: () => store.flush(),
    stats: () => store.stats(),
  };
}

/** Every call of a backend that gives a promise. */
export function callsOfBackend(backend: EventStoreBackend): Readonly<Record<string, () => Promise<unknown>>> {
  const bounds = { direction: 'forward', limit: 9 } as const;
  return {
    append: () => backend.append(commitOf({ 's-1': [encoded(1)] })),
    readStream: () => backend.readStream({ streamId: 's-1', fromVersion: 1, toVersion: 9, ...bounds }),
    readAll: () => backend.readAll({ after: 0, upTo: 9, ...bounds }),
    head: () => backend.head(),
    readRecord: () => backend.readRecord('c', 'k'),
    readRecords: () => backend.readRecords('c', { prefix: '', after: '', limit: 9 }),
    flush: () => backend.flush(),
    stats: () => backend.stats(),
  };
}

export const errors: ContractTopic = {
  subject: 'errors',
  lines: [
    line(
      "every refusal is an AllFrameError with a literal code, and its name is its class's name",
      async (trial) => {
        const store = await trial.open();
        const { events } = notesWithIds(1);
        await store.append('s-1', events);
        const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
          WrongExpectedVersionError: () => store.append('s-1', [note()], { expectedVersion: 9 }),
          DuplicateEventError: () => store.append('s-2', events),
          RecordConflictError: () =>
            store.records.write([{ collection: 'c', key: 'k', value: 1, expected: 2 }]),
          InvalidArgumentError: () => store.append('', [note()]),
          LimitExceededError: () => store.append('s'.repeat(513), [note()]),
          UnserialisableDataError: () => store.append('s-1', [note(NaN)]),
          UndecoratedEventError: () => store.append('s-1', [new (class Opened {})()]),
          PositionBeyondHeadError: () => all(store.readAll({ after: 999 })),
          CheckpointFencedError: () => store.checkpoints.advance('r', { position: 1, epoch: 1 }, 2),
        };
        for (const [code, attempt] of Object.entries(attempts)) {
          const error = await refused(attempt(), AllFrameError, { code, name: code }, code);
          assert.equal(error.constructor.name, code);
          assert.ok(
            error instanceof Error && error.message.length > 20,
            `${code} says what, which and the remedy`,
          );
        }
      },
    ),

    line(
      'a method of the store that returns a promise rejects and never throws synchronously',
      async (trial) => {
        const store = await trial.open();
        const bad = undefined as never;
        const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
          append: () => store.append(bad, bad, bad),
          'append, not an event': () => store.append('s-1', [5 as never]),
          'append, a string': () => store.append('s-1', 'events' as never),
          appendAll: () => store.appendAll(bad),
          getEvents: () => store.getEvents(bad),
          getEventsAfter: () => store.getEventsAfter(bad, bad),
          readStream: () => all(store.readStream(bad)),
          readAll: () => all(store.readAll({ after: 'x' as never })),
          saveSnapshot: () => store.saveSnapshot(bad, { version: 1, revision: 1, state: 1 }),
          getLatestSnapshot: () => store.getLatestSnapshot(bad),
          'records.get': () => store.records.get(bad, bad),
          'records.list': () => all(store.records.list(bad)),
          'records.write': () => store.records.write([{ collection: 'c', key: bad, value: 1 }]),
          'checkpoints.load': () => store.checkpoints.load(bad),
        };
        for (const [name, attempt] of Object.entries(attempts))
          await refused(attempt(), AllFrameError, {}, name);
      },
    ),

    line('a method of the backend, too, rejects and never throws synchronously', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      for (const [name, call] of Object.entries(callsOfBackend(backend))) {
        await refused(call(), StoreClosedError, {}, `${name}() of a backend that is not open`);
      }
      await backend.open();
      await outcomeOf(backend.append(commitOf({ 's-1': [encoded(1)] }, 9)));
      await backend.close();
    }),
  ],
};
