/** Any subscription, however it is woven into appends, is given exactly what it asked for. */
import { strict as assert } from 'node:assert';
import type { AppendResult } from '../../../core/commit.js';
import type { RecordedEvent } from '../../../core/recorded-event.js';
import { categoryOf } from '../../../core/stream-id.js';
import type { EventStore } from '../../../store/event-store.js';
import type { ContractTopic } from '../contract-line.js';
import type { Follower } from '../follower.js';
import { Beside, someTurns } from '../patience.js';
import { outcomeOf } from '../refusals.js';
import { note, notes, plain } from '../sample-events.js';
import type { Trial } from '../trial.js';
import type { Arbitrary, PropertyLibrary } from './property-library.js';
import { CATEGORIES, STREAMS, TYPES } from './plan.js';
import { propertyLine } from './property.js';

/** What a subscription asks for. */
interface PlannedFilter {
  readonly types: readonly number[] | null;
  readonly categories: readonly number[] | null;
  readonly stream: number | null;
}

type Step =
  | {
      readonly do: 'append';
      readonly stream: number;
      readonly type: number;
      readonly count: number;
      /** An append that is not waited for runs beside the next steps. */
      readonly waits: boolean;
      /** It expects a version that the stream has not, so it must leave no trace. */
      readonly fails: boolean;
    }
  | {
      readonly do: 'subscribe';
      /** `'now'`, or the position of that event of the log so far. */
      readonly after: number | 'now';
      readonly filter: PlannedFilter;
      /** Turns of the event loop that its `next` takes for each event. */
      readonly pace: number;
      readonly throws: boolean;
      readonly waits: boolean;
    }
  | { readonly do: 'unsubscribe'; readonly which: number }
  | { readonly do: 'turns'; readonly count: number };

function weavings(fc: PropertyLibrary): Arbitrary<readonly Step[]> {
  const upTo = (max: number): Arbitrary<number> => fc.integer({ min: 0, max });
  const maybe = <T>(value: Arbitrary<T>): Arbitrary<T | null> =>
    fc.oneof<T | null>({ weight: 3, arbitrary: fc.constantFrom(null) }, { weight: 1, arbitrary: value });
  const step = fc.oneof<Step>(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('append'),
        stream: upTo(STREAMS.length - 1),
        type: upTo(TYPES.length - 1),
        count: fc.integer({ min: 1, max: 4 }),
        waits: fc.boolean(),
        fails: fc.constantFrom(false, false, false, true),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('subscribe'),
        after: fc.oneof<number | 'now'>(
          { weight: 1, arbitrary: fc.constantFrom('now') },
          { weight: 2, arbitrary: upTo(12) },
        ),
        filter: fc.record<PlannedFilter>({
          types: maybe(fc.array(upTo(TYPES.length - 1), { minLength: 1, maxLength: 2 })),
          categories: maybe(fc.array(upTo(CATEGORIES.length - 1), { minLength: 1, maxLength: 2 })),
          stream: maybe(upTo(STREAMS.length - 1)),
        }),
        pace: upTo(2),
        throws: fc.boolean(),
        waits: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('unsubscribe'), which: upTo(3) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('turns'), count: upTo(3) }) },
  );
  return fc.array(step, { minLength: 1, maxLength: 25, size: 'max' });
}

/** A subscription, and what it has to be given. */
interface Subscribed {
  readonly follower: Follower;
  readonly wants: (event: RecordedEvent) => boolean;
  /** The position behind which it begins; for `'now'` the head when it was asked for. */
  readonly after: number;
  readonly fromNow: boolean;
  /** Appends that were called once it was ready: it must be given all of them. */
  readonly promised: Promise<AppendResult | undefined>[];
  isReady: boolean;
  /** How many events it had been given when it was told to end. */
  seenAtEnd: number | undefined;
}

async function woven(trial: Trial, plan: readonly Step[]): Promise<void> {
  const store = await trial.open();
  const subscribed: Subscribed[] = [];
  const running: Promise<unknown>[] = [];
  let acknowledged = 0; // the highest position of an append that has been answered
  for (const step of plan) {
    if (step.do === 'turns') await someTurns(step.count);
    else if (step.do === 'append') {
      const work = new Beside(
        append(store, step).then((result) => {
          acknowledged = Math.max(acknowledged, result?.position ?? 0);
          return result;
        }),
      ).result;
      for (const one of subscribed) if (one.isReady) one.promised.push(work);
      running.push(work);
      if (step.waits) await work;
    } else if (step.do === 'subscribe') {
      const positions = [0, ...(await store.getAllEvents()).map((event) => event.position)];
      const after = step.after === 'now' ? acknowledged : positions[step.after % positions.length]!;
      const one = subscribe(trial, store, step, after);
      subscribed.push(one);
      const ready = new Beside(one.follower.ready().then(() => (one.isReady = true))).result;
      running.push(ready);
      if (step.waits) await ready;
    } else {
      const one = subscribed[step.which % Math.max(1, subscribed.length)];
      if (one === undefined || one.seenAtEnd !== undefined) continue;
      one.seenAtEnd = one.follower.seen.length;
      running.push(new Beside(one.follower.unsubscribe()).result);
    }
  }
  await trial.within(Promise.all(running), 'everything that the plan began');
  for (const one of subscribed) await given(store, one);
}

/** `undefined` for an append that was meant to be refused. */
async function append(store: EventStore, step: Step & { do: 'append' }): Promise<AppendResult | undefined> {
  const events = notes(step.count, 0, { type: TYPES[step.type]! });
  const streamId = STREAMS[step.stream]!;
  if (!step.fails) return store.append(streamId, events);
  await outcomeOf(store.append(streamId, events, { expectedVersion: 999 }));
  return undefined;
}

interface Wanted {
  readonly types: readonly string[] | undefined;
  readonly categories: readonly string[] | undefined;
  readonly streamId: string | undefined;
}

function subscribe(
  trial: Trial,
  store: EventStore,
  step: Step & { do: 'subscribe' },
  after: number,
): Subscribed {
  const { types, categories, stream } = step.filter;
  const wanted: Wanted = {
    types: types?.map((i) => TYPES[i]!),
    categories: categories?.map((i) => CATEGORIES[i]!),
    streamId: stream === null ? undefined : STREAMS[stream]!,
  };
  const options = {
    after: step.after === 'now' ? ('now' as const) : after,
    onError: () => undefined,
    ...(wanted.types === undefined ? {} : { types: wanted.types }),
    ...(wanted.categories === undefined ? {} : { categories: wanted.categories }),
    ...(wanted.streamId === undefined ? {} : { streamId: wanted.streamId }),
  };
  const follower = trial.follow(store, options, async (event) => {
    await someTurns(step.pace);
    if (step.throws && event.version % 2 === 0) throw new Error('planned');
  });
  return {
    follower,
    wants: ({ type, streamId }) =>
      (wanted.types?.includes(type) ?? true) &&
      (wanted.categories?.includes(categoryOf(streamId)) ?? true) &&
      (wanted.streamId === undefined || wanted.streamId === streamId),
    after,
    fromNow: step.after === 'now',
    promised: [],
    isReady: false,
    seenAtEnd: undefined,
  };
}

/** Waits until a subscription has been given its last event, and compares. */
async function given(store: EventStore, one: Subscribed): Promise<void> {
  const { follower, after, fromNow, seenAtEnd } = one;
  const events = (await store.getAllEvents()).filter((event) => event.position > after && one.wants(event));
  if (seenAtEnd !== undefined) {
    assert.equal(follower.seen.length, seenAtEnd, 'events that were given after unsubscribe() was called');
  }
  if (fromNow) {
    // It may begin anywhere between the head when it was asked for and the first append called when it was ready.
    const promised = await Promise.all(one.promised);
    const latestStart = events.findIndex(({ streamId, version }) =>
      promised.some(
        (result) =>
          result?.streamId === streamId && result.fromVersion <= version && version <= result.version,
      ),
    );
    if (seenAtEnd === undefined && latestStart >= 0) await follower.untilPosition(events.at(-1)!.position);
    if (follower.seen.length === 0) return;
    const start = events.findIndex(({ position }) => position === follower.positions[0]);
    assert.ok(
      latestStart === -1 || start <= latestStart,
      'an event was left out that was appended after `ready`',
    );
    const expected = events.slice(start, start + follower.seen.length);
    assert.deepEqual(follower.seen.map(plain), expected.map(plain), "a subscription from 'now' on");
    return;
  }
  if (seenAtEnd === undefined && events.length > 0) await follower.untilPosition(events.at(-1)!.position);
  const expected = seenAtEnd === undefined ? events : events.slice(0, seenAtEnd);
  assert.deepEqual(follower.seen.map(plain), expected.map(plain), `a subscription after position ${after}`);
}

/** How a reader dies and comes back, again and again, while others append. */
interface Lives {
  readonly appends: readonly { readonly stream: number; readonly count: number; readonly turns: number }[];
  /** How many events it takes in each life. */
  readonly lives: readonly number[];
}

function lives(fc: PropertyLibrary): Arbitrary<Lives> {
  const append = fc.record({
    stream: fc.integer({ min: 0, max: 2 }),
    count: fc.integer({ min: 1, max: 5 }),
    turns: fc.integer({ min: 0, max: 2 }),
  });
  return fc.record<Lives>({
    appends: fc.array(append, { minLength: 1, maxLength: 15 }),
    lives: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 8 }),
  });
}

async function diesAndComesBack(trial: Trial, { appends, lives: taken }: Lives): Promise<void> {
  const store = await trial.open();
  const writing = new Beside(
    (async () => {
      for (const { stream, count, turns } of appends) {
        await store.append(`s-${stream}`, notes(count));
        await someTurns(turns);
      }
      return store.append('end', [note('end')]);
    })(),
  );
  const seen: object[] = [];
  let after = 0;
  for (const most of taken) {
    const follower = trial.follow(store, { after });
    await follower.ready();
    await someTurns(most);
    await follower.unsubscribe();
    seen.push(...follower.seen.map(plain));
    after = follower.positions.at(-1) ?? after;
  }
  const { position } = await writing.result;
  if (after < position) {
    const last = trial.follow(store, { after });
    await last.untilPosition(position);
    seen.push(...last.seen.map(plain));
  }
  assert.deepEqual(seen, (await store.getAllEvents()).map(plain), 'what all lives saw together');
}

export const subscriptionProperties: ContractTopic = {
  subject: 'any subscription',
  lines: [
    propertyLine(
      'any subscription woven into appends is given exactly what it asked for, in order, once',
      weavings,
      woven,
    ),
    propertyLine(
      'a reader that dies and comes back at any moment has seen everything once',
      lives,
      diesAndComesBack,
    ),
  ],
};
