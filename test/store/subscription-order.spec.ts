/** Catch-up to live without gap or double, under writers that never stop; what chance does here can be replayed. */
import { describe, expect, it } from 'vitest';
import {
  type EventStore,
  InMemoryBackend,
  Limits,
  type RecordedEvent,
  type SubscribeOptions,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { numbered, openStore } from './bank.js';
import { turns, until } from './gate.js';
import { Reports } from './reports.js';
import { ScriptedBackend } from './scripted-backend.js';
import { seeded, seededRandom } from './seed.js';

const shown = ({ position, id, streamId, version }: RecordedEvent): string =>
  `${position} ${id} ${streamId}@${version}`;

/** Whole numbers from `min` to `max`, both inclusive. */
type Pick = (min: number, max: number) => number;
const pickFrom =
  (random: () => number): Pick =>
  (min, max) =>
    min + Math.floor(random() * (max - min + 1));

/** Lets others run: not at all, by a promise, by a turn of the event loop, or by several. */
async function wander(pick: Pick): Promise<void> {
  const steps = pick(0, 3);
  if (steps === 1) await Promise.resolve();
  if (steps > 1) await turns(steps - 1);
}

/** A writer: batches to streams of its own and shared ones, some of them aborted by a conflict. */
async function write(store: EventStore, name: number, batches: number, pick: Pick): Promise<void> {
  for (let i = 0; i < batches; i++) {
    const streamId = pick(0, 1) === 0 ? `own${name % 3}-${name}` : `shared-${pick(0, 2)}`;
    const events = numbered(pick(1, 4)).map((event) => ({ ...event, type: `t${pick(0, 3)}` }));
    const expectedVersion = pick(0, 4) === 0 ? pick(0, 5) : 'any';
    try {
      if (pick(0, 5) === 0)
        await store.appendAll([
          { streamId, events, expectedVersion },
          { streamId: `both-${name}`, events: numbered(1) },
        ]);
      else await store.append(streamId, events, { expectedVersion });
    } catch (error) {
      expect(error).toBeInstanceOf(WrongExpectedVersionError);
    }
    await wander(pick);
  }
}

describe('peer trap 13: 16 concurrent writers', () => {
  it('then catch-up: exactly the stored set, in order, none missing, none double', async () => {
    const store = await openStore();
    const seen: RecordedEvent[][] = [];
    const follow = (): void => {
      const list: RecordedEvent[] = [];
      seen.push(list);
      if (seen.length % 2 === 0) store.subscribe((event) => void list.push(event), { after: 0 });
      else store.events$({ after: 0 }).subscribe((event) => list.push(event));
    };
    follow();
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let i = 0; i < 100; i++) {
        await store.append(`w-${writer}`, numbered(1 + (i % 3)));
        if (i === writer * 6) follow();
        if (i % 20 === writer) await turns(1);
      }
    });
    await Promise.all(writers);
    follow();
    const stored = (await store.getAllEvents()).map(shown);
    expect(stored).toHaveLength(16 * 199);
    await until(() => expect(seen.map((list) => list.length)).toEqual(seen.map(() => stored.length)));
    for (const list of seen) expect(list.map(shown)).toEqual(stored);
    expect(seen).toHaveLength(18);
  });
});

/** A subscriber as chance wants it, that is killed and started again from where it was, and what it must have seen. */
class Wanderer {
  readonly seen: RecordedEvent[] = [];
  readonly options: SubscribeOptions;
  restarts = 0;
  #alive = true;

  constructor(
    private readonly store: EventStore,
    readonly after: number,
    private readonly pick: Pick,
  ) {
    const types = pick(0, 2) === 0 ? { types: [`t${pick(0, 3)}`, `t${pick(0, 3)}`] } : {};
    const categories = pick(0, 3) === 0 ? { categories: ['shared', 'own1'] } : {};
    this.options = {
      ...types,
      ...categories,
      ...(pick(0, 5) === 0 ? { streamId: `shared-${pick(0, 2)}` } : {}),
    };
  }

  /** Runs until `end`, and is killed and started again meanwhile. */
  async run(): Promise<void> {
    const { pick } = this;
    while (this.#alive) {
      const after = this.seen.at(-1)?.position ?? this.after;
      const slow = pick(0, 3) === 0;
      const subscription = this.store.subscribe(
        async (event) => {
          this.seen.push(event);
          if (slow) await wander(pick);
          if (pick(0, 40) === 0) throw new Error('now and then it fails');
          if (pick(0, 40) === 0) await subscription.unsubscribe();
        },
        { ...this.options, after, onError: () => undefined },
      );
      for (let life = pick(0, 12); life > 0 && this.#alive; life--) await turns(1);
      await subscription.unsubscribe();
      this.restarts++;
    }
    await this.#finish();
  }

  end(): void {
    this.#alive = false;
  }

  /** One life more, to the end of the store. */
  async #finish(): Promise<void> {
    const after = this.seen.at(-1)?.position ?? this.after;
    const head = await this.store.backend.head();
    const last = this.store.consume(({ events, through }) => {
      this.seen.push(...events);
      if (through >= head) void last.stop();
    }, { ...this.options, after }); // prettier-ignore
    if (after === head) void last.stop();
    await last.ended;
  }
}

describe('peer trap 14: subscribers that are killed and started again at random', () => {
  it(
    seeded('see exactly what they asked for of the stored set, in order, none missing, none double'),
    async () => {
      const random = seededRandom();
      let [restarts, delivered] = [0, 0];
      for (let plan = 0; plan < 12; plan++) {
        const backend = new ScriptedBackend();
        const pick = pickFrom(random);
        // Reads and appends end in any order, and now and then a read fails.
        backend.after = () => wander(pick);
        backend.before = (operation) => {
          if (operation === 'readAll' && pick(0, 60) === 0) throw new Error('now and then a read fails');
        };
        const clock = {
          now: () => Date.now(),
          after: (_ms: number, callback: () => void) => cancelled(setImmediate(callback)),
        };
        const store = await openStore(backend, { logger: new Reports(), clock });
        await write(store, 99, pick(0, 30), pick);
        const writers = Array.from({ length: 8 }, (_, name) => write(store, name, pick(5, 25), pick));
        const wanderers: Wanderer[] = [];
        const running: Promise<void>[] = [];
        for (let i = 0; i < 8; i++) {
          const wanderer = new Wanderer(store, pick(0, await backend.head()), pick);
          wanderers.push(wanderer);
          running.push(wanderer.run());
          await wander(pick);
        }
        await Promise.all(writers);
        wanderers.forEach((wanderer) => wanderer.end());
        await Promise.all(running);
        backend.before = () => undefined;
        for (const { seen, options, after, restarts: times } of wanderers) {
          expect(seen.map(shown)).toEqual((await wanted(store, options, after)).map(shown));
          restarts += times;
          delivered += seen.length;
        }
      }
      // A plan in which nothing happens proves nothing.
      expect(restarts).toBeGreaterThan(50);
      expect(delivered).toBeGreaterThan(1_000);
    },
  );

  const cancelled = (immediate: NodeJS.Immediate) => (): void => clearImmediate(immediate);

  /** What a subscriber wants, found by reading everything and looking at each event: nothing is shared with filters. */
  async function wanted(
    store: EventStore,
    { types, categories, streamId }: SubscribeOptions,
    after: number,
  ): Promise<RecordedEvent[]> {
    return (await store.getAllEvents()).filter(
      (event) =>
        event.position > after &&
        (types === undefined || types.includes(event.type)) &&
        (categories === undefined ||
          categories.some((category) => event.streamId.startsWith(`${category}-`))) &&
        (streamId === undefined || event.streamId === streamId),
    );
  }
});

describe('reading', () => {
  it('peer trap 15: a reader that iterates slowly blocks nobody else', async () => {
    const store = await openStore();
    await store.append('s', numbered(1_500));
    const readers = [store.readAll(), store.readStream('s'), store.readAll({ direction: 'backward' })];
    for (const reader of readers) await reader.next();
    // All three stand in the middle of a page; everything else goes on.
    await store.append('s', numbered(1));
    expect(await store.getEvents('s')).toHaveLength(1_501);
    let live = 0;
    await store.subscribe(() => void live++).ready;
    await store.append('s', numbered(1));
    await until(() => expect(live).toBe(1));
    const rest = await Promise.all(readers.map(async (reader) => (await collected(reader)).length));
    expect(rest).toEqual([1_499, 1_501, 1_499]);
  });

  it('peer trap 16: a long stream is read page by page, and no further than it is iterated', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(5_000));
    for (const read of [
      () => store.readStream('s'),
      () => store.readAll(),
      () => store.readAll({ direction: 'backward' }),
    ]) {
      backend.calls.length = 0;
      for await (const event of read()) if (event.version === 600 || event.version === 4_400) break;
      const pages = backend.calls.filter(({ operation }) => operation !== 'head');
      expect(pages).toHaveLength(2);
      for (const { argument } of pages) expect(argument).toMatchObject({ limit: Limits.pageEventsMax });
    }
  });

  it('all events ends at the head of its beginning, though one is appended for each that is read', async () => {
    const store = await openStore();
    await store.append('s', numbered(600));
    let read = 0;
    for await (const _ of store.readAll()) {
      read++;
      await store.append('echo', numbered(1));
    }
    expect(read).toBe(600);
    expect(await store.head()).toBe(1_200);
  });

  it('asks for no more than its limit', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(2_000));
    expect(await collected(store.readStream('s', { limit: 514 }))).toHaveLength(514);
    expect(await collected(store.readAll({ limit: 3, direction: 'backward' }))).toHaveLength(3);
    const limits = backend.calls
      .filter(({ operation }) => operation.startsWith('read'))
      .map(({ argument }) => (argument as { limit: number }).limit);
    expect(limits).toEqual([512, 2, 3]);
  });

  it('fails with what the backend fails with, and leaves no page behind', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(600));
    const fault = new Error('disk');
    const reader = store.readStream('s');
    await reader.next();
    backend.failNext('readStream', fault);
    await expect(collected(reader)).rejects.toBe(fault);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(await store.getEvents('s')).toHaveLength(600);
  });

  it('an empty store and an unknown stream are empty, and no error', async () => {
    const store = await openStore(new InMemoryBackend());
    expect(await store.getAllEvents()).toEqual([]);
    expect(await store.getEvents('s')).toEqual([]);
    expect(await collected(store.readAll({ direction: 'backward' }))).toEqual([]);
    expect(await collected(store.readStream('s', { direction: 'backward' }))).toEqual([]);
  });

  async function collected(events: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
    const list: RecordedEvent[] = [];
    for await (const event of events) list.push(event);
    return list;
  }
});
