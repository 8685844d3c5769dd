import { randomUUID } from 'node:crypto';
import { strict as assert } from 'node:assert';
import { InMemoryBackend } from '../../backends/memory/in-memory-backend.js';
import type { ContractLine, ContractTopic } from './contract-line.js';
import type { ContractRunner } from './contract-runner.js';
import type { ContractSubject } from './contract-subject.js';
import { declareTopics } from './declare.js';
import { callOf, type Call, type Outcome, perform, plannedIds } from './properties/calls.js';
import { FollowedStore } from './properties/followed-store.js';
import { type PlanStep, plans } from './properties/plan.js';
import { propertyLine } from './properties/property.js';
import { type PlainResult, StoreModel } from './properties/store-model.js';
import { Trial } from './trial.js';

/**
 * Declares tests that carry out the same random plans on two backends and compare every outcome: results, errors with
 * their fields, and what is read. Places are compared as ranks where one of the two leaves gaps in its positions.
 * @example
 * ```ts
 * eventStoreDifferential({ describe, it }, subject('rocksdb'), subject('postgres'));
 * ```
 * @publicApi
 */
export function eventStoreDifferential(
  runner: ContractRunner,
  one: ContractSubject,
  other: ContractSubject,
): void {
  runner.describe(`event store differential: ${one.name} and ${other.name}`, () =>
    declareTopics(runner, one, [differential(other)]),
  );
}

/** The lines that compare a subject with another one. */
export function differential(other: ContractSubject): ContractTopic {
  return { subject: 'differential', lines: [sameOutcomes(other)] };
}

/** A fresh `InMemoryBackend` for every place. */
export function memorySubject(): ContractSubject {
  const places = new Map<string, InMemoryBackend>();
  return {
    name: 'memory',
    open(place) {
      const held = places.get(place) ?? new InMemoryBackend();
      places.set(place, held);
      return held;
    },
    remove: (place) => void places.delete(place),
    capabilities: { durable: true, transactional: false, duplicateWindow: Infinity },
  };
}

function sameOutcomes(other: ContractSubject): ContractLine {
  return propertyLine(
    `one plan has the same outcomes here and on ${other.name}`,
    plans,
    async (trial: Trial, plan: readonly PlanStep[]) => {
      const there = new Trial({ ...other, patienceMs: trial.patienceMs }, `line-${randomUUID()}`);
      await there.run(() => compare(trial, there, plan));
    },
  );
}

async function compare(here: Trial, there: Trial, plan: readonly PlanStep[]): Promise<void> {
  const [a, b] = [here, there].map((trial) => FollowedStore.open(trial, { newEventId: plannedIds() }));
  const [one, other] = [await a!, await b!];
  const reopens = here.subject.capabilities.durable && there.subject.capabilities.durable;
  // It only says what steps mean by now, and follows the first of the two.
  const model = new StoreModel();
  const newId = plannedIds();
  for (const step of plan) {
    if (step.do === 'reopen' && !reopens) continue;
    const call = callOf(step, model, () => newId().replace('-4000-', '-4001-'));
    if (call === undefined) continue;
    const outcome = await perform(one, call);
    assert.deepEqual(
      comparable(call, await perform(other, call)),
      comparable(call, outcome),
      `${JSON.stringify(call)} on ${there.subject.name}, and on ${here.subject.name}`,
    );
    const added = one.log.slice(model.log.length);
    if (call.do !== 'append' || 'refused' in outcome) continue;
    const results = outcome.value as readonly PlainResult[];
    if (!results.some(({ idempotent }) => idempotent)) model.write(call, added);
  }
  assert.deepEqual(other.log, one.log, `the log of ${there.subject.name}, and of ${here.subject.name}`);
}

/** Where several streams or records of a commit are wrong at once, each backend may name another one. */
function comparable(call: Call, outcome: Outcome): Outcome {
  if (!('refused' in outcome) || call.do !== 'append') return outcome;
  if (call.streams.length + call.records.length > 1) return { refused: { code: outcome.refused.code } };
  const { eventIds } = outcome.refused as { eventIds?: readonly string[] };
  return eventIds === undefined
    ? outcome
    : { refused: { ...outcome.refused, eventIds: eventIds.toSorted() } };
}
