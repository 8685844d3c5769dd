import type { KeyedRecord } from '../../../core/commit.js';
import type { EventPage, LogQuery, StreamQuery } from '../../../core/read-page.js';
import type { Read } from '../database.js';
import { type Totals, totalsOf } from './statistics.js';
import { logPage, logPageQuery, logPageValues } from './log-pages.js';
import { keyedRecords, recordPageQuery, recordPageValues, recordQuery, type RecordQuery } from './records.js';
import { streamPage, streamPageQuery, streamPageValues } from './stream-pages.js';

/** What can be read of a store, over whichever connections. */
export class StoreReads {
  constructor(
    private readonly read: Read,
    private readonly schema: string,
  ) {}

  async readStream(query: StreamQuery): Promise<EventPage> {
    const text = streamPageQuery(this.schema, query);
    return streamPage(query, await this.read('readStream', text, streamPageValues(query)));
  }

  async readAll(query: LogQuery): Promise<EventPage> {
    return logPage(query, await this.read('readAll', logPageQuery(this.schema, query), logPageValues(query)));
  }

  async head(): Promise<number> {
    const [row] = await this.read('head', `select ${this.schema}.last_position()`);
    return Number(row?.[0]);
  }

  async readRecord(collection: string, key: string): Promise<string | null> {
    const [row] = await this.read('readRecord', recordQuery(this.schema), [collection, key]);
    return row?.[0] ?? null;
  }

  async readRecords(collection: string, query: RecordQuery): Promise<readonly KeyedRecord[]> {
    const text = recordPageQuery(this.schema);
    return keyedRecords(await this.read('readRecords', text, recordPageValues(collection, query)));
  }

  totals(): Promise<Totals> {
    return totalsOf(this.read, this.schema);
  }
}
