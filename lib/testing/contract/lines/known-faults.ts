/** Faults that were reproduced in existing libraries, each under its own name. */
import { strict as assert } from 'node:assert';
import { InvalidArgumentError } from '../../../core/errors/input.errors.js';
import { WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { Limits } from '../../../core/limits.js';
import type { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, fault, line, lineFor, method, transactional } from '../contract-line.js';
import { Beside, gate, someTurns } from '../patience.js';
import { outcomeOf, refused } from '../refusals.js';
import { all, commitOf, encoded, note, notes, numbersOf, plain } from '../sample-events.js';
import type { Trial } from '../trial.js';

/** 16 writers at once, each into streams of its own and one that all share, some of them refused now and then. */
function sixteenWriters(store: EventStore, rounds: number): Promise<unknown> {
  return Promise.all(
    Array.from({ length: 16 }, async (_, w) => {
      for (let i = 0; i < rounds; i++) {
        await store.append(i % 2 === 0 ? `own-${w}` : 'shared', notes(1 + (i % 3), w * 1000 + i * 10));
        await outcomeOf(store.append(`own-${w}`, notes(2), { expectedVersion: 9_999 }));
        if ((w + i) % 5 === 0) await someTurns(1);
      }
    }),
  );
}

/** A consumer that is killed and started again at random while others write, from where it had come. */
async function killedAndRestarted(trial: Trial, store: EventStore, writers: Promise<unknown>): Promise<void> {
  const writing = new Beside(writers);
  const seen: object[] = [];
  let after = 0;
  for (let life = 1; ; life++) {
    const last = writing.done;
    const head = await store.backend.head();
    const died = gate();
    let left = last ? Infinity : 1 + ((life * 7) % 23);
    const subscription = store.subscribe(
      (event) => {
        if (left <= 0) return;
        seen.push(plain(event));
        after = event.position;
        if (--left <= 0 || (last && after >= head)) died.open();
      },
      { after },
    );
    if (!(last && after >= head))
      await trial.within(Promise.race([died.opened, last ? died.opened : writing.result]), 'more events');
    await trial.within(subscription.unsubscribe(), 'unsubscribe() to resolve');
    if (last) break;
  }
  assert.deepEqual(seen, (await store.getAllEvents()).map(plain));
}

const medianMs = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;

const subscriberFaults: ContractTopic = {
  subject: 'faults seen in other libraries: subscribers',
  lines: [
    line('fault 1: one throw must not end a subscriber: the next event is handled', async (trial) => {
      const store = await trial.open();
      const follower = trial.follow(store, { after: 0 }, () => {
        throw new Error('one throw');
      });
      for (let i = 0; i < 5; i++) await store.append('s-1', [note(i)]);
      await follower.until(5);
    }),

    line(
      'fault 2: events of one stream are handled in order, also when handlers take their time',
      async (trial) => {
        const store = await trial.open();
        const handled: unknown[] = [];
        const follower = trial.follow(store, { after: 0 }, async (event) => {
          const n = (event.data as { n: number }).n;
          await someTurns(4 - (n % 4));
          handled.push(n);
        });
        await store.append('s-1', notes(4, 1));
        await store.append('s-1', notes(4, 5));
        await follower.until(8);
        await follower.unsubscribe();
        assert.deepEqual(handled, [1, 2, 3, 4, 5, 6, 7, 8]);
      },
    ),

    line('fault 3: closing waits for handlers in flight', async (trial) => {
      const store = await trial.open();
      let ended = 0;
      const followers = [1, 2, 3].map((i) =>
        trial.follow(store, { after: 0 }, async () => {
          await someTurns(i * 3);
          ended++;
        }),
      );
      await store.append('s-1', notes(1));
      for (const follower of followers) await follower.until(1);
      await trial.close(store);
      assert.equal(ended, 3);
    }),

    line(
      'fault 6: a throwing subscriber is no uncaughtException, and the rest of the batch is delivered',
      async (trial) => {
        const uncaught: unknown[] = [];
        const note_ = (error: unknown): void => void uncaught.push(error);
        process.on('uncaughtException', note_);
        process.on('unhandledRejection', note_);
        try {
          const store = await trial.open();
          const follower = trial.follow(store, { after: 0 }, (event) => {
            if (event.version === 1) throw new Error('the first of the batch');
            return event.version === 2 ? Promise.reject(new Error('the second')) : undefined;
          });
          await store.append('s-1', notes(5));
          await follower.until(5);
          await trial.close(store);
          await someTurns();
          assert.deepEqual(uncaught, []);
        } finally {
          process.off('uncaughtException', note_);
          process.off('unhandledRejection', note_);
        }
      },
    ),
  ],
};

const appendFaults: ContractTopic = {
  subject: 'faults seen in other libraries: appends',
  lines: [
    line("fault 7: of 50 parallel 'any' appends to one stream all 50 are accepted", async (trial) => {
      const store = await trial.open();
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, i) => outcomeOf(store.append('s-1', [note(i)]))),
      );
      assert.equal(outcomes.filter((outcome) => 'value' in outcome).length, 50);
      assert.equal((await store.getEvents('s-1')).length, 50);
    }),

    line("fault 8: 'noStream' and 'streamExists' are enforced", async (trial) => {
      const store = await trial.open();
      await refused(
        store.append('s-1', notes(1), { expectedVersion: 'streamExists' }),
        WrongExpectedVersionError,
      );
      await store.append('s-1', notes(1), { expectedVersion: 'noStream' });
      await refused(
        store.append('s-1', notes(1), { expectedVersion: 'noStream' }),
        WrongExpectedVersionError,
      );
      assert.equal((await store.getEvents('s-1')).length, 1);
    }),

    line(
      'fault 9: a stale batch is refused, and the conflict carries the true version, also for losers of a race',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(6));
        await refused(store.append('s-1', notes(3), { expectedVersion: 5 }), WrongExpectedVersionError, {
          actual: 6,
        });
        const race = Array.from({ length: 5 }, () =>
          outcomeOf(store.append('s-1', notes(2), { expectedVersion: 6 })),
        );
        for (const outcome of await Promise.all(race)) {
          if ('error' in outcome)
            await refused(Promise.reject(outcome.error), WrongExpectedVersionError, { actual: 8 });
        }
        const versions = (await store.getEvents('s-1')).map((event) => event.version);
        assert.deepEqual(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
      },
    ),

    line('fault 10: an append of zero events is an error and wedges nothing', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      await refused(store.append('s-1', []), InvalidArgumentError);
      await refused(store.append('s-1', [], { expectedVersion: 1 }), InvalidArgumentError);
      assert.equal((await store.append('s-1', notes(1), { expectedVersion: 1 })).version, 2);
    }),

    line('fault 11: the time of an append does not grow with the number of streams', async (trial) => {
      const store = await trial.open();
      const measure = async (name: string): Promise<number> => {
        const times: number[] = [];
        for (let i = 0; i < 60; i++) {
          const start = performance.now();
          await store.append(`${name}-${i % 6}`, [note(i)]);
          times.push(performance.now() - start);
        }
        return medianMs(times);
      };
      await measure('warm');
      const few = await measure('few');
      for (let i = 0; i < 3; i++) {
        await store.appendAll(
          Array.from({ length: Limits.commitEventsMax }, (_, s) => ({
            streamId: `${i}-${s}`,
            events: [note()],
          })),
        );
      }
      const many = await measure('many');
      // Wide enough for a busy machine: what grows with the number of streams has grown a hundredfold.
      assert.ok(
        many <= few * 20 + 0.5,
        `${few.toFixed(3)} ms with few streams, ${many.toFixed(3)} ms with 30,000 more`,
      );
    }),

    lineFor(
      transactional,
      'fault 12: two appends inside a user transaction are atomic together',
      async (trial) => {
        const store = await trial.open();
        const twice = (fails: boolean): Promise<unknown> =>
          outcomeOf(
            trial.inTransaction(store, async (inside) => {
              await inside.append(commitOf({ 's-1': [encoded(1)] }));
              await inside.append(commitOf({ 's-2': [encoded(2)] }));
              if (fails) throw new Error('rolled back');
            }),
          );
        await twice(true);
        assert.deepEqual(await store.getAllEvents(), []);
        await twice(false);
        assert.deepEqual(numbersOf(await store.getAllEvents()), [1, 2]);
      },
    ),

    line('fault 12a: an ordinary version conflict leaves the stream writable', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      await refused(store.append('s-1', notes(1), { expectedVersion: 0 }), WrongExpectedVersionError);
      await store.append('s-1', notes(1), { expectedVersion: 1 });
      await store.append('s-1', notes(1));
      await store.append('s-1', notes(1), { expectedVersion: 'streamExists' });
      assert.equal((await store.getEvents('s-1')).length, 4);
    }),

    line('fault 12b: an expected version beyond the end is a conflict, never a gap', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(2));
      for (const expectedVersion of [3, 4, 100]) {
        await refused(store.append('s-1', notes(1), { expectedVersion }), WrongExpectedVersionError, {
          actual: 2,
        });
        await refused(store.append('s-2', notes(1), { expectedVersion }), WrongExpectedVersionError, {
          actual: 0,
        });
      }
      await store.append('s-1', notes(1));
      const versions = (await store.getEvents('s-1')).map((event) => event.version);
      assert.deepEqual(versions, [1, 2, 3]);
    }),
  ],
};

const readFaults: ContractTopic = {
  subject: 'faults seen in other libraries: reading',
  lines: [
    line(
      'fault 13: 16 concurrent writers, then catch-up: exactly the stored set, in order',
      async (trial) => {
        const store = await trial.open();
        const during = trial.follow(store, { after: 0 });
        await sixteenWriters(store, 12);
        const { position } = await store.append('end', [note('end')]);
        const afterwards = trial.follow(store, { after: 0 });
        await during.untilPosition(position);
        await afterwards.untilPosition(position);
        const stored = (await store.getAllEvents()).map(plain);
        assert.deepEqual(afterwards.seen.map(plain), stored, 'catch-up afterwards');
        assert.deepEqual(during.seen.map(plain), stored, 'following meanwhile');
        const perStream = new Map<string, number>();
        for (const { streamId, version } of during.seen) {
          assert.equal(version, (perStream.get(streamId) ?? 0) + 1, `versions of ${streamId} in the log`);
          perStream.set(streamId, version);
        }
      },
    ),

    line(
      'fault 14: the same with aborted appends and a consumer that is killed and restarted at random',
      async (trial) => {
        const store = await trial.open();
        await killedAndRestarted(trial, store, sixteenWriters(store, 12));
      },
    ),

    lineFor(
      fault('foreignTransaction'),
      'fault 14: the same beside a foreign write transaction',
      async (trial) => {
        const store = await trial.open();
        const end = await trial.fault('foreignTransaction')(trial.place);
        try {
          await killedAndRestarted(trial, store, sixteenWriters(store, 12));
        } finally {
          await end();
        }
      },
    ),

    line('fault 14a: from now on means from now on: it does not replay history', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(20));
      const follower = trial.follow(store, { after: 'now' });
      await follower.ready();
      const { position } = await store.append('s-1', [note('now')]);
      await follower.untilPosition(position);
      assert.deepEqual(numbersOf(follower.seen), ['now']);
    }),

    line('fault 15: a reader that iterates slowly blocks nobody else', async (trial) => {
      const store = await trial.open();
      const count = Limits.pageEventsMax + 10;
      await store.append('s-1', notes(count));
      const iterators = [store.readAll(), store.readStream('s-1'), store.readAll({ direction: 'backward' })];
      for (const iterator of iterators) await iterator.next();
      const others = Promise.all([
        store.append('s-1', notes(1)),
        store.append('s-2', notes(1)),
        store.getEvents('s-1'),
        store.getAllEvents(),
        store.records.write([{ collection: 'c', key: 'k', value: 1 }]),
      ]);
      await trial.within(others, 'others to read and write beside three slow readers');
      assert.equal((await all(iterators[1]!)).length, count, 'the slow one goes on where it was, to the end');
      for (const iterator of iterators) await iterator.return();
    }),

    line(
      'fault 16: a long stream need not be read whole: pages are read only as they are used',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(Limits.pageEventsMax * 3));
        for (const reader of [store.readStream('s-1'), store.readStream('s-1', { direction: 'backward' })]) {
          trial.requests.streams.length = 0;
          for (let i = 0; i < 10; i++) await reader.next();
          await reader.return();
          assert.equal(trial.requests.streams.length, 1, 'pages that were read for ten events');
          assert.ok(trial.requests.streams[0]!.limit <= Limits.pageEventsMax);
        }
        trial.requests.log.length = 0;
        await all(store.readAll({ limit: 10 }));
        assert.deepEqual(
          trial.requests.log.map(({ limit }) => limit),
          [10],
        );
      },
    ),

    lineFor(
      method('driverSettings'),
      'fault 17: the settings that the driver keeps for the whole process are left alone',
      async (trial) => {
        const { subject } = trial;
        const before = JSON.stringify(subject.driverSettings?.());
        const store = await trial.open();
        await store.append('s-1', notes(2));
        await store.getAllEvents();
        await store.stats();
        await trial.close(store);
        assert.equal(JSON.stringify(subject.driverSettings?.()), before);
      },
    ),
  ],
};

export const knownFaults: readonly ContractTopic[] = [subscriberFaults, appendFaults, readFaults];
