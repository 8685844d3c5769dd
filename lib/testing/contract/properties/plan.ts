/**
 * Plans: what a random user does to a store, step by step.
 *
 * A step speaks of places relative to what the store holds by then ("one behind the end of the second stream", "the
 * third commit again"), so it stays sensible when steps before it are taken away to find a smaller failing plan.
 */
import type { ReadDirection } from '../../../core/read-page.js';
import type { Arbitrary, PropertyLibrary } from './property-library.js';

export const STREAMS = ['order-1', 'order-2', 'user-1', 'alone'] as const;
export const TYPES = ['opened', 'changed', 'closed'] as const;
export const CATEGORIES = ['order', 'user', 'alone', 'none'] as const;
export const KEYS = ['a', 'a%', 'ab', '\u{1f600}', '\uffff'] as const;

/** A word, or a number that many ahead of the stream's version. */
export type PlannedExpectation = 'any' | 'noStream' | 'streamExists' | number;

interface PlannedStream {
  readonly stream: number;
  readonly expect: PlannedExpectation;
  readonly count: number;
  readonly type: number;
  /** Whether the events bring ids of their own. */
  readonly withIds: boolean;
}

export interface PlannedRecord {
  readonly key: number;
  /** `null` deletes. */
  readonly value: number | null;
  readonly expect: 'nothing' | 'what is there' | 'no record' | 'something else';
}

export interface AppendStep {
  readonly do: 'append';
  readonly streams: readonly PlannedStream[];
  readonly records: readonly PlannedRecord[];
}

/** Appends ids again that an earlier commit brought. */
export interface RepeatStep {
  readonly do: 'repeat';
  /** Which commit, counted from the newest. */
  readonly commit: number;
  /** All of it, or a part of one of its streams. */
  readonly whole: boolean;
  readonly stream: number;
  readonly from: number;
  readonly count: number;
  readonly expect: 'place' | 'wrong place' | 'any' | 'streamExists';
  readonly twist: 'none' | 'other stream' | 'one more' | 'reversed';
}

export type PlanStep =
  | AppendStep
  | RepeatStep
  | { readonly do: 'write records'; readonly records: readonly PlannedRecord[] }
  | {
      readonly do: 'read stream';
      readonly stream: number;
      readonly from: number | null;
      readonly to: number | null;
      readonly limit: number | null;
      readonly direction: ReadDirection;
    }
  | {
      readonly do: 'read all';
      readonly after: number | null;
      readonly upTo: number | null;
      readonly limit: number | null;
      readonly types: readonly number[] | null;
      readonly categories: readonly number[] | null;
      readonly direction: ReadDirection;
    }
  | { readonly do: 'list records'; readonly prefix: number | null }
  | { readonly do: 'figures' }
  | { readonly do: 'reopen' };

/** A value in two cases out of three. */
function maybe<T>(fc: PropertyLibrary, value: Arbitrary<T>): Arbitrary<T | null> {
  return fc.oneof<T | null>({ weight: 1, arbitrary: fc.constantFrom(null) }, { weight: 2, arbitrary: value });
}

/** A value in one case out of three. */
function rarely<T>(fc: PropertyLibrary, value: Arbitrary<T>): Arbitrary<T | null> {
  return fc.oneof<T | null>({ weight: 2, arbitrary: fc.constantFrom(null) }, { weight: 1, arbitrary: value });
}

const upTo = (fc: PropertyLibrary, max: number): Arbitrary<number> => fc.integer({ min: 0, max });

function plannedRecords(fc: PropertyLibrary, maxLength: number): Arbitrary<PlannedRecord[]> {
  const record = fc.record<PlannedRecord>({
    key: upTo(fc, KEYS.length - 1),
    value: maybe(fc, upTo(fc, 9)),
    expect: fc.constantFrom('nothing', 'nothing', 'what is there', 'no record', 'something else'),
  });
  return fc.array(record, { maxLength });
}

export function appendSteps(fc: PropertyLibrary): Arbitrary<AppendStep> {
  const expect = fc.oneof<PlannedExpectation>(
    { weight: 2, arbitrary: fc.constantFrom('any') },
    { weight: 1, arbitrary: fc.constantFrom('noStream', 'streamExists') },
    { weight: 3, arbitrary: fc.constantFrom(0, 0, 0, -1, 1, 5) },
  );
  const stream = fc.record<PlannedStream>({
    stream: upTo(fc, STREAMS.length - 1),
    expect,
    count: fc.integer({ min: 1, max: 3 }),
    type: upTo(fc, TYPES.length - 1),
    withIds: fc.boolean(),
  });
  return fc.record<AppendStep>({
    do: fc.constantFrom('append'),
    streams: fc.array(stream, { minLength: 1, maxLength: 3 }),
    records: plannedRecords(fc, 2),
  });
}

export function repeatSteps(fc: PropertyLibrary): Arbitrary<RepeatStep> {
  return fc.record<RepeatStep>({
    do: fc.constantFrom('repeat'),
    commit: upTo(fc, 5),
    whole: fc.boolean(),
    stream: upTo(fc, 2),
    from: upTo(fc, 2),
    count: upTo(fc, 2),
    expect: fc.constantFrom('place', 'place', 'any', 'streamExists', 'wrong place'),
    twist: fc.constantFrom('none', 'none', 'none', 'other stream', 'one more', 'reversed'),
  });
}

/** Reads of streams and of the log. */
function readSteps(fc: PropertyLibrary): Arbitrary<PlanStep> {
  const direction = fc.constantFrom<ReadDirection>('forward', 'backward');
  const limit = rarely(fc, fc.integer({ min: 1, max: 6 }));
  const some = (count: number): Arbitrary<number[] | null> =>
    rarely(fc, fc.array(upTo(fc, count - 1), { minLength: 1, maxLength: 2 }));
  const readStream = fc.record<PlanStep & { do: 'read stream' }>({
    do: fc.constantFrom('read stream'),
    stream: upTo(fc, STREAMS.length - 1),
    from: maybe(fc, upTo(fc, 8)),
    to: maybe(fc, upTo(fc, 8)),
    limit,
    direction,
  });
  const readAll = fc.record<PlanStep & { do: 'read all' }>({
    do: fc.constantFrom('read all'),
    after: rarely(fc, upTo(fc, 30)),
    upTo: maybe(fc, upTo(fc, 30)),
    limit,
    types: some(TYPES.length),
    categories: some(CATEGORIES.length),
    direction,
  });
  return fc.oneof<PlanStep>({ weight: 2, arbitrary: readStream }, { weight: 3, arbitrary: readAll });
}

/** Plans of everything, one step after the other; at the end, when there is something to read, reads. */
export function plans(fc: PropertyLibrary): Arbitrary<readonly PlanStep[]> {
  const step = fc.oneof<PlanStep>(
    { weight: 8, arbitrary: appendSteps(fc) },
    { weight: 3, arbitrary: repeatSteps(fc) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('write records'), records: plannedRecords(fc, 3) }),
    },
    { weight: 3, arbitrary: readSteps(fc) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('list records'),
        prefix: maybe(fc, upTo(fc, KEYS.length - 1)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('figures') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reopen') }) },
  );
  return fc
    .record<{ steps: PlanStep[]; reads: PlanStep[] }>({
      steps: fc.array(step, { minLength: 1, maxLength: 20, size: 'max' }),
      reads: fc.array(readSteps(fc), { maxLength: 8, size: 'max' }),
    })
    .map(({ steps, reads }) => [...steps, ...reads]);
}
