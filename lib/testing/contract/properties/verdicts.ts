/** Whether what a call came to is what the model says. */
import { strict as assert } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { categoryOf } from '../../../core/stream-id.js';
import type { Call, Outcome } from './calls.js';
import type { AppendCall, PlainEvent, PlainResult, Refusal, StoreModel, Verdict } from './store-model.js';

/** Asserts that a call came to what the model says, and lets the model follow. `log` is what the store holds now. */
export function judge(model: StoreModel, call: Call, outcome: Outcome, log: readonly PlainEvent[]): void {
  if (call.do === 'append') judgeAppend(model, call, outcome, log);
  else
    assert.deepEqual(outcome, expectedOf(model, call), `${call.do}: what came of it, and what was promised`);
}

function judgeAppend(
  model: StoreModel,
  call: AppendCall,
  outcome: Outcome,
  log: readonly PlainEvent[],
): void {
  const verdict = model.judge(call);
  const added = log.slice(model.log.length);
  if (verdict.is === 'written') {
    assert.ok('value' in outcome, `an append was refused: ${JSON.stringify(outcome)}`);
    assertWritten(call, verdict.results, outcome.value as readonly PlainResult[], added);
    model.write(call, added);
    return;
  }
  const promised = verdict.is === 'refused' ? verdict.by : verdict.results;
  assert.ok(
    explains(verdict, outcome),
    `an append came to ${show(outcome)}, but was to be ${verdict.is}: ${show(promised)}`,
  );
  assert.deepEqual(added, [], `events that an append wrote which was ${verdict.is}`);
}

/** Whether a verdict other than `written` allows an outcome. */
export function explains(verdict: Verdict, outcome: Outcome): boolean {
  if (verdict.is === 'repeated')
    return 'value' in outcome && isDeepStrictEqual(outcome.value, verdict.results);
  if (verdict.is !== 'refused' || !('refused' in outcome)) return false;
  return verdict.by.some((refusal) => isDeepStrictEqual(sorted(refusal), sorted(outcome.refused)));
}

/** The ids of a DuplicateEventError are a set. */
function sorted(refusal: Refusal): Refusal {
  const { eventIds } = refusal as { eventIds?: readonly string[] };
  return eventIds === undefined ? refusal : { ...refusal, eventIds: eventIds.toSorted() };
}

/** Asserts that an append's results and its events in the log are what the call and the model's results say. */
export function assertWritten(
  call: AppendCall,
  promised: readonly PlainResult[],
  results: readonly PlainResult[],
  added: readonly PlainEvent[],
): void {
  const wanted = promised.map((result) => {
    const last = added.findLast(({ streamId }) => streamId === result.streamId);
    return { ...result, position: last?.position ?? NaN };
  });
  assert.deepEqual(results, wanted, 'the results of an append');
  for (const [i, { streamId, events }] of call.streams.entries()) {
    const stored = added.filter((event) => event.streamId === streamId);
    assert.deepEqual(
      stored.map(({ type, data, version }) => ({ type, data, version })),
      events.map(({ type, data }, at) => ({ type, data, version: wanted[i]!.fromVersion + at })),
      `the events that an append to ${streamId} wrote`,
    );
    for (const [at, { id }] of events.entries()) if (id !== undefined) assert.equal(stored[at]!.id, id);
  }
  const count = call.streams.reduce((sum, { events }) => sum + events.length, 0);
  assert.equal(added.length, count, 'the number of events that an append wrote');
}

function expectedOf(model: StoreModel, call: Exclude<Call, AppendCall>): Outcome {
  const head = model.log.length;
  switch (call.do) {
    case 'read stream': {
      const { fromVersion = 1, toVersion = Infinity, direction, limit } = call.options;
      const events = model
        .streamOf(call.streamId)
        .filter(({ version }) => version >= fromVersion && version <= toVersion);
      return { value: inDirection(events, direction, limit) };
    }
    case 'read all': {
      const { after = 0, upTo = Infinity, types, categories, direction, limit } = call.options;
      if (after > head) return { refused: { code: 'PositionBeyondHeadError', position: after, head } };
      const events = model.log.filter(
        ({ position, type, streamId }) =>
          position > after &&
          position <= upTo &&
          (types === undefined || types.includes(type)) &&
          (categories === undefined || categories.includes(categoryOf(streamId))),
      );
      return { value: inDirection(events, direction, limit) };
    }
    case 'list records':
      return { value: model.keys(call.prefix).map((key) => ({ key, value: model.record(key) })) };
    case 'figures': {
      const totalAggregates = new Set(model.log.map(({ streamId }) => streamId)).size;
      return { value: { totalEvents: head, totalAggregates, totalSnapshots: 0, head } };
    }
    case 'reopen':
      return { value: undefined };
  }
}

function inDirection(
  events: readonly PlainEvent[],
  direction = 'forward',
  limit = Infinity,
): readonly PlainEvent[] {
  return (direction === 'forward' ? events : events.toReversed()).slice(0, limit);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
