import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DuplicateEventError, WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { StoreClosedError } from '../../../core/errors/store.errors.js';
import type { EventStoreBackend } from '../../../core/event-store-backend.js';
import { Limits } from '../../../core/limits.js';
import type { StoredEvent } from '../../../core/stored-event.js';
import { uuidArray } from '../binary-array.js';
import { type Database, refused } from '../database.js';
import { type CopyStreams, type PostgresClient, queryRows } from '../driver.js';
import { PostgresUnavailableError } from '../postgres.errors.js';
import { isRefusal } from '../sql-state.js';
import { copyLine } from './copy-line.js';

/**
 * How far an import is.
 * @publicApi
 */
export interface ImportReport {
  /** Events that it has copied. */
  readonly imported: number;
  /** Events that were there already, by an earlier import. */
  readonly skipped: number;
  /** The position in the source up to which everything is here. */
  readonly through: number;
}

/** Copies events from another backend, so many in a transaction, and every one only once. */
export class EventImport {
  readonly #copy: string;
  readonly #known: string;
  readonly #gap: string;
  readonly #turn: string;

  constructor(
    private readonly database: Database,
    schema: string,
    private readonly copyStreams: CopyStreams,
  ) {
    const columns = 'position, stream_id, version, id, type, schema_version, data, metadata, recorded_at';
    this.#copy = `copy ${schema}.events (${columns}) from stdin`;
    this.#known = `select id, stream_id, version from ${schema}.events where id = any($1)`;
    this.#turn = `select ${schema}.take_append_turn()`;
    // Of each stream the first one that was copied has to stand right behind what was there.
    this.#gap = `select e.stream_id, e.version - 1, coalesce((
        select p.version from ${schema}.events p where p.stream_id = e.stream_id and p.version < e.version order by p.version desc limit 1
      ), 0) as before
      from ${schema}.events e where e.position >= $1 and e.version > 1 and not exists (
        select from ${schema}.events p where p.stream_id = e.stream_id and p.version = e.version - 1
      ) order by e.position limit 1`;
  }

  async run(source: EventStoreBackend, onProgress: (report: ImportReport) => void): Promise<ImportReport> {
    let report: ImportReport = { imported: 0, skipped: 0, through: 0 };
    for await (const events of chunksOf(source)) {
      const imported = await this.#persistently(events);
      report = {
        imported: report.imported + imported,
        skipped: report.skipped + events.length - imported,
        through: events.at(-1)?.position ?? report.through,
      };
      onProgress(report);
    }
    return report;
  }

  /** Once more after a lost connection: what was copied before it is known by its ids. */
  async #persistently(events: readonly StoredEvent[]): Promise<number> {
    const deadline = this.database.deadline();
    for (;;) {
      try {
        return await this.database.withClient(
          'import',
          (client) => this.#inTransaction(client, events),
          deadline,
        );
      } catch (error) {
        if (error instanceof DuplicateEventError || error instanceof WrongExpectedVersionError) throw error;
        if (error instanceof PostgresUnavailableError || error instanceof StoreClosedError) throw error;
        if (isRefusal(error)) throw refused('import', error);
        if (!(await deadline.retry())) throw new PostgresUnavailableError('import', { cause: error });
      }
    }
  }

  async #inTransaction(client: PostgresClient, events: readonly StoredEvent[]): Promise<number> {
    await client.query({ text: 'begin isolation level read committed' });
    try {
      const imported = await this.#copyMissing(client, events);
      await client.query({ text: 'commit' });
      return imported;
    } catch (error) {
      await client.query({ text: 'rollback' }).catch(() => undefined);
      throw error;
    }
  }

  /** @returns how many were missing */
  async #copyMissing(client: PostgresClient, events: readonly StoredEvent[]): Promise<number> {
    const first = Number((await queryRows(client, this.#turn))[0]?.[0]);
    const known = await this.#knownAmong(client, events);
    const missing = events.filter(({ id }) => !known.has(id));
    if (missing.length === 0) return 0;
    const stream = this.copyStreams.from(this.#copy);
    // The driver takes such a stream for a query.
    void client.query(stream as unknown as { text: string });
    const lines = missing.map((event, i) => copyLine({ ...event, position: first + i }));
    await pipeline(Readable.from(lines), stream);
    const [gap] = await queryRows(client, this.#gap, [first]);
    if (gap === undefined) return missing.length;
    throw new WrongExpectedVersionError(gap[0] as string, Number(gap[1]), Number(gap[2]));
  }

  /** @throws DuplicateEventError if one of them stands at another place here */
  async #knownAmong(client: PostgresClient, events: readonly StoredEvent[]): Promise<ReadonlySet<string>> {
    const ids = uuidArray();
    for (const { id } of events) ids.push(id);
    const rows = await queryRows(client, this.#known, [ids.end()]);
    const places = new Map(rows.map(([id, streamId, version]) => [id, `${version}@${streamId}`]));
    const known = events.filter(({ id }) => places.has(id));
    for (const { id, streamId, version } of known) {
      if (places.get(id) !== `${version}@${streamId}`) throw new DuplicateEventError(streamId, [id]);
    }
    return new Set(known.map(({ id }) => id));
  }
}

/** The events of a backend up to its head as it is now, in pieces. */
async function* chunksOf(source: EventStoreBackend): AsyncGenerator<readonly StoredEvent[]> {
  const upTo = await source.head();
  let chunk: StoredEvent[] = [];
  let after = 0;
  for (let atEnd = upTo === 0; !atEnd;) {
    const limit = Math.min(Limits.pageEventsMax, Limits.importChunkEvents - chunk.length);
    const page = await source.readAll({ after, upTo, direction: 'forward', limit });
    chunk.push(...page.events);
    ({ atEnd, through: after } = page);
    if (chunk.length < Limits.importChunkEvents && !atEnd) continue;
    if (chunk.length > 0) yield chunk;
    chunk = [];
  }
}
