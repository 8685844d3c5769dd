/** From a planned step to the call it means on a store that holds what the model holds, and to what came of it. */
import { strict as assert } from 'node:assert';
import type { AppendResult } from '../../../core/commit.js';
import type { ExpectedVersion } from '../../../core/expected-version.js';
import type { EventStore } from '../../../store/event-store.js';
import type { ReadAllOptions, ReadStreamOptions } from '../../../store/read-options.js';
import { errorShape, outcomeOf } from '../refusals.js';
import { all } from '../sample-events.js';
import type { FollowedStore } from './followed-store.js';
import {
  type AppendStep,
  CATEGORIES,
  KEYS,
  type PlannedExpectation,
  type PlannedRecord,
  type PlanStep,
  type RepeatStep,
  STREAMS,
  TYPES,
} from './plan.js';
import type { AppendCall, AppendedStream, Refusal, StoreModel, WrittenRecord } from './store-model.js';

export const COLLECTION = 'planned';

/** A call, its positions ranks. */
export type Call =
  | AppendCall
  | { readonly do: 'read stream'; readonly streamId: string; readonly options: ReadStreamOptions }
  | { readonly do: 'read all'; readonly options: ReadAllOptions }
  | { readonly do: 'list records'; readonly prefix: string }
  | { readonly do: 'figures' }
  | { readonly do: 'reopen' };

/** What a call came to, its positions ranks. */
export type Outcome = { readonly value: unknown } | { readonly refused: Refusal };

/** Gives ids that are the same in every run of a plan. */
export function plannedIds(): () => string {
  let count = 0;
  return () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}`;
}

/** The call that a step means by now, `undefined` where it means none. */
export function callOf(step: PlanStep, model: StoreModel, newId: () => string): Call | undefined {
  switch (step.do) {
    case 'append':
      return appendOf(step, model, newId);
    case 'repeat':
      return repeatOf(step, model, newId);
    case 'write records': {
      const records = recordsOf(step.records, model);
      return records.length === 0 ? undefined : { do: 'append', streams: [], records };
    }
    case 'read stream': {
      const { from, to, limit, direction } = step;
      const options = {
        direction,
        ...(from === null ? {} : { fromVersion: from }),
        ...(to === null ? {} : { toVersion: to }),
        ...(limit === null ? {} : { limit }),
      };
      return { do: 'read stream', streamId: STREAMS[step.stream]!, options };
    }
    case 'read all': {
      const { after, upTo, limit, types, categories, direction } = step;
      // Up to one beyond the head, so that being beyond it is tried too.
      const ranks = model.log.length + 2;
      const options = {
        direction,
        ...(after === null ? {} : { after: after % ranks }),
        ...(upTo === null ? {} : { upTo: upTo % ranks }),
        ...(limit === null ? {} : { limit }),
        ...(types === null ? {} : { types: types.map((i) => TYPES[i]!) }),
        ...(categories === null ? {} : { categories: categories.map((i) => CATEGORIES[i]!) }),
      };
      return { do: 'read all', options };
    }
    case 'list records':
      return { do: 'list records', prefix: step.prefix === null ? '' : KEYS[step.prefix]! };
    case 'figures':
    case 'reopen':
      return { do: step.do };
  }
}

export function appendOf(step: AppendStep, model: StoreModel, newId: () => string): AppendCall {
  const streams = new Map<string, AppendedStream>();
  for (const { stream, expect, count, type, withIds } of step.streams) {
    const streamId = STREAMS[stream]!;
    if (streams.has(streamId)) continue;
    const events = Array.from({ length: count }, (_, i) => ({
      type: TYPES[type]!,
      data: { n: model.log.length + i },
      ...(withIds ? { id: newId() } : {}),
    }));
    streams.set(streamId, {
      streamId,
      expectedVersion: expectationOf(expect, model.versionOf(streamId)),
      events,
    });
  }
  return { do: 'append', streams: [...streams.values()], records: recordsOf(step.records, model) };
}

function expectationOf(expect: PlannedExpectation, version: number): ExpectedVersion {
  return typeof expect === 'number' ? Math.max(0, version + expect) : expect;
}

function recordsOf(planned: readonly PlannedRecord[], model: StoreModel): readonly WrittenRecord[] {
  const records = new Map<string, WrittenRecord>();
  for (const { key: k, value, expect } of planned) {
    const key = KEYS[k]!;
    const held = model.record(key) ?? null;
    const expected = expect === 'what is there' ? held : expect === 'no record' ? null : { other: k };
    const change = { collection: COLLECTION, key, value: value === null ? null : { value } };
    records.set(key, expect === 'nothing' ? change : { ...change, expected });
  }
  return [...records.values()];
}

export function repeatOf(step: RepeatStep, model: StoreModel, newId: () => string): AppendCall | undefined {
  const ids = model.commits[model.commits.length - 1 - (step.commit % Math.max(1, model.commits.length))];
  if (ids === undefined) return undefined;
  const parts = [...ids].map(([streamId, of]) => ({
    streamId,
    ids: of,
    from: model.log.find(({ id }) => id === of[0])!.version,
  }));
  if (!step.whole) {
    const part = parts[step.stream % parts.length]!;
    const from = step.from % part.ids.length;
    const some = part.ids.slice(from, from + 1 + step.count);
    parts.splice(0, parts.length, { ...part, ids: some, from: part.from + from });
  }
  const streams = parts.map(({ streamId, ids: known, from }): AppendedStream => {
    const place = from - 1;
    const expectedVersion =
      step.expect === 'place' ? place : step.expect === 'wrong place' ? place + 1 : step.expect;
    const events: { id: string; type: string; data: unknown }[] = known.map((id) => ({
      id,
      type: 'repeated',
      data: 'repeated',
    }));
    if (step.twist === 'reversed') events.reverse();
    if (step.twist === 'one more') events.push({ id: newId(), type: 'repeated', data: 'one more' });
    return { streamId, expectedVersion, events };
  });
  if (step.twist === 'other stream') {
    const [first, ...others] = streams;
    const names = new Set(streams.map(({ streamId }) => streamId));
    const free = STREAMS.find((streamId) => !names.has(streamId));
    if (first === undefined || free === undefined) return undefined;
    streams.splice(0, streams.length, { ...first, streamId: free }, ...others);
  }
  return { do: 'append', streams, records: [] };
}

/** Makes a call on a store. */
export async function perform(followed: FollowedStore, call: Call): Promise<Outcome> {
  if (call.do === 'append') {
    const outcome = await outcomeOfAppend(followed.store, call);
    await followed.catchUp();
    return 'value' in outcome ? { value: followed.rankedResults(outcome.value) } : outcome;
  }
  const outcome = await outcomeOf(valueOf(followed, call));
  if ('value' in outcome) return outcome;
  const refused = refusalOf(call, outcome.error);
  if (refused.code !== 'PositionBeyondHeadError') return { refused };
  const { position, head } = refused as unknown as { position: number; head: number };
  return { refused: { ...refused, position: followed.rankOf(position), head: followed.rankOf(head) } };
}

/** What an append comes to, its positions as they are. */
export async function outcomeOfAppend(
  store: EventStore,
  call: AppendCall,
): Promise<{ readonly value: readonly AppendResult[] } | { readonly refused: Refusal }> {
  const outcome = await outcomeOf(append(store, call));
  return 'value' in outcome ? outcome : { refused: refusalOf(call, outcome.error) };
}

function refusalOf(call: Call, error: unknown): Refusal {
  const refused = errorShape(error) as Refusal;
  assert.notEqual(refused.code, null, `${call.do} failed with ${String(error)}`);
  return refused;
}

async function valueOf(followed: FollowedStore, call: Exclude<Call, AppendCall>): Promise<unknown> {
  const { store } = followed;
  switch (call.do) {
    case 'read stream':
      return (await all(store.readStream(call.streamId, call.options))).map((event) =>
        followed.ranked(event),
      );
    case 'read all': {
      const { after, upTo, ...options } = call.options;
      const bounds = {
        ...(after === undefined ? {} : { after: followed.positionOf(after) }),
        ...(upTo === undefined ? {} : { upTo: followed.positionOf(upTo) }),
      };
      return (await all(store.readAll({ ...options, ...bounds }))).map((event) => followed.ranked(event));
    }
    case 'list records':
      return all(store.records.list(COLLECTION, call.prefix));
    case 'figures': {
      const { totalEvents, totalAggregates, totalSnapshots } = await store.stats();
      return {
        totalEvents,
        totalAggregates,
        totalSnapshots,
        head: followed.rankOf(await store.backend.head()),
      };
    }
    case 'reopen':
      await followed.reopen();
      return undefined;
  }
}

async function append(store: EventStore, call: AppendCall): Promise<readonly AppendResult[]> {
  const [first, ...others] = call.streams;
  if (first === undefined) {
    await store.records.write(call.records);
    return [];
  }
  if (others.length > 0 || call.records.length > 0)
    return store.appendAll(call.streams, { records: call.records });
  const { streamId, events, expectedVersion } = first;
  return [await store.append(streamId, events, { expectedVersion })];
}
