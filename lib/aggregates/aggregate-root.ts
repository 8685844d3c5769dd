import { types } from 'node:util';
import { AllFrameError } from '../core/errors/allframe.error.js';
import { InvalidArgumentError, UnserialisableDataError } from '../core/errors/input.errors.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import type { Snapshot } from '../core/snapshot.js';
import { eventDescriptionOf } from '../store/domain-event.decorator.js';
import { type EventHandlerMap, eventHandlerMapOf } from '../store/event-handler-map.js';
import { UndecoratedEventError } from '../store/event-types.js';
import { type EventInput, isPlainEvent } from '../store/event-input.js';
import { staysAsItIs } from '../store/json-codec.js';
import type { SnapshotSource } from '../store/snapshot.js';
import { aggregateDescriptionOf } from './aggregate.decorator.js';

/**
 * A handler of an aggregate returned a promise. State is rebuilt by replaying events, and that cannot wait.
 * @publicApi
 */
export class AsyncAggregateHandlerError extends AllFrameError {
  readonly code = 'AsyncAggregateHandlerError';

  /** @param handler the method, as `Class.method` */
  constructor(readonly handler: string) {
    super(
      `${handler} returned a promise, but handlers of an aggregate only change its state. ` +
        'Do the asynchronous work before the event is applied, or in a projection.',
    );
  }
}

/** A class of aggregates, made without arguments. @publicApi */
export type AggregateType<A extends AggregateRoot> = new () => A;

/** What a class's metadata says never changes, so it is read once per class. */
const handlerMaps = new WeakMap<object, EventHandlerMap>();

/**
 * The base of aggregates: methods decide and `apply` events, `@EventHandler` methods change the state.
 *
 * An aggregate is rebuilt from its events, so state changes happen in the handlers alone, and a handler neither
 * decides nor waits. Handlers must not keep parts of an event that they change later: the event is stored as it is
 * when the aggregate is saved.
 * @example
 * ```ts
 * @Aggregate('account')
 * class Account extends AggregateRoot {
 *   balance = 0;
 *   deposit(amount: number) {
 *     if (amount <= 0) throw new RangeError('A deposit is positive');
 *     this.apply(new MoneyDeposited(amount));
 *   }
 *   @EventHandler(MoneyDeposited) onDeposited(event: MoneyDeposited) { this.balance += event.amount; }
 * }
 * ```
 * @publicApi
 */
export abstract class AggregateRoot implements SnapshotSource {
  #aggregateId: string | undefined;
  #version = 0;
  #uncommitted: EventInput[] = [];

  /** The id it was loaded by, `undefined` for an instance that no repository has seen. */
  get aggregateId(): string | undefined {
    return this.#aggregateId;
  }

  /** The version of its stream that it was loaded at or saved as, 0 for a new one. */
  get version(): number {
    return this.#version;
  }

  /** Events that are applied but not yet stored. */
  get uncommittedEvents(): readonly EventInput[] {
    return this.#uncommitted;
  }

  /**
   * Takes an event as happened: changes the state by its handlers, and keeps it to be stored.
   * @throws UndecoratedEventError for an instance of a class without `@DomainEvent`
   */
  apply(event: EventInput): void {
    if (typeof event !== 'object' || event === null) {
      throw new InvalidArgumentError(
        'event',
        `an event is an object, not ${event === null ? 'null' : typeof event}`,
      );
    }
    const { type, data } = contentOf(event);
    this.#handle(type, data, event);
    this.#uncommitted.push(event);
  }

  /** Takes over events that are already stored. */
  loadFromHistory(events: Iterable<RecordedEvent>): void {
    for (const event of events) {
      this.#handle(event.type, event.data, event);
      this.#version = event.version;
    }
  }

  /** For repositories: from now on it is known by this id. */
  assignId(id: string): void {
    this.#aggregateId = id;
  }

  /** For repositories: the first `count` uncommitted events, all unless given, are stored, and the stream is at `version`. */
  markCommitted(version: number, count = this.#uncommitted.length): void {
    this.#version = version;
    this.#uncommitted = this.#uncommitted.slice(count);
  }

  /** The revision of the state's schema, from `@Aggregate`. */
  get snapshotRevision(): number {
    return aggregateDescriptionOf(this.constructor).snapshotRevision;
  }

  /**
   * The state to be kept in a snapshot: its public fields. Override it, with `restoreSnapshot`, for fields that come
   * back from JSON as something else.
   * @throws UnserialisableDataError for such a field, a `Date` or a `Map` for instance
   */
  toSnapshot(): unknown {
    // Exactly what a spread leaves out, methods and private state, is no state of a snapshot.
    const state = Object.fromEntries(Object.entries(this));
    for (const [field, value] of Object.entries(state)) {
      if (value !== undefined && !staysAsItIs(value)) {
        throw new UnserialisableDataError(
          `${this.constructor.name}.${field}`,
          'something that comes back from JSON as another value',
        );
      }
    }
    return state;
  }

  /** Takes over the state and version of a snapshot. A field that it does not have was `undefined`. */
  restoreSnapshot(snapshot: Snapshot): void {
    const { state, version } = snapshot;
    if (typeof state !== 'object' || state === null) {
      throw new InvalidArgumentError(
        'snapshot.state',
        `the state of ${this.constructor.name} is an object; override restoreSnapshot for another form`,
      );
    }
    for (const field of new Set([...Object.keys(this), ...Object.keys(state)])) {
      const value: unknown = Object.hasOwn(state, field)
        ? (state as Record<string, unknown>)[field]
        : undefined;
      // Defined and not assigned: a member called `__proto__` is data.
      Object.defineProperty(this, field, { value, writable: true, enumerable: true, configurable: true });
    }
    this.#version = version;
  }

  #handle(type: string, data: unknown, event: object): void {
    let map = handlerMaps.get(this.constructor);
    if (map === undefined) handlerMaps.set(this.constructor, (map = eventHandlerMapOf(this.constructor)));
    for (const method of map.methods.get(type) ?? []) {
      const handler = (this as unknown as Record<string | symbol, (data: unknown, event: object) => unknown>)[
        method
      ];
      const result = handler?.call(this, data, event);
      if (types.isPromise(result)) {
        // It is refused below; what it may fail with later must not end the process.
        result.catch(() => undefined);
        throw new AsyncAggregateHandlerError(`${this.constructor.name}.${String(method)}`);
      }
    }
  }
}

/** The type and data of an event that is not stored yet. */
function contentOf(event: EventInput): { readonly type: string; readonly data: unknown } {
  if (isPlainEvent(event)) return event;
  const description = eventDescriptionOf(event.constructor);
  if (description === undefined) throw new UndecoratedEventError(event.constructor.name, 'apply');
  return { type: description.type, data: event };
}
