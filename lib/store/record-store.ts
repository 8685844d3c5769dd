import type { RecordChange } from '../core/commit.js';
import { InvalidArgumentError, LimitExceededError } from '../core/errors/input.errors.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import { checkName, exceedsBytes } from '../core/text.js';
import { decodeJson, encodeJson } from './json-codec.js';

/**
 * A change of one keyed record.
 * @publicApi
 */
export interface RecordInput {
  readonly collection: string;
  readonly key: string;
  /** Anything with a JSON form to put; `null` deletes. */
  readonly value: unknown;
  /**
   * If present, the record must hold exactly this (`null`: must not exist), or the whole commit is refused with
   * RecordConflictError. Compared as JSON text: give what was read, members in the same order.
   */
  readonly expected?: unknown;
}

/**
 * Small keyed records that become durable and visible with a commit. Checkpoints and snapshots are records; they
 * have no position and count in no figure about events.
 * @publicApi
 */
export class RecordStore {
  constructor(
    private readonly backend: EventStoreBackend,
    private readonly commit: (records: readonly RecordChange[]) => Promise<unknown>,
    private readonly assertOpen: (operation: string) => void,
  ) {}

  /** The record's value, `null` where there is none. */
  async get(collection: string, key: string): Promise<unknown> {
    this.assertOpen('records.get');
    checkCollection(collection);
    checkKey(key);
    const text = await this.backend.readRecord(collection, key);
    return text === null ? null : decodeJson(text);
  }

  /** The records of a collection whose keys begin with `prefix`, in the order of the keys' UTF-8 bytes, page by page. */
  async *list(collection: string, prefix = ''): AsyncGenerator<{ key: string; value: unknown }> {
    checkCollection(collection);
    if (prefix !== '') checkName(prefix, 'prefix', 'recordKeyBytesMax', Limits.recordKeyBytesMax);
    let after = '';
    for (;;) {
      this.assertOpen('records.list');
      const page = await this.backend.readRecords(collection, { prefix, after, limit: Limits.pageEventsMax });
      for (const { key, value } of page) yield { key, value: decodeJson(value) };
      const last = page.at(-1);
      if (last === undefined || page.length < Limits.pageEventsMax) return;
      after = last.key;
    }
  }

  /**
   * Puts and deletes records, all of them or none.
   * @throws RecordConflictError if a record does not hold its `expected` value
   */
  async write(changes: readonly RecordInput[]): Promise<void> {
    this.assertOpen('records.write');
    if (!Array.isArray(changes)) throw new InvalidArgumentError('changes', 'an array is wanted');
    if (changes.length === 0)
      throw new InvalidArgumentError('changes', 'there are none; write at least one record, or do not call');
    await this.commit(encodeRecords(changes));
  }
}

/** @throws InvalidArgumentError, LimitExceededError, UnserialisableDataError */
export function encodeRecords(changes: readonly RecordInput[]): readonly RecordChange[] {
  if (changes.length > Limits.commitRecordsMax) {
    throw new LimitExceededError('commitRecordsMax', changes.length, Limits.commitRecordsMax, 'records');
  }
  const seen = new Set<string>();
  return changes.map(({ collection, key, value, expected }): RecordChange => {
    checkCollection(collection);
    checkKey(key);
    const place = `${collection}\0${key}`;
    if (seen.has(place)) {
      throw new InvalidArgumentError(
        'records',
        `record "${key}" of "${collection}" stands twice in one commit; change it once`,
      );
    }
    seen.add(place);
    const text = value === null ? null : encodeJson(value, `record "${key}" of "${collection}"`);
    if (text !== null && exceedsBytes(text, Limits.recordBytesMax)) {
      throw new LimitExceededError(
        'recordBytesMax',
        Buffer.byteLength(text),
        Limits.recordBytesMax,
        `record "${key}" of "${collection}"`,
      );
    }
    if (expected === undefined) return { collection, key, value: text };
    return {
      collection,
      key,
      value: text,
      expected: expected === null ? null : encodeJson(expected, 'expected'),
    };
  });
}

function checkCollection(collection: unknown): asserts collection is string {
  checkName(collection, 'collection', 'recordCollectionBytesMax', Limits.recordCollectionBytesMax);
}

function checkKey(key: unknown): asserts key is string {
  checkName(key, 'key', 'recordKeyBytesMax', Limits.recordKeyBytesMax);
}
