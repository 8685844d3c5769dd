import type { RecordChange, StreamCommit } from '../core/commit.js';
import { LimitExceededError } from '../core/errors/input.errors.js';
import { Limits } from '../core/limits.js';
import { BYTES_PER_UNIT_MAX } from '../core/text.js';

/** @throws LimitExceededError if the JSON of a commit's events and records together is more than a commit may hold. */
export function assertCommitSize(streams: readonly StreamCommit[], records: readonly RecordChange[]): void {
  if (sizeOf(streams, records, (text) => text.length) * BYTES_PER_UNIT_MAX <= Limits.commitBytesMax) return;
  const bytes = sizeOf(streams, records, (text) => Buffer.byteLength(text));
  if (bytes > Limits.commitBytesMax) {
    throw new LimitExceededError('commitBytesMax', bytes, Limits.commitBytesMax, 'the commit');
  }
}

function sizeOf(
  streams: readonly StreamCommit[],
  records: readonly RecordChange[],
  measure: (text: string) => number,
): number {
  let size = 0;
  for (const { events } of streams)
    for (const { data, metadata } of events) size += measure(data) + measure(metadata);
  for (const { value } of records) if (value !== null) size += measure(value);
  return size;
}
