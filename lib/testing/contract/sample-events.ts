/** Events for lines that care about places and not about content. */
import { randomUUID } from 'node:crypto';
import type { Commit, RecordChange, StreamCommit } from '../../core/commit.js';
import type { ExpectedVersion } from '../../core/expected-version.js';
import type { RecordedEvent } from '../../core/recorded-event.js';
import type { EncodedEvent, StoredEvent } from '../../core/stored-event.js';
import type { PlainEventInput } from '../../store/event-input.js';

export const newId = (): string => randomUUID();

/** An event that says its number. */
export function note(n: unknown = 0, more: Partial<PlainEventInput> = {}): PlainEventInput {
  return { type: 'noted', data: { n }, ...more };
}

/** As many of them, numbered from `from`. */
export function notes(count: number, from = 0, more: Partial<PlainEventInput> = {}): PlainEventInput[] {
  return Array.from({ length: count }, (_, i) => note(from + i, more));
}

/** As many of them with ids of their own, and the ids. */
export function notesWithIds(count: number, from = 0): { events: PlainEventInput[]; ids: string[] } {
  const ids = Array.from({ length: count }, newId);
  return { ids, events: ids.map((id, i) => note(from + i, { id })) };
}

/** The numbers that events of `note` say. */
export function numbersOf(events: readonly RecordedEvent[]): unknown[] {
  return events.map((event) => (event.data as { n: unknown }).n);
}

/** An event as plain data that can be compared, without the time. */
export function plain(event: RecordedEvent): object {
  const { id, streamId, version, position, type, schemaVersion, data, metadata } = event;
  return { id, streamId, version, position, type, schemaVersion, data, metadata };
}

/** An event as a store gives it to its backend. */
export function encoded(n: number, more: Partial<EncodedEvent> = {}): EncodedEvent {
  return {
    id: newId(),
    type: 'noted',
    schemaVersion: 1,
    data: JSON.stringify({ n }),
    metadata: '{}',
    ...more,
  };
}

/** A commit as a store gives it to its backend. */
export function commitOf(
  streams: Readonly<Record<string, readonly EncodedEvent[]>>,
  expectedVersion: ExpectedVersion = 'any',
  records: readonly RecordChange[] = [],
): Commit {
  return {
    streams: Object.entries(streams).map(([streamId, events]): StreamCommit => ({
      streamId,
      expectedVersion,
      events,
      idsAreNew: false,
    })),
    records,
    recordedAt: 1_700_000_000_000,
  };
}

/** The same numbers, of stored events. */
export function storedNumbersOf(events: readonly StoredEvent[]): unknown[] {
  return events.map((event) => (JSON.parse(event.data) as { n: unknown }).n);
}

/** Everything that an async iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
