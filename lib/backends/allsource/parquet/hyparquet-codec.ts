/** Segments written by hyparquet-writer: no dependencies, no native code, and the fastest of the JavaScript writers. */
import type { Encoding } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { StoredEvent } from '../../../core/stored-event.js';
import type { OpenFile } from '../files/file-system.js';
import { CheckedSegmentWriter, type SegmentEncoder } from './checked-segment-writer.js';
import {
  CODEC_KEY,
  EVENT_COLUMNS,
  eventSchema,
  PAGE_BYTES,
  ROW_GROUP_EVENTS_MAX,
  type EventColumn,
} from './event-columns.js';
import { compressPage } from './gzip-page.js';
import type { ParquetCodec, SegmentWriter } from './parquet-codec.js';

/** How much is collected before it is written to the file. */
const BUFFER_BYTES = 1 << 20;

export class HyparquetCodec implements ParquetCodec {
  readonly name = 'hyparquet';

  create(file: OpenFile): Promise<SegmentWriter> {
    return Promise.resolve(new CheckedSegmentWriter(file.path, new HyparquetEncoder(file)));
  }
}

class HyparquetEncoder implements SegmentEncoder {
  readonly #writer: ParquetWriter;

  constructor(file: OpenFile) {
    this.#writer = new ParquetWriter({
      writer: new FileWriter(file),
      schema: eventSchema(),
      codec: 'GZIP',
      compressors: { GZIP: compressPage },
      kvMetadata: [{ key: CODEC_KEY, value: 'hyparquet' }],
    });
  }

  encode(events: readonly StoredEvent[]): void | Promise<void> {
    return this.#writer.write({
      columnData: EVENT_COLUMNS.map((column) => ({
        name: column.name,
        data: columnValues(column, events),
        statistics: column.statistics,
        // Others can fetch single values through it; we keep the addresses in our own index.
        offsetIndex: column.name === 'data' || column.name === 'metadata',
        ...encodingOf(column),
      })),
      rowGroupSize: ROW_GROUP_EVENTS_MAX,
      pageSize: PAGE_BYTES,
    });
  }

  end(): void | Promise<void> {
    return this.#writer.finish();
  }
}

/** Where nothing is said, the library looks whether a dictionary pays. */
function encodingOf(column: EventColumn): { readonly encoding?: Encoding } {
  if (column.kind === 'text') return column.plain ? { encoding: 'PLAIN' } : {};
  // Numbers that rise steadily shrink to next to nothing.
  return column.kind === 'int32' ? {} : { encoding: 'DELTA_BINARY_PACKED' };
}

function columnValues(column: EventColumn, events: readonly StoredEvent[]): (string | number | bigint)[] {
  switch (column.kind) {
    case 'text':
    case 'int32':
      return events.map((event) => event[column.field]);
    case 'int64':
    case 'timestamp':
      return events.map((event) => BigInt(event[column.field]));
  }
}

/** The library's buffer, emptied into the file. `offset` counts all bytes, `index` those still in the buffer. */
class FileWriter extends ByteWriter {
  constructor(private readonly file: OpenFile) {
    super(2 * BUFFER_BYTES);
  }

  override ensure(size: number): void {
    if (this.index >= BUFFER_BYTES) this.flush();
    super.ensure(size);
  }

  flush(): void {
    const length = this.index;
    this.index = 0;
    if (length > 0) this.file.write(new Uint8Array(this.buffer), 0, length, this.offset - length);
  }

  override finish(): void {
    this.flush();
  }
}
