/** Expected versions, and what a conflict says. */
import { strict as assert } from 'node:assert';
import { WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';
import type { ExpectedVersion } from '../../../core/expected-version.js';
import { type ContractTopic, gapless, line, lineFor } from '../contract-line.js';
import { outcomeOf, refused, writesNothing } from '../refusals.js';
import { note, notes, numbersOf } from '../sample-events.js';

const expectedVersion: ContractTopic = {
  subject: 'expected version',
  lines: [
    line("'any' never conflicts, on a new stream and on an old one, and is the default", async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1), { expectedVersion: 'any' });
      await store.append('s-1', notes(1, 1), { expectedVersion: 'any' });
      await store.append('s-1', notes(1, 2));
      await store.append('s-2', notes(1));
      await store.appendAll([{ streamId: 's-1', events: notes(1, 3) }]);
      assert.deepEqual(numbersOf(await store.getEvents('s-1')), [0, 1, 2, 3]);
    }),

    line("'any' never conflicts, however many race", async (trial) => {
      const store = await trial.open();
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) => store.append('s-1', notes(2, i * 2))),
      );
      const versions = results.flatMap(({ fromVersion, version }) => [fromVersion, version]);
      assert.deepEqual(
        versions.toSorted((a, b) => a - b),
        Array.from({ length: 200 }, (_, i) => i + 1),
      );
      for (const { fromVersion, version } of results) assert.equal(version, fromVersion + 1);
      assert.equal((await store.getEvents('s-1')).length, 200);
    }),

    line("'noStream' accepts a new stream only", async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2), { expectedVersion: 'noStream' });
      await writesNothing(store, async () => {
        const again = store.append('s-1', notes(1), { expectedVersion: 'noStream' });
        await refused(again, WrongExpectedVersionError, { streamId: 's-1', expected: 'noStream', actual: 2 });
      });
      await store.append('s-2', notes(1), { expectedVersion: 'noStream' });
    }),

    line("0 is the same as 'noStream'", async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2), { expectedVersion: 0 });
      await writesNothing(store, async () => {
        const again = store.append('s-1', notes(1), { expectedVersion: 0 });
        await refused(again, WrongExpectedVersionError, { streamId: 's-1', expected: 0, actual: 2 });
      });
    }),

    line("'streamExists' accepts an existing stream only", async (trial) => {
      const store = await trial.open();
      await store.append('s-2', notes(1));
      await writesNothing(store, async () => {
        const work = store.append('s-1', notes(1), { expectedVersion: 'streamExists' });
        await refused(work, WrongExpectedVersionError, {
          streamId: 's-1',
          expected: 'streamExists',
          actual: 0,
        });
      });
      const { version } = await store.append('s-2', notes(2), { expectedVersion: 'streamExists' });
      assert.equal(version, 3);
    }),

    line('a number accepts exactly that version: not an older one, not a newer one', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      for (const expected of [0, 1, 2, 4, 5, 1000, Number.MAX_SAFE_INTEGER]) {
        await writesNothing(store, async () => {
          const work = store.append('s-1', notes(2), { expectedVersion: expected });
          await refused(work, WrongExpectedVersionError, { streamId: 's-1', expected, actual: 3 });
        });
      }
      const { fromVersion } = await store.append('s-1', notes(1), { expectedVersion: 3 });
      assert.equal(fromVersion, 4);
    }),

    line('each stream of a commit has an expected version of its own', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      await store.appendAll([
        { streamId: 's-1', events: notes(1), expectedVersion: 2 },
        { streamId: 's-2', events: notes(1), expectedVersion: 'noStream' },
        { streamId: 's-3', events: notes(1) },
      ]);
      await writesNothing(store, async () => {
        const appends = [
          { streamId: 's-2', events: notes(1), expectedVersion: 'streamExists' as const },
          { streamId: 's-4', events: notes(1), expectedVersion: 'streamExists' as const },
        ];
        const fields = { streamId: 's-4', expected: 'streamExists' as const, actual: 0 };
        await refused(store.appendAll(appends), WrongExpectedVersionError, fields);
      });
    }),

    lineFor(gapless, 'a conflict uses up no position', async (trial) => {
      const store = await trial.open();
      const { position } = await store.append('s-1', notes(1));
      for (const expected of ['noStream', 0, 7] as const) {
        await outcomeOf(store.append('s-1', notes(3), { expectedVersion: expected }));
      }
      await outcomeOf(store.append('s-2', notes(3), { expectedVersion: 'streamExists' }));
      assert.equal((await store.append('s-1', notes(1))).position, position + 1);
    }),

    line('an expected version that is neither a known word nor a whole number is refused', async (trial) => {
      const store = await trial.open();
      await writesNothing(store, async () => {
        for (const value of [-1, 1.5, NaN, Infinity, 2 ** 53, 'exists', '1', {}]) {
          const work = store.append('s-1', [note()], { expectedVersion: value as ExpectedVersion });
          await refused(work, InvalidArgumentError, { argument: 'expectedVersion' }, String(value));
        }
      });
    }),
  ],
};

const conflict: ContractTopic = {
  subject: 'conflict',
  lines: [
    line(
      'a conflict is WrongExpectedVersionError { streamId, expected, actual }, and actual is true',
      async (trial) => {
        const store = await trial.open();
        for (let version = 1; version <= 4; version++) {
          await store.append('s-1', [note(version)]);
          const work = store.append('s-1', notes(1), { expectedVersion: version - 1 });
          await refused(work, WrongExpectedVersionError, {
            streamId: 's-1',
            expected: version - 1,
            actual: version,
          });
        }
      },
    ),

    line(
      'of many racers with the same number exactly one wins, and actual is true for each loser',
      async (trial) => {
        const store = await trial.open();
        let version = 0;
        for (const expected of ['noStream', 2, 4, 6] as const) {
          const racers = Array.from({ length: 10 }, (_, i) =>
            outcomeOf(store.append('s-1', notes(2, i * 10), { expectedVersion: expected })),
          );
          const outcomes = await Promise.all(racers);
          const winners = outcomes.flatMap((outcome) => ('value' in outcome ? [outcome.value] : []));
          assert.equal(winners.length, 1, `racers that won at ${expected}`);
          assert.equal(winners[0]!.fromVersion, version + 1);
          version = winners[0]!.version;
          for (const outcome of outcomes) {
            if ('value' in outcome) continue;
            await refused(Promise.reject(outcome.error), WrongExpectedVersionError, {
              streamId: 's-1',
              expected,
              actual: version,
            });
          }
        }
        assert.equal((await store.getEvents('s-1')).length, 8);
      },
    ),

    line('racers on different streams do not disturb each other', async (trial) => {
      const store = await trial.open();
      const racers = Array.from({ length: 20 }, (_, i) =>
        store.append(`s-${i}`, notes(2), { expectedVersion: 'noStream' }),
      );
      for (const { fromVersion, version } of await Promise.all(racers)) {
        assert.deepEqual([fromVersion, version], [1, 2]);
      }
    }),

    line('the stream stays writable after a conflict', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      for (let version = 1; version <= 5; version++) {
        await refused(store.append('s-1', notes(1), { expectedVersion: 99 }), WrongExpectedVersionError);
        const retried = await store.append('s-1', notes(1), { expectedVersion: version });
        assert.equal(retried.version, version + 1);
      }
    }),
  ],
};

export const expectedVersions: readonly ContractTopic[] = [expectedVersion, conflict];
