/** The events of the upstream benchmark: payload `{"index": i, "data": "payload"}`. */
import {
  type Commit,
  type EncodedEvent,
  EventStore,
  InMemoryBackend,
  type PlainEventInput,
} from '@allframe/nestjs';

const TYPE = 'bench.event';

export interface Payload {
  readonly index: number;
  readonly data: string;
}

export function payload(index: number): Payload {
  return { index, data: 'payload' };
}

export function event(index: number): PlainEventInput {
  return { type: TYPE, data: payload(index) };
}

export function events(count: number, from = 0): PlainEventInput[] {
  return Array.from({ length: count }, (_, i) => event(from + i));
}

export function newStore(): Promise<EventStore> {
  return EventStore.open(new InMemoryBackend());
}

/** A store of `streams` streams, `stream-0` and so on, with `eventsEach` events each. */
export async function filledStore(streams: number, eventsEach: number): Promise<EventStore> {
  const store = await newStore();
  for (let i = 0; i < streams; i++) await store.append(`stream-${i}`, events(eventsEach, i * eventsEach));
  return store;
}

/** What the store hands to its backend for an append, made beforehand. */
export function encodedCommit(streamId: string, index: number, count: number): Commit {
  return {
    streams: [{ streamId, expectedVersion: 'any', events: encodedEvents(index, count), idsAreNew: true }],
    records: [],
    recordedAt: Date.now(),
  };
}

function encodedEvents(from: number, count: number): EncodedEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: crypto.randomUUID(),
    type: TYPE,
    schemaVersion: 1,
    data: JSON.stringify(payload(from + i)),
    metadata: '{}',
  }));
}

/** The bare loop: the JSON text of each event at the end of an array per stream, and a promise to wait for. */
export class BareLog {
  readonly streams = new Map<string, string[]>();

  append(streamId: string, payloads: readonly unknown[]): Promise<void> {
    let stream = this.streams.get(streamId);
    if (stream === undefined) this.streams.set(streamId, (stream = []));
    for (const item of payloads) stream.push(JSON.stringify(item));
    return Promise.resolve();
  }
}
