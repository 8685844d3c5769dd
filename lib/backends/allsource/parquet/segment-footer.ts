/**
 * The footer of a segment: what the file holds and where. It is believed only after everything that is used later has
 * been checked against our own columns and the size of the file, so that damage is told here and not met in the middle.
 */
import { parquetMetadata, type ColumnChunk, type RowGroup, type SchemaElement } from 'hyparquet';
import type { OpenFile } from '../files/file-system.js';
import { DamagedSegmentError } from './damaged-segment.error.js';
import { CODEC_KEY, eventSchema, ROW_GROUP_EVENTS_MAX } from './event-columns.js';
import type { ParquetCodecName } from './parquet-codec.js';

export interface SegmentFooter {
  readonly codec: ParquetCodecName;
  readonly rows: number;
  /** The position of row 0; `undefined` where there are no rows. */
  readonly firstPosition: number | undefined;
  readonly groups: readonly SegmentGroup[];
}

export interface SegmentGroup extends ByteRange {
  readonly firstRow: number;
  readonly rows: number;
  readonly data: ByteRange;
  readonly metadata: ByteRange;
  /** As hyparquet wants it, to read the group. */
  readonly parquet: RowGroup;
}

/** From `start` up to `end`, which is the first byte behind. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const MAGIC = 0x31524150; // 'PAR1'
const MAGIC_BYTES = 4;
/** The length of the metadata and the second `PAR1`. */
const TAIL_BYTES = 8;

/** @throws DamagedSegmentError */
export function readFooter(file: OpenFile): SegmentFooter {
  const size = file.size();
  if (size < MAGIC_BYTES + TAIL_BYTES)
    throw new DamagedSegmentError(file.path, `it ends after ${size} bytes`);
  const head = readRange(file, { start: 0, end: MAGIC_BYTES });
  const tail = new DataView(readRange(file, { start: size - TAIL_BYTES, end: size }));
  if (new DataView(head).getUint32(0, true) !== MAGIC || tail.getUint32(4, true) !== MAGIC) {
    throw new DamagedSegmentError(file.path, 'it does not start and end like a Parquet file');
  }
  const start = size - TAIL_BYTES - tail.getUint32(0, true);
  if (start < MAGIC_BYTES) throw new DamagedSegmentError(file.path, 'its footer is longer than the file');
  const bytes = readRange(file, { start, end: size });
  try {
    return parseFooter(bytes, start);
  } catch (cause) {
    throw new DamagedSegmentError(file.path, cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  }
}

/** @throws DamagedSegmentError if the file is shorter; what the file system throws is passed on. */
export function readRange(file: OpenFile, { start, end }: ByteRange): ArrayBuffer {
  const bytes = new Uint8Array(end - start);
  const read = file.read(bytes, 0, bytes.length, start);
  if (read !== bytes.length) throw new DamagedSegmentError(file.path, `it ends at byte ${start + read}`);
  return bytes.buffer;
}

function parseFooter(bytes: ArrayBuffer, footerStart: number): SegmentFooter {
  const metadata = parquetMetadata(bytes, {
    geoparquet: false,
    parsers: { timestampFromMilliseconds: Number },
  });
  const codec = codecName(metadata.key_value_metadata?.find(({ key }) => key === CODEC_KEY)?.value);
  const [, ...columns] = eventSchema();
  checkSchema(metadata.schema, columns);
  let rows = 0;
  const groups = metadata.row_groups.map((parquet) => {
    const group = readGroup(parquet, columns, rows, footerStart);
    rows += group.rows;
    return group;
  });
  if (rows !== Number(metadata.num_rows)) throw new Error('its row groups do not add up');
  const firstPosition = groups[0] && Number(positions(groups[0].parquet)?.min_value);
  for (const group of groups) checkPositions(group, firstPosition);
  return { codec, rows, firstPosition, groups };
}

function codecName(value: string | undefined): ParquetCodecName {
  if (value === 'hyparquet' || value === 'parquetjs-lite') return value;
  throw new Error(`its footer names no codec of ours (${CODEC_KEY})`);
}

function checkSchema([, ...given]: readonly SchemaElement[], columns: readonly SchemaElement[]): void {
  const same = columns.every(({ name, type, repetition_type, converted_type }, index) => {
    const column = given[index];
    if (column?.name !== name || column.type !== type) return false;
    return column.repetition_type === repetition_type && column.converted_type === converted_type;
  });
  if (!same || given.length !== columns.length) throw new Error('its columns are not those of events');
}

function readGroup(
  parquet: RowGroup,
  columns: readonly SchemaElement[],
  firstRow: number,
  footerStart: number,
): SegmentGroup {
  const rows = Number(parquet.num_rows);
  if (!(rows >= 1 && rows <= ROW_GROUP_EVENTS_MAX)) throw new Error(`a row group has ${rows} rows`);
  if (parquet.columns.length !== columns.length) throw new Error('a row group lacks columns');
  let behind = MAGIC_BYTES;
  const chunks = columns.map((column, index) => {
    const chunk = chunkRange(parquet.columns[index], column, rows);
    if (chunk.start < behind || chunk.end > footerStart) {
      throw new Error(`the column ${column.name} of a row group cannot be where the footer says`);
    }
    behind = chunk.end;
    return chunk;
  });
  const [first, data, metadata] = [chunks[0], chunks.at(-2), chunks.at(-1)];
  if (!first || !data || !metadata) throw new Error('a row group lacks columns');
  return { firstRow, rows, start: first.start, end: metadata.end, data, metadata, parquet };
}

function chunkRange(chunk: ColumnChunk | undefined, { name, type }: SchemaElement, rows: number): ByteRange {
  const meta = chunk?.meta_data;
  if (meta?.path_in_schema[0] !== name || meta.type !== type || Number(meta.num_values) !== rows) {
    throw new Error(`a row group lacks the column ${name}`);
  }
  if (meta.codec !== 'GZIP') throw new Error(`the column ${name} is not compressed by gzip`);
  const start = Number(meta.dictionary_page_offset ?? meta.data_page_offset);
  const end = start + Number(meta.total_compressed_size);
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start < end) return { start, end };
  throw new Error(`the column ${name} of a row group cannot be where the footer says`);
}

function checkPositions({ firstRow, rows, parquet }: SegmentGroup, firstPosition: number | undefined): void {
  const first = (firstPosition ?? Number.NaN) + firstRow;
  const statistics = positions(parquet);
  const last = first + rows - 1;
  const right = Number(statistics?.min_value) === first && Number(statistics?.max_value) === last;
  if (!right || !Number.isSafeInteger(last)) throw new Error('the positions of its row groups have gaps');
}

function positions(
  group: RowGroup,
): { readonly min_value?: unknown; readonly max_value?: unknown } | undefined {
  return group.columns[0]?.meta_data?.statistics;
}
