/** Subscribers: what a slow, a failing or a leaving one may do to others, which is nothing. */
import { strict as assert } from 'node:assert';
import { Limits } from '../../../core/limits.js';
import { type ContractTopic, fault, line, lineFor } from '../contract-line.js';
import { Beside, gate, someTurns } from '../patience.js';
import { note, notes, numbersOf } from '../sample-events.js';

export const subscribers: ContractTopic = {
  subject: 'subscribers',
  lines: [
    line(
      'a `next` that throws or rejects is reported to onError with its event, and the next event follows',
      async (trial) => {
        const store = await trial.open();
        await store.append('s-1', notes(3));
        const reported: [unknown, number][] = [];
        const onError = (error: unknown, event: { position: number }): void =>
          void reported.push([error, event.position]);
        const thrown = new Error('thrown');
        const rejected = new Error('rejected');
        const follower = trial.follow(store, { after: 0, onError }, (event) => {
          if (event.version % 3 === 1) throw thrown;
          return event.version % 3 === 2 ? Promise.reject(rejected) : undefined;
        });
        const { position } = await store.append('s-1', notes(3, 3));
        await follower.untilPosition(position);
        await follower.unsubscribe();
        assert.deepEqual(numbersOf(follower.seen), [0, 1, 2, 3, 4, 5]);
        const at = follower.positions;
        assert.deepEqual(reported, [
          [thrown, at[0]],
          [rejected, at[1]],
          [thrown, at[3]],
          [rejected, at[4]],
        ]);
        assert.deepEqual(trial.logged, [], 'what onError is told is not logged as well');
      },
    ),

    line('without onError the logger is told, and an onError that fails harms nobody', async (trial) => {
      const store = await trial.open();
      const failing = (): never => {
        throw new Error('no');
      };
      const first = trial.follow(store, { after: 0 }, failing);
      const second = trial.follow(store, { after: 0, onError: failing }, failing);
      const { position } = await store.append('s-1', notes(2));
      await first.untilPosition(position);
      await second.untilPosition(position);
      await first.unsubscribe();
      await second.unsubscribe();
      assert.equal(trial.logged.length, 4);
      assert.ok(trial.logged.every(({ message }) => message.includes('noted')));
    }),

    line('`next` is never called again before it has ended', async (trial) => {
      const store = await trial.open();
      let running = 0;
      let most = 0;
      const follower = trial.follow(store, { after: 0 }, async () => {
        most = Math.max(most, ++running);
        await someTurns(2);
        running--;
      });
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) => store.append(`s-${i}`, notes(2))),
      );
      await follower.untilPosition(Math.max(...results.map(({ position }) => position)));
      await follower.unsubscribe();
      assert.equal(most, 1);
    }),

    line('a slow subscriber delays itself only', async (trial) => {
      const store = await trial.open();
      const held = gate();
      const slow = trial.follow(store, { after: 0 }, () => held.opened);
      const quick = trial.follow(store, { after: 0 });
      for (let i = 0; i < 10; i++) await store.append('s-1', notes(3, i * 3));
      const { position } = await store.append('s-1', [note('end')]);
      await quick.untilPosition(position);
      assert.equal((await store.getAllEvents()).length, 31, 'reading goes on');
      assert.equal(slow.seen.length, 1, 'the slow one is still at its first event');
      held.open();
      await slow.untilPosition(position);
      assert.deepEqual(slow.positions, quick.positions);
    }),

    line('memory stays bounded: a subscriber that stands still holds one page and no more', async (trial) => {
      const store = await trial.open();
      const held = gate();
      const slow = trial.follow(store, { after: 0 }, () => held.opened);
      await slow.ready();
      const { position: first } = await store.append('s-1', [note('first')]);
      await slow.untilPosition(first);
      const pages = trial.requests.log.length;
      const count = Limits.pageEventsMax * 3;
      for (let left = count; left > 0; left -= 100) await store.append('s-1', notes(Math.min(left, 100)));
      await someTurns(20);
      assert.equal(trial.requests.log.length, pages, 'pages that were read while it stood still');
      held.open();
      await slow.untilPosition(await store.backend.head());
      assert.equal(slow.seen.length, count + 1);
      assert.ok(
        trial.requests.log.every(({ limit }) => limit <= Limits.pageEventsMax),
        'no page is longer than pageEventsMax',
      );
    }),

    line('unsubscribe takes effect at once and resolves when a running `next` has ended', async (trial) => {
      const store = await trial.open();
      const held = gate();
      let ended = false;
      const follower = trial.follow(store, { after: 0 }, async () => {
        await held.opened;
        ended = true;
      });
      await store.append('s-1', notes(3));
      await follower.until(1);
      const left = new Beside(follower.subscription.unsubscribe().then(() => ended));
      await store.append('s-1', notes(3));
      await someTurns();
      held.open();
      assert.equal(
        await trial.within(left.result, 'unsubscribe() to resolve'),
        true,
        'it resolved before `next` had ended',
      );
      await someTurns();
      assert.equal(follower.seen.length, 1);
    }),

    line('unsubscribe resolves at once when called from inside `next`', async (trial) => {
      const store = await trial.open();
      const left = gate();
      const follower = trial.follow(store, { after: 0 }, async () => {
        await follower.subscription.unsubscribe();
        left.open();
      });
      await store.append('s-1', notes(5));
      await trial.within(left.opened, 'unsubscribe() to resolve inside `next`');
      await store.append('s-1', notes(5));
      await someTurns();
      assert.equal(follower.seen.length, 1);
    }),

    line(
      'unsubscribing before anything came, twice, and while another stays, is all the same',
      async (trial) => {
        const store = await trial.open();
        const stays = trial.follow(store);
        const leaves = trial.follow(store);
        await stays.ready();
        await Promise.all([leaves.unsubscribe(), leaves.unsubscribe()]);
        await leaves.unsubscribe();
        await store.append('s-1', notes(3));
        await stays.until(3);
        assert.deepEqual(leaves.seen, []);
      },
    ),

    line("'now' is the default, and gives nothing that was appended before", async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(5));
      const followers = [trial.follow(store), trial.follow(store, { after: 'now' })];
      for (const follower of followers) await follower.ready();
      await store.append('s-1', [note('live')]);
      for (const follower of followers) {
        await follower.until(1);
        assert.deepEqual(numbersOf(follower.seen), ['live']);
      }
    }),

    line('a subscription begins behind the position it is given', async (trial) => {
      const store = await trial.open();
      await store.append('s-1', notes(3));
      const { position } = await store.append('s-2', notes(1, 3));
      await store.append('s-1', notes(2, 4));
      const follower = trial.follow(store, { after: position });
      await follower.until(2);
      await store.append('s-2', notes(1, 6));
      await follower.until(3);
      assert.deepEqual(numbersOf(follower.seen), [4, 5, 6]);
    }),

    line(
      'types, categories and a stream are filters that must all hold, in catch-up and live',
      async (trial) => {
        const store = await trial.open();
        const write = async (from: number): Promise<void> => {
          await store.append('order-1', [note(from, { type: 'a' }), note(from + 1, { type: 'b' })]);
          await store.append('order-2', [note(from + 2, { type: 'a' }), note(from + 3, { type: 'c' })]);
          await store.append('user-1', [note(from + 4, { type: 'a' }), note(from + 5, { type: 'b' })]);
        };
        await write(0);
        const wanted = [
          [{ types: ['a'] }, [0, 2, 4, 10, 12, 14]],
          [{ types: ['b', 'c'] }, [1, 3, 5, 11, 13, 15]],
          [{ categories: ['order'] }, [0, 1, 2, 3, 10, 11, 12, 13]],
          [{ categories: ['user'], types: ['b'] }, [5, 15]],
          [{ streamId: 'order-2' }, [2, 3, 12, 13]],
          [{ streamId: 'order-1', types: ['a'], categories: ['order'] }, [0, 10]],
        ] as const;
        const followers = wanted.map(([filter]) => trial.follow(store, { after: 0, ...filter }));
        for (const [i, [, numbers]] of wanted.entries()) await followers[i]!.until(numbers.length / 2);
        await write(10);
        for (const [i, [filter, numbers]] of wanted.entries()) {
          await followers[i]!.until(numbers.length);
          assert.deepEqual(numbersOf(followers[i]!.seen), numbers, JSON.stringify(filter));
        }
        const none = trial.follow(store, { after: 0, streamId: 'order-1', categories: ['user'] });
        await none.ready();
        await write(20);
        await followers[0]!.until(9);
        assert.deepEqual(none.seen, []);
      },
    ),

    line('a subscriber may append from inside `next`, and is given that event in its turn', async (trial) => {
      const store = await trial.open();
      const follower = trial.follow(store, { after: 0 }, async (event) => {
        const n = (event.data as { n: number }).n;
        if (n < 5) await store.append('s-1', [note(n + 1)]);
      });
      await store.append('s-1', [note(0)]);
      await follower.until(6);
      assert.deepEqual(numbersOf(follower.seen), [0, 1, 2, 3, 4, 5]);
    }),

    lineFor(
      fault('failNextRead'),
      'a read that fails does not end a subscription: it is logged and tried again',
      async (trial) => {
        const store = await trial.open();
        const follower = trial.follow(store, { after: 0 });
        await store.append('s-1', notes(1));
        await follower.until(1);
        await trial.fault('failNextRead')(trial.place, new Error('the connection was lost'));
        await store.append('s-1', notes(2, 1));
        await follower.until(3);
        assert.deepEqual(numbersOf(follower.seen), [0, 1, 2]);
        assert.ok(trial.logged.length > 0, 'the failed read is logged');
      },
    ),
  ],
};
