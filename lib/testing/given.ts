import { strict as assert } from 'node:assert';
import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import { type Decider, decidedEvents } from '../aggregates/decider.js';
import { InMemoryBackend } from '../backends/memory/in-memory-backend.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { eventHandlerMapOf } from '../store/event-handler-map.js';
import { eventDescriptionOf, type Type } from '../store/domain-event.decorator.js';
import type { EventInput } from '../store/event-input.js';
import { EventStore } from '../store/event-store.js';

/** What an error is expected to be: its class, a pattern of its message, or a function that accepts it. @publicApi */
export type ExpectedError = Type<Error> | RegExp | ((error: unknown) => boolean);

/** The outcome of a decision, to be compared. @publicApi */
export interface Outcome {
  /** Exactly these events were decided, compared as they would be stored. */
  then(events: readonly EventInput[]): Promise<void>;
  /** The decision failed with this error. */
  thenThrows(expected: ExpectedError): Promise<void>;
  /** Nothing was decided, without an error. */
  thenNothing(): Promise<void>;
}

/** @publicApi */
export interface GivenAggregate<A extends AggregateRoot> {
  /** What is done to the aggregate; it may be asynchronous. */
  when(decide: (aggregate: A) => unknown): Outcome;
}

/** @publicApi */
export interface GivenDecider<Command> {
  /** The command that is decided on. */
  when(command: Command): Outcome;
}

/**
 * States what a decision makes of a history, in words: given these events, when this is done, then those events.
 *
 * Events go through a store on the memory backend, so a test fails on what a durable store would refuse.
 * @example
 * ```ts
 * await given(Account, [new AccountOpened('Ada', 10)]).when((account) => account.withdraw(20)).thenThrows(InsufficientFunds);
 * await given(cart, [itemAdded]).when({ type: 'checkOut' }).then([checkedOut]);
 * ```
 * @publicApi
 */
export function given<A extends AggregateRoot>(
  type: AggregateType<A>,
  history?: readonly EventInput[],
): GivenAggregate<A>;
export function given<State, Command, Event extends object>(
  decider: Decider<State, Command, Event>,
  history?: readonly NoInfer<Event>[],
): GivenDecider<Command>;
export function given(
  subject: AggregateType<AggregateRoot> | Decider<unknown, unknown, object>,
  history: readonly object[] = [],
): GivenAggregate<AggregateRoot> | GivenDecider<unknown> {
  return {
    when: (decision: unknown) =>
      new Decision((store) =>
        typeof subject === 'function'
          ? decideOnAggregate(store, subject, history, decision as (aggregate: AggregateRoot) => unknown)
          : decideByDecider(store, subject, history, decision),
      ),
  };
}

class Decision implements Outcome {
  constructor(private readonly decide: (store: EventStore) => Promise<readonly EventInput[]>) {}

  /** `await given(...).when(...)` calls this with two functions; nothing would be compared then. */
  // oxlint-disable-next-line unicorn/no-thenable
  async then(expected: readonly EventInput[], reject?: (error: Error) => void): Promise<void> {
    if (typeof expected === 'function') {
      reject?.(
        new Error(
          '`when` alone proves nothing: end with .then(events), .thenThrows(error) or .thenNothing()',
        ),
      );
      return;
    }
    await withStore(async (store) => {
      const decided = await this.decide(store);
      const actual = (await throughStore(store, 'decided', decided)).map(comparable);
      assert.deepStrictEqual(actual, (await throughStore(store, 'expected', expected)).map(comparable));
    });
  }

  async thenThrows(expected: ExpectedError): Promise<void> {
    let decided: readonly EventInput[];
    try {
      decided = await withStore(this.decide);
    } catch (error) {
      if (matches(error, expected)) return;
      throw new assert.AssertionError({
        message: `It failed with another error: ${String(error)}`,
        actual: error,
        expected,
      });
    }
    throw new assert.AssertionError({ message: 'It did not fail', actual: decided, expected });
  }

  async thenNothing(): Promise<void> {
    await this.then([]);
  }
}

async function decideOnAggregate(
  store: EventStore,
  type: AggregateType<AggregateRoot>,
  history: readonly EventInput[],
  decide: (aggregate: AggregateRoot) => unknown,
): Promise<readonly EventInput[]> {
  store.registerEvents(eventHandlerMapOf(type).classes, type.name);
  const aggregate = new type();
  aggregate.assignId('given');
  aggregate.loadFromHistory(await throughStore(store, 'history', history));
  await decide(aggregate);
  return aggregate.uncommittedEvents;
}

async function decideByDecider(
  store: EventStore,
  decider: Decider<unknown, unknown, object>,
  history: readonly object[],
  command: unknown,
): Promise<readonly EventInput[]> {
  const stored = await throughStore(store, 'history', history);
  // What was given as an instance is an instance again, what was plain is plain.
  const events = stored.map(
    (event, i) => (eventDescriptionOf((history[i] as object).constructor) ? event.data : event) as object,
  );
  const state = events.reduce<unknown>(
    (before, event) => decider.evolve(before, event),
    decider.initialState(),
  );
  return decidedEvents(decider.decide(command, state));
}

async function withStore<T>(work: (store: EventStore) => Promise<T>): Promise<T> {
  const store = await EventStore.open(new InMemoryBackend());
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The events as a store gives them back. */
async function throughStore(
  store: EventStore,
  stream: string,
  events: readonly EventInput[],
): Promise<RecordedEvent[]> {
  if (events.length === 0) return [];
  for (const event of events) {
    if (eventDescriptionOf(event.constructor) !== undefined)
      store.registerEvents([event.constructor as Type<object>]);
  }
  await store.append(stream, events);
  return store.getEvents(stream);
}

function comparable({ type, data }: RecordedEvent): { type: string; data: unknown } {
  return { type, data };
}

function matches(error: unknown, expected: ExpectedError): boolean {
  if (expected instanceof RegExp) return expected.test(String(error));
  if (expected === Error || expected.prototype instanceof Error)
    return error instanceof (expected as Type<Error>);
  return (expected as (error: unknown) => boolean)(error);
}
