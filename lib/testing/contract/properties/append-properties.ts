/** Any plan of appends, reads and closings comes to what the model says, also when appends race. */
import { strict as assert } from 'node:assert';
import { StoreClosedError } from '../../../core/errors/store.errors.js';
import { type ContractTopic, durable } from '../contract-line.js';
import { Beside, someTurns } from '../patience.js';
import { outcomeOf } from '../refusals.js';
import { note, numbersOf } from '../sample-events.js';
import type { Trial } from '../trial.js';
import {
  appendOf,
  callOf,
  COLLECTION,
  type Outcome,
  outcomeOfAppend,
  perform,
  plannedIds,
  repeatOf,
} from './calls.js';
import type { Arbitrary, PropertyLibrary } from './property-library.js';
import { FollowedStore } from './followed-store.js';
import {
  type AppendStep,
  appendSteps,
  KEYS,
  plans,
  type PlanStep,
  type RepeatStep,
  repeatSteps,
} from './plan.js';
import { propertyLine } from './property.js';
import { type AppendCall, type PlainResult, StoreModel } from './store-model.js';
import { assertWritten, explains, judge } from './verdicts.js';

async function oneAfterTheOther(trial: Trial, plan: readonly PlanStep[]): Promise<void> {
  const followed = await FollowedStore.open(trial);
  const model = new StoreModel();
  const newId = plannedIds();
  for (const step of plan) {
    if (step.do === 'reopen' && !trial.subject.capabilities.durable) continue;
    const call = callOf(step, model, newId);
    if (call === undefined) continue;
    judge(model, call, await perform(followed, call), followed.log);
  }
  const rest: PlanStep[] = [
    {
      do: 'read all',
      after: null,
      upTo: null,
      limit: null,
      types: null,
      categories: null,
      direction: 'forward',
    },
    { do: 'list records', prefix: null },
    { do: 'figures' },
  ];
  for (const step of rest) {
    const call = callOf(step, model, newId);
    if (call !== undefined) judge(model, call, await perform(followed, call), followed.log);
  }
}

type Round = readonly (AppendStep | RepeatStep)[];

/** Rounds of appends that all begin at once. */
function rounds(fc: PropertyLibrary): Arbitrary<readonly Round[]> {
  const step = fc.oneof<AppendStep | RepeatStep>(
    { weight: 6, arbitrary: appendSteps(fc) },
    { weight: 1, arbitrary: repeatSteps(fc) },
  );
  const round = fc.array(step, { minLength: 1, maxLength: 6, size: 'max' });
  return fc.array(round, { minLength: 1, maxLength: 4 });
}

/** What a call came to, without reading the log in between. */
interface Raced {
  readonly call: AppendCall;
  readonly outcome: Outcome;
}

async function allAtOnce(trial: Trial, plan: readonly Round[]): Promise<void> {
  const followed = await FollowedStore.open(trial);
  const model = new StoreModel();
  const newId = plannedIds();
  for (const round of plan) {
    const calls = round.flatMap((step) => {
      const call = step.do === 'append' ? appendOf(step, model, newId) : repeatOf(step, model, newId);
      return call === undefined ? [] : [call];
    });
    const raced = await Promise.all(
      calls.map(async (call): Promise<Raced> => ({
        call,
        outcome: await outcomeOfAppend(followed.store, call),
      })),
    );
    await followed.catchUp();
    explainRound(model, followed, raced);
    for (const key of KEYS) {
      assert.deepEqual(
        await followed.store.records.get(COLLECTION, key),
        model.record(key) ?? null,
        `record ${key}`,
      );
    }
  }
}

/**
 * What raced must come to the same as if it had happened one after the other: those that wrote in the order of their
 * positions, the others at some moment between.
 */
function explainRound(model: StoreModel, followed: FollowedStore, raced: readonly Raced[]): void {
  const written = new Map<Raced, readonly PlainResult[]>();
  for (const one of raced) {
    if (!('value' in one.outcome)) continue;
    const results = followed.rankedResults(one.outcome.value as readonly PlainResult[]);
    if (!results.some(({ idempotent }) => idempotent)) written.set(one, results);
  }
  const open = new Set(raced.filter((one) => !written.has(one)));
  const explain = (): void => {
    for (const one of open) {
      const { outcome } = one;
      const ranked =
        'value' in outcome
          ? { value: followed.rankedResults(outcome.value as readonly PlainResult[]) }
          : outcome;
      if (explains(model.judge(one.call), ranked)) open.delete(one);
    }
  };
  const firstOf = (results: readonly PlainResult[]): number =>
    Math.min(...results.map(({ position }) => position));
  explain();
  for (const [{ call }, results] of [...written].toSorted(([, a], [, b]) => firstOf(a) - firstOf(b))) {
    const verdict = model.judge(call);
    assert.equal(
      verdict.is,
      'written',
      `an append was accepted: ${JSON.stringify({ call, results, verdict })}`,
    );
    const count = call.streams.reduce((sum, { events }) => sum + events.length, 0);
    const added = followed.log.slice(model.log.length, model.log.length + count);
    assertWritten(call, 'results' in verdict ? verdict.results : [], results, added);
    model.write(call, added);
    explain();
  }
  assert.equal(
    followed.log.length,
    model.log.length,
    'events of the store, and of the appends that were acknowledged',
  );
  const unexplained = [...open].map(({ call, outcome }) => JSON.stringify({ call, outcome }));
  assert.deepEqual(unexplained, [], 'outcomes that no order of these appends explains');
}

/** When a store is closed, and which of its appends are not waited for. */
interface Closing {
  readonly appends: readonly { readonly stream: number; readonly turns: number }[];
  readonly closeAfter: number;
}

function closings(fc: PropertyLibrary): Arbitrary<readonly Closing[]> {
  const append = fc.record({ stream: fc.integer({ min: 0, max: 2 }), turns: fc.integer({ min: 0, max: 2 }) });
  const closing = fc.record<Closing>({
    appends: fc.array(append, { minLength: 1, maxLength: 8 }),
    closeAfter: fc.integer({ min: 0, max: 8 }),
  });
  return fc.array(closing, { minLength: 1, maxLength: 3 });
}

async function closedAtAnyMoment(trial: Trial, plan: readonly Closing[]): Promise<void> {
  const acknowledged: number[] = [];
  const refusedAppends: number[] = [];
  let n = 0;
  for (const { appends, closeAfter } of plan) {
    const store = await trial.open();
    const running: Promise<void>[] = [];
    let closing: Promise<void> | undefined;
    for (const [i, { stream, turns }] of appends.entries()) {
      if (i === closeAfter) closing = new Beside(trial.close(store)).result;
      const number = ++n;
      const work = outcomeOf(store.append(`s-${stream}`, [note(number)])).then((outcome) => {
        if ('value' in outcome) return void acknowledged.push(number);
        assert.ok(
          outcome.error instanceof StoreClosedError,
          `an append failed with ${String(outcome.error)}`,
        );
        refusedAppends.push(number);
      });
      running.push(new Beside(work).result);
      await someTurns(turns);
    }
    await (closing ?? trial.close(store));
    await trial.within(Promise.all(running), 'the appends of a store that was closed');
  }
  const found = numbersOf(await (await trial.open()).getAllEvents()) as number[];
  const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);
  assert.deepEqual(sorted(found), sorted(acknowledged), 'what is found, and what was acknowledged');
  assert.deepEqual(
    refusedAppends.filter((number) => found.includes(number)),
    [],
    'appends that were refused and are there',
  );
}

export const appendProperties: ContractTopic = {
  subject: 'any plan',
  lines: [
    propertyLine(
      'any plan of appends, repeats, reads, records and reopenings comes to what the contract says',
      plans,
      oneAfterTheOther,
    ),
    propertyLine(
      'any appends that race come to the same as if they had come one after the other',
      rounds,
      allAtOnce,
    ),
    propertyLine(
      'a store closed at any moment: what was acknowledged is there afterwards, and nothing else',
      closings,
      closedAtAnyMoment,
      [durable],
    ),
  ],
};
