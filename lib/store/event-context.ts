/**
 * What is being handled right now, carried down the chain of asynchronous calls.
 *
 * The one `AsyncLocalStorage` of the process holds no state of its own: each running call sees what its own callers
 * put there, so two applications share nothing, and an event handled in one store explains what is appended to
 * another.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventMetadata, RecordedEvent } from '../core/recorded-event.js';
import type { CommitRider } from './commit-rider.js';

/** A running call: what it passes on to its appends, and the event or page whose handler made the call, if one did. */
export interface RunningCall {
  readonly cause?: RecordedEvent | undefined;
  /** The command or query that is being handled; it knows what the call before it has passed on. */
  readonly message?: MetadataSource | undefined;
  readonly metadata?: EventMetadata | undefined;
  readonly rider?: CommitRider | undefined;
  readonly handling?: object | undefined;
}

/** Something that says what events of a call carry, when it is first asked. */
export interface MetadataSource {
  readonly metadata: EventMetadata;
}

/** Whose handlers run, one at a time. */
export interface Reader {
  /** The event or page that its handler works on, or worked on last. */
  handling: object | undefined;
}

const contexts = new AsyncLocalStorage<RunningCall>();

/**
 * Runs `work` so that every event appended by it, or by anything it calls or awaits, carries `metadata`:
 * correlation and causation ids, a user, a tenant. Metadata given to the append itself wins.
 * @example
 * ```ts
 * await withEventMetadata({ correlationId: request.id }, () => accounts.update('a1', (account) => account.deposit(10)));
 * ```
 * @publicApi
 */
export function withEventMetadata<R>(metadata: EventMetadata, work: () => R): R {
  const outer = contexts.getStore();
  return contexts.run({ ...outer, metadata: { ...outer?.metadata, ...givenMetadata(metadata) } }, work);
}

/** Metadata without members that are undefined, as those of a header that is not there: they take nothing's place. */
export function givenMetadata(metadata: EventMetadata = {}): EventMetadata {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
}

/** The running call, `undefined` outside of any. */
export function runningCall(): RunningCall | undefined {
  return contexts.getStore();
}

/** Runs `work` as the handling of a message: whatever it appends carries the message's metadata. */
export function handleMessage<R>(message: MetadataSource, outer: RunningCall | undefined, work: () => R): R {
  return contexts.run({ message, rider: outer?.rider, handling: outer?.handling }, work);
}

/** Runs `work` so that `rider` goes along with every append made by it, or by anything it calls or awaits. */
export function carryRider<R>(rider: CommitRider, work: () => R): R {
  return contexts.run({ ...contexts.getStore(), rider }, work);
}

/** The rider of the running call, `undefined` where there is none. */
export function ambientRider(): CommitRider | undefined {
  return riderInCharge(contexts.getStore()?.rider);
}

/** The innermost rider that is not over: work that goes on by calls out of calls must not gather them all. */
export function riderInCharge(rider: CommitRider | undefined): CommitRider | undefined {
  let inCharge = rider;
  while (inCharge?.isOver === true) inCharge = inCharge.outer;
  return inCharge;
}

/** Calls the handler `next` of `reader` with an event: whatever it appends is caused by that event. */
export function handleAsCause<R>(event: RecordedEvent, reader: Reader, next: (event: RecordedEvent) => R): R {
  reader.handling = event;
  return contexts.run({ cause: event, handling: event }, next, event);
}

/** Calls the handler `handle` of `reader` with a page of events, none of which is the cause of what it does. */
export function handleWhole<P extends object, R>(page: P, reader: Reader, handle: (page: P) => R): R {
  reader.handling = page;
  return contexts.run({ handling: page }, handle, page);
}

/** Runs `work` as if nobody had called it, so that a long-living reader inherits nothing from who started it. */
export function withoutContext<R>(work: () => R): R {
  return contexts.exit(work);
}

/**
 * Whether the running call was made, however indirectly, by the handler that `reader` runs now. What an earlier one
 * left behind, a timer for instance, is not inside of it.
 */
export function isRunningFor(reader: Reader): boolean {
  return reader.handling !== undefined && contexts.getStore()?.handling === reader.handling;
}

/** The metadata that a call passes on to events, `undefined` where there is none. */
export function passedMetadata(call: RunningCall | undefined): EventMetadata | undefined {
  if (call === undefined) return undefined;
  const { cause, message, metadata } = call;
  if (message !== undefined)
    return metadata === undefined ? message.metadata : { ...message.metadata, ...metadata };
  if (cause === undefined) return metadata;
  const { id, metadata: its } = cause;
  return { correlationId: its.correlationId ?? id, causationId: id, ...metadata };
}
