/**
 * Segments written by parquetjs-lite, for those whose tools expect its files: an optional peer, several times slower, not
 * developed since 2020. It rounds and repeats where it is not watched, so values are checked before and calls are serialised
 * (CheckedSegmentWriter), and its column index, which other readers reject, is left out.
 */
import { Buffer } from 'node:buffer';
import type { StoredEvent } from '../../../core/stored-event.js';
import type { OpenFile } from '../files/file-system.js';
import { CheckedSegmentWriter, type SegmentEncoder } from './checked-segment-writer.js';
import { CODEC_KEY, EVENT_COLUMNS, PAGE_BYTES, type EventColumn } from './event-columns.js';
import type { ParquetCodec, SegmentWriter } from './parquet-codec.js';

/** What is used of the library, which has no types of its own. */
interface ParquetjsLite {
  readonly ParquetSchema: new (columns: Readonly<Record<string, object>>) => object;
  readonly ParquetEnvelopeWriter: new (
    schema: object,
    write: (bytes: Uint8Array) => Promise<void>,
    close: () => Promise<void>,
    offset: number,
    options: typeof OPTIONS,
  ) => EnvelopeWriter;
  readonly ParquetWriter: new (
    schema: object,
    envelope: EnvelopeWriter,
    options: typeof OPTIONS,
  ) => RowWriter;
}

interface EnvelopeWriter {
  /** In rows, whatever the name says: a page ends with the row that makes it this long. */
  setPageSize(rows: number): void;
}

interface RowWriter {
  setRowGroupSize(rows: number): void;
  setMetadata(key: string, value: string): void;
  appendRow(row: Readonly<Record<string, string | number | Date>>): Promise<void>;
  close(): Promise<void>;
}

const OPTIONS = { useDataPageV2: false, pageIndex: false };

/** A `string`, because the compiler would look for types, which the package does not have. */
const PACKAGE: string = 'parquetjs-lite';

export class ParquetjsLiteCodec implements ParquetCodec {
  readonly name = 'parquetjs-lite';

  async create(file: OpenFile): Promise<SegmentWriter> {
    return new CheckedSegmentWriter(file.path, new ParquetjsLiteEncoder(file, await loadLibrary()));
  }
}

async function loadLibrary(): Promise<ParquetjsLite> {
  try {
    const loaded = (await import(PACKAGE)) as Partial<ParquetjsLite> & { readonly default?: ParquetjsLite };
    // It is CommonJS: `import()` puts it under `default`, except where our own code has been compiled to `require()`.
    return loaded.default ?? (loaded as ParquetjsLite);
  } catch (cause) {
    const remedy = 'npm install parquetjs-lite@0.8';
    throw new Error(`The package of the codec 'parquetjs-lite' could not be loaded: ${remedy}`, { cause });
  }
}

class ParquetjsLiteEncoder implements SegmentEncoder {
  readonly #envelope: EnvelopeWriter;
  readonly #rows: RowWriter;
  #offset = 0;
  /** What went wrong at a write, kept because the library does not wait for all of them. */
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly file: OpenFile,
    { ParquetSchema, ParquetEnvelopeWriter, ParquetWriter }: ParquetjsLite,
  ) {
    const schema = new ParquetSchema(
      Object.fromEntries(EVENT_COLUMNS.map((column) => [column.name, columnOptions(column)])),
    );
    const write = (bytes: Uint8Array): Promise<void> => {
      this.#write(bytes);
      return Promise.resolve();
    };
    this.#envelope = new ParquetEnvelopeWriter(schema, write, () => Promise.resolve(), 0, OPTIONS);
    this.#rows = new ParquetWriter(schema, this.#envelope, OPTIONS);
    this.#rows.setMetadata(CODEC_KEY, 'parquetjs-lite');
  }

  async encode(events: readonly StoredEvent[]): Promise<void> {
    this.#rows.setRowGroupSize(events.length);
    let pageBytes = 0;
    for (const [index, event] of events.entries()) {
      // The library counts rows; pages of a certain size are had by telling it after which row to stop.
      pageBytes += rowBytes(event);
      const next = events[index + 1];
      const full = next === undefined || pageBytes + rowBytes(next) >= PAGE_BYTES;
      this.#envelope.setPageSize(full ? 1 : Number.POSITIVE_INFINITY);
      if (full) pageBytes = 0;
      await this.#byLibrary(() => this.#rows.appendRow(row(event)));
    }
  }

  end(): Promise<void> {
    return this.#byLibrary(() => this.#rows.close());
  }

  #write(bytes: Uint8Array): void {
    if (this.#failure) return;
    try {
      this.file.write(bytes, 0, bytes.length, this.#offset);
      this.#offset += bytes.length;
    } catch (error) {
      this.#failure = { error };
    }
  }

  async #byLibrary(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The library throws strings.
      throw error instanceof Error ? error : new Error(`parquetjs-lite: ${String(error)}`);
    }
    if (this.#failure) throw this.#failure.error;
  }
}

function columnOptions({ kind, statistics }: EventColumn): object {
  const types = { int64: 'INT64', int32: 'INT32', timestamp: 'TIMESTAMP_MILLIS', text: 'UTF8' } as const;
  return { type: types[kind], compression: 'GZIP', encoding: 'PLAIN', statistics };
}

function row(event: StoredEvent): Readonly<Record<string, string | number | Date>> {
  return Object.fromEntries(
    EVENT_COLUMNS.map(({ name, field, kind }) => {
      const value = event[field];
      // As a number, a time before 1970 would be refused.
      return [name, kind === 'timestamp' && Number(value) < 0 ? new Date(value) : value];
    }),
  );
}

/** The pages of all columns end together, so the one that is the longest decides. */
function rowBytes({ data, metadata }: StoredEvent): number {
  return Math.max(Buffer.byteLength(data), Buffer.byteLength(metadata), 8);
}
