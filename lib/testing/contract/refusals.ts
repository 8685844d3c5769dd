/** How lines say that something is refused, and that nothing came of it. */
import { strict as assert } from 'node:assert';
import { AllFrameError } from '../../core/errors/allframe.error.js';
import type { EventStore } from '../../store/event-store.js';
import { plain } from './sample-events.js';

/** An error class, and the fields that an error of it carries. */
type ErrorClass<E extends AllFrameError> = abstract new (...args: never[]) => E;

/**
 * Asserts that `work` is refused with an error of a class that holds the given fields.
 * @param what what is refused, for the failure
 */
export async function refused<E extends AllFrameError>(
  work: PromiseLike<unknown>,
  type: ErrorClass<E>,
  fields: Partial<E> = {},
  what = 'the call',
): Promise<E> {
  const outcome = await outcomeOf(work);
  assert.ok(
    'error' in outcome,
    `${what} was accepted, but ${type.name} was promised: ${JSON.stringify(outcome)}`,
  );
  const { error } = outcome;
  assert.ok(error instanceof type, `${what}: ${type.name} was promised, but it failed with ${String(error)}`);
  for (const [field, value] of Object.entries(fields)) {
    assert.deepEqual(error[field as keyof E], value, `${what}: ${field} of the ${type.name}`);
  }
  return error;
}

/** What a promise settled with. */
export async function outcomeOf<T>(work: PromiseLike<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

/** An error as plain data: its code and its own fields, without the words and the kind, which the code implies. */
export function errorShape(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof AllFrameError)) return { code: null, error: String(error) };
  const {
    stack: _stack,
    message: _message,
    cause: _cause,
    name: _name,
    kind: _kind,
    ...fields
  } = { ...error };
  return { ...fields, code: error.code };
}

/** Asserts that `work` leaves the events and their figures as they are. */
export async function writesNothing(store: EventStore, work: () => Promise<unknown>): Promise<void> {
  const before = await figuresOf(store);
  await work();
  assert.deepEqual(await figuresOf(store), before, 'something was written');
}

async function figuresOf(store: EventStore): Promise<object> {
  const { totalEvents, totalAggregates } = await store.stats();
  const events = await store.getAllEvents();
  return { totalEvents, totalAggregates, head: await store.backend.head(), events: events.map(plain) };
}
