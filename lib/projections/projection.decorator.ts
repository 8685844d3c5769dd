import 'reflect-metadata';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import type { StoreTransaction } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import { checkName } from '../core/text.js';

/** Where a projection's state lives. @publicApi */
export type ProjectionState = 'stored' | 'memory' | 'transaction';

const STATES: readonly string[] = ['stored', 'memory', 'transaction'] satisfies ProjectionState[];

/** @publicApi */
export interface ProjectionOptions {
  /** From 1: raise it when handlers change their meaning, and the projection starts from the first event again. */
  readonly version?: number;
  /** `'async'`, the only mode: events are handled after they are committed, in order. */
  readonly mode?: 'async';
  /** The name of the store that it reads; the default store unless given. */
  readonly store?: string;
  /**
   * Where its state lives. `'stored'` (the default): outside the process, so it goes on from its checkpoint.
   * `'memory'`: in the instance's fields, so every start reads from the first event. `'transaction'`: in rows of the
   * store's own database, which the handler writes through `context.transaction`: effect and checkpoint are committed
   * together, so every event has its effect exactly once.
   */
  readonly state?: ProjectionState;
}

/** What `@Projection` says of a class. */
export interface ProjectionDescription {
  readonly name: string;
  readonly version: number;
  readonly store: string | undefined;
  readonly state: ProjectionState;
}

/**
 * What a projection's handler is told beside the event.
 * @publicApi
 */
export interface ProjectionContext {
  /** The projection's name. */
  readonly projection: string;
  /** How often this event is tried, from 1. */
  readonly attempt: number;
  /** Aborted when the application shuts down. */
  readonly signal: AbortSignal;
  /** With `state: 'transaction'`: the transaction that its effect and its checkpoint are committed with. */
  readonly transaction?: StoreTransaction;
}

const PROJECTION = Symbol('allframe:projection');

/**
 * Makes a provider a projection: its `@EventHandler` methods get every event, in order, one at a time, from the first
 * one on, and again after a crash from the last checkpoint (at least once).
 *
 * A handler that fails is tried again; if it keeps failing, the projection is blocked at that event and skips nothing.
 * @throws InvalidArgumentError, LimitExceededError
 * @example
 * ```ts
 * @Projection('balances', { version: 1 })
 * class BalancesProjection {
 *   @EventHandler(MoneyDeposited)
 *   async onDeposited(event: MoneyDeposited, recorded: RecordedEvent<MoneyDeposited>, context: ProjectionContext) {
 *     await balances.add(recorded.streamId, event.amount, { signal: context.signal });
 *   }
 * }
 * ```
 * @publicApi
 */
export function Projection(name: string, options: ProjectionOptions = {}): ClassDecorator {
  return (target) => {
    const { version = 1, mode = 'async', store, state = 'stored' } = options;
    const subject = `@Projection of ${target.name}`;
    checkName(name, subject, 'streamIdBytesMax', Limits.streamIdBytesMax);
    if (!Number.isSafeInteger(version) || version < 1) {
      throw new InvalidArgumentError(`${subject}, version`, `${version} is not a whole number from 1`);
    }
    if (mode !== 'async')
      throw new InvalidArgumentError(`${subject}, mode`, `${String(mode)} is not 'async'`);
    if (!STATES.includes(state)) {
      throw new InvalidArgumentError(`${subject}, state`, `${state} is none of ${STATES.join(', ')}`);
    }
    const description: ProjectionDescription = { name, version, store, state };
    Reflect.defineMetadata(PROJECTION, description, target);
  };
}

/** What `@Projection` says of exactly this class. */
export function projectionDescriptionOf(type: object): ProjectionDescription | undefined {
  return Reflect.getOwnMetadata(PROJECTION, type) as ProjectionDescription | undefined;
}
