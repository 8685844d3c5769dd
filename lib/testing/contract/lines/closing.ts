/** Closing: what still ends, what no longer begins, and what is found when a place is opened again. */
import { strict as assert } from 'node:assert';
import { lastValueFrom, tap, toArray } from 'rxjs';
import { StoreClosedError } from '../../../core/errors/store.errors.js';
import type { Clock } from '../../../core/clock.js';
import { EventStore } from '../../../store/event-store.js';
import { type ContractTopic, durable, line, lineFor } from '../contract-line.js';
import { Beside, gate, someTurns } from '../patience.js';
import { outcomeOf, refused } from '../refusals.js';
import { commitOf, encoded, note, notes, numbersOf, plain } from '../sample-events.js';
import { callsOf, callsOfBackend } from './errors.js';

/** A clock whose timers ring when they are told to. */
function standingClock(): Clock & { ring(): void } {
  const timers = new Set<() => void>();
  return {
    now: () => 1_700_000_000_000,
    after(_ms, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
    ring() {
      for (const callback of timers) callback();
      timers.clear();
    },
  };
}

export const close: ContractTopic = {
  subject: 'close',
  lines: [
    line('after closing every call is StoreClosedError', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(1));
      await trial.close(store);
      for (const [name, call] of Object.entries(callsOf(store))) {
        await refused(call(), StoreClosedError, {}, `${name}() of a closed store`);
      }
      assert.throws(() => store.subscribe(() => undefined), StoreClosedError);
      assert.throws(() => store.consume(() => undefined), StoreClosedError);
      await trial.within(store.close(), 'a second close()');
    }),

    line('a backend refuses every call before it is opened and after it is closed', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      for (const when of ['before it is opened', 'after it is closed']) {
        assert.equal(backend.isOpen, false, when);
        for (const [name, call] of Object.entries(callsOfBackend(backend))) {
          await refused(call(), StoreClosedError, {}, `${name}() of a backend ${when}`);
        }
        await backend.open();
        assert.equal(backend.isOpen, true);
        await backend.append(commitOf({ [`s-${when}`]: [encoded(1)] }));
        await backend.close();
      }
    }),

    line(
      'a subscription takes no new event once closing has begun, and close waits for a running `next`',
      async (trial) => {
        const store = await trial.open();
        const held = gate();
        let ended = false;
        const follower = trial.follow(store, { after: 0 }, async () => {
          await held.opened;
          ended = true;
        });
        await store.append('s-1', notes(3));
        await follower.until(1);
        const closing = new Beside(trial.close(store).then(() => ended));
        await someTurns();
        held.open();
        assert.equal(await closing.result, true, 'close() resolved before the running `next` had ended');
        await someTurns();
        assert.equal(follower.seen.length, 1);
      },
    ),

    line('a handler that runs may append until it ends', async (trial) => {
      const store = await trial.open();
      const held = gate();
      const appended: unknown[] = [];
      const follower = trial.follow(store, { after: 0 }, async () => {
        await held.opened;
        appended.push(await outcomeOf(store.append('s-2', [note('while closing')])));
      });
      await store.append('s-1', notes(1));
      await follower.until(1);
      const closing = new Beside(trial.close(store));
      await someTurns();
      held.open();
      await closing.result;
      assert.equal(appended.length, 1);
      const { value } = appended[0] as { value?: { version: number } };
      assert.equal(value?.version, 1, `the append of the running handler: ${JSON.stringify(appended[0])}`);
      if (!trial.subject.capabilities.durable) return;
      const again = await trial.open();
      assert.deepEqual(numbersOf(await again.getEvents('s-2')), ['while closing']);
    }),

    line('when the deadline has passed a handler that still runs gets StoreClosedError', async (trial) => {
      const clock = standingClock();
      const store = await trial.open({ clock, shutdownTimeoutMs: 5_000 });
      const held = gate();
      const ended = gate();
      const outcomes: unknown[] = [];
      const follower = trial.follow(store, { after: 0 }, async () => {
        await held.opened;
        outcomes.push(await outcomeOf(store.append('s-2', [note()])));
        ended.open();
      });
      await store.append('s-1', notes(1));
      await follower.until(1);
      const closing = new Beside(trial.close(store));
      await someTurns();
      clock.ring();
      await closing.result;
      held.open();
      await trial.within(ended.opened, 'the handler to end');
      const { error } = outcomes[0] as { error?: unknown };
      assert.ok(
        error instanceof StoreClosedError,
        `the append was to be refused, but: ${JSON.stringify(outcomes[0])}`,
      );
      assert.ok(
        trial.logged.some(({ message }) => message.includes('5000 ms')),
        'that it did not wait longer is logged',
      );
    }),

    line('appends in flight end, and what they answered is true', async (trial) => {
      const store = await trial.open();
      const inFlight = Array.from({ length: 20 }, (_, i) => outcomeOf(store.append(`s-${i}`, notes(2))));
      await trial.close(store);
      const outcomes = await trial.within(Promise.all(inFlight), 'the appends in flight');
      for (const outcome of outcomes) assert.ok('value' in outcome, 'an append that had begun was refused');
      if (!trial.subject.capabilities.durable) return;
      const again = await trial.open();
      assert.equal((await again.getAllEvents()).length, 40);
    }),

    line('a backend closes after the commits in flight, and keeps what it acknowledged', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      await backend.open();
      const inFlight = Array.from({ length: 10 }, (_, i) =>
        outcomeOf(backend.append(commitOf({ [`s-${i}`]: [encoded(i)] }))),
      );
      await trial.within(backend.close(), 'close() of the backend');
      const outcomes = await trial.within(Promise.all(inFlight), 'the commits in flight');
      for (const outcome of outcomes) {
        if ('error' in outcome) await refused(Promise.reject(outcome.error), StoreClosedError);
      }
      if (!trial.subject.capabilities.durable) return;
      const again = await trial.open();
      const acknowledged = outcomes.filter((outcome) => 'value' in outcome).length;
      assert.equal(
        (await again.getAllEvents()).length,
        acknowledged,
        'commits that are there, and that were acknowledged',
      );
    }),

    line(
      'a page that is read while the backend closes holds every event it says to have passed, or is StoreClosedError',
      async (trial) => {
        const backend = await trial.backendAt(trial.place);
        // Few pass the filter, so a page of them takes long.
        const positions: number[] = [];
        await backend.open();
        for (let i = 0; i < 4; i++) {
          await backend.append(
            commitOf({ 'long-1': Array.from({ length: 1_500 }, (_, n) => encoded(n, { type: 'passed' })) }),
          );
          const [result] = await backend.append(commitOf({ 'long-1': [encoded(i, { type: 'wanted' })] }));
          positions.push(result?.position ?? 0);
        }
        const head = await backend.head();
        const filter = { types: new Set(['wanted']) };
        for (let turns = 0; turns < 8; turns++) {
          const reads = (['forward', 'backward'] as const).map((direction) =>
            outcomeOf(backend.readAll({ after: 0, upTo: head, direction, limit: 100, filter })),
          );
          const whole = { streamId: 'long-1', fromVersion: 1, toVersion: 6_004, limit: 10_000 };
          await someTurns(turns);
          const closing = new Beside(backend.close());
          const ofStream = [];
          while (!closing.done && ofStream.length < 50) {
            ofStream.push(outcomeOf(backend.readStream({ ...whole, direction: 'forward' })));
            await someTurns(1);
          }
          await trial.within(closing.result, 'close() of the backend');
          for (const page of await trial.within(Promise.all(ofStream), 'the pages of the stream')) {
            if ('error' in page) await refused(Promise.reject(page.error), StoreClosedError);
            else assert.equal(page.value.events.length, page.value.through);
          }
          const [forward, backward] = await trial.within(Promise.all(reads), 'the pages');
          for (const outcome of [forward, backward]) {
            if (outcome === undefined) continue;
            if ('error' in outcome) {
              await refused(Promise.reject(outcome.error), StoreClosedError);
              continue;
            }
            const { events, through, atEnd } = outcome.value;
            const isForward = outcome === forward;
            const passed = positions.filter((at) => atEnd || (isForward ? at <= through : at >= through));
            assert.deepEqual(
              events.map(({ position }) => position),
              isForward ? passed : passed.toReversed(),
              'a page that the closing cut short says that it is longer',
            );
          }
          if (!trial.subject.capabilities.durable) return;
          await backend.open();
        }
        await backend.close();
      },
    ),

    line('events$ completes when the store closes', async (trial) => {
      const store = await trial.open();
      const third = gate();
      const events = store.events$({ after: 0 }).pipe(tap(({ version }) => version === 3 && third.open()));
      const seen = new Beside(lastValueFrom(events.pipe(toArray())));
      await store.append('s-1', notes(3));
      await trial.within(third.opened, 'the third event');
      await trial.close(store);
      assert.deepEqual(numbersOf(await trial.within(seen.result, 'events$ to complete')), [0, 1, 2]);
    }),

    line('a store may be closed from inside a handler', async (trial) => {
      const store = await trial.open();
      const done = gate();
      trial.follow(store, { after: 0 }, async () => {
        await store.close();
        done.open();
      });
      await store.append('s-1', notes(1));
      await trial.within(done.opened, 'close() inside a handler');
      await refused(store.getEvents('s-1'), StoreClosedError);
    }),

    line('two stores on one backend: it closes with the last of them', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      const first = await trial.openOn(backend);
      const second = await trial.openOn(backend);
      const follower = trial.follow(second);
      await follower.ready();
      await trial.close(first);
      await refused(first.getEvents('s-1'), StoreClosedError);
      await second.append('s-1', notes(2));
      await follower.until(2);
      assert.equal(backend.isOpen, true);
      await trial.close(second);
      assert.equal(backend.isOpen, false);
    }),

    line('a store that was never used closes', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      await backend.close();
      const store = await EventStore.open(backend);
      await trial.close(store);
    }),
  ],
};

export const restart: ContractTopic = {
  subject: 'restart',
  lines: [
    lineFor(
      durable,
      'everything is found again: events, places, ids, times, streams, head',
      async (trial) => {
        const store = await trial.open();
        for (let i = 0; i < 5; i++)
          await store.append(`s-${i % 2}`, notes(3, i * 3, { metadata: { i }, schemaVersion: 2 }));
        const whole = async (from: EventStore): Promise<object> => ({
          log: (await from.getAllEvents()).map((event) => ({
            ...plain(event),
            at: event.recordedAt.getTime(),
          })),
          stream: (await from.getEvents('s-1')).map(plain),
          head: await from.backend.head(),
        });
        const before = await whole(store);
        const again = await trial.reopen(store);
        assert.deepEqual(await whole(again), before);
        assert.deepEqual(await whole(await trial.reopen(again)), before);
      },
    ),

    lineFor(
      durable,
      'appends go on where they left off: versions, positions, expectations',
      async (trial) => {
        let store = await trial.open();
        let last = 0;
        for (let i = 0; i < 4; i++) {
          const { version, position } = await store.append('s-1', notes(2), { expectedVersion: i * 2 });
          assert.equal(version, (i + 1) * 2);
          assert.ok(position > last);
          if (trial.subject.capabilities.positionsHaveGaps !== true) assert.equal(position, last + 2);
          last = position;
          store = await trial.reopen(store);
        }
      },
    ),

    lineFor(durable, 'a subscription goes on behind the last position it was given before', async (trial) => {
      const store = await trial.open();
      const before = trial.follow(store, { after: 0 });
      await store.append('s-1', notes(3));
      await before.until(3);
      await store.append('s-1', notes(2, 3));
      const again = await trial.reopen(store);
      const after = trial.follow(again, { after: before.positions[2]! });
      await after.until(2);
      await again.append('s-1', notes(2, 5));
      await after.until(4);
      assert.deepEqual(numbersOf(after.seen), [3, 4, 5, 6]);
    }),

    lineFor(durable, 'the same backend object, closed and opened again, works on', async (trial) => {
      const backend = await trial.backendAt(trial.place);
      for (let i = 0; i < 3; i++) {
        const store = await trial.openOn(backend);
        const follower = trial.follow(store, { after: 0 });
        await store.append('s-1', notes(1, i));
        await follower.until(i + 1);
        await trial.close(store);
      }
    }),
  ],
};
