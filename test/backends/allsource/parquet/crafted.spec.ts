/** Files that are whole as Parquet goes, checksums included, and yet are not what a codec of ours writes. */
import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { describe, expect, it } from 'vitest';
import {
  DamagedPageError,
  DamagedSegmentError,
} from '../../../../lib/backends/allsource/parquet/damaged-segment.error.js';
import {
  CODEC_KEY,
  EVENT_COLUMNS,
  eventSchema,
} from '../../../../lib/backends/allsource/parquet/event-columns.js';
import { ParquetSegment } from '../../../../lib/backends/allsource/parquet/parquet-segment.js';
import { TextPages } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import type { StoredEvent } from '../../../../lib/core/stored-event.js';
import { changed, events, newFile } from './segments.js';

type PageHeader = Parameters<typeof writePageHeader>[1];

/** A file with one page and nothing else, and what is read from it. */
function page(body: Uint8Array, header: Partial<PageHeader>, index = 0): string {
  const writer = new ByteWriter();
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: 0,
    compressed_page_size: body.length,
    ...header,
  });
  writer.appendBytes(body);
  const bytes = writer.getBytes();
  const file = changed(newFile(), () => bytes);
  return new TextPages(file).valueAt({ offset: 0, length: bytes.length, index });
}

const v2 = {
  num_values: 2,
  num_nulls: 0,
  num_rows: 2,
  encoding: 'PLAIN',
  definition_levels_byte_length: 0,
  repetition_levels_byte_length: 0,
  is_compressed: true,
} as const;
const v1 = {
  num_values: 2,
  encoding: 'PLAIN',
  definition_level_encoding: 'RLE',
  repetition_level_encoding: 'RLE',
} as const;

/** Two values: `ab` and `é`. */
const values = Buffer.from([2, 0, 0, 0, 0x61, 0x62, 2, 0, 0, 0, 0xc3, 0xa9]);
const gzip = (bytes: Uint8Array): Buffer => gzipSync(bytes);

describe('a page', () => {
  it('of version 1 or 2, compressed or not, is read', () => {
    const uncompressed_page_size = values.length;
    const zipped = gzip(values);
    expect(page(zipped, { uncompressed_page_size, data_page_header_v2: v2 }, 1)).toBe('é');
    expect(page(zipped, { type: 'DATA_PAGE', uncompressed_page_size, data_page_header: { ...v1 } }, 1)).toBe(
      'é',
    );
    const plain = { ...v2, is_compressed: false };
    expect(page(values, { uncompressed_page_size, data_page_header_v2: plain }, 1)).toBe('é');
    expect(page(values, { uncompressed_page_size, data_page_header_v2: plain }, 0)).toBe('ab');
  });

  const bad: Readonly<Record<string, [Uint8Array, Partial<PageHeader>, string]>> = {
    'that goes on behind its last value': [
      gzip(Buffer.concat([values, Buffer.from([0])])),
      { uncompressed_page_size: 13, data_page_header_v2: v2 },
      'goes on behind its last value',
    ],
    'that ends before its last value': [
      gzip(values.subarray(0, 8)),
      { uncompressed_page_size: 8, data_page_header_v2: v2 },
      'ends before its last value',
    ],
    'that ends in its last value': [
      gzip(values.subarray(0, 11)),
      { uncompressed_page_size: 11, data_page_header_v2: v2 },
      'has a value that is longer than the page',
    ],
    'with bytes that are no UTF-8': [
      gzip(Buffer.from([2, 0, 0, 0, 0xc3, 0x28, 0, 0, 0, 0])),
      { uncompressed_page_size: 10, data_page_header_v2: v2 },
      'no UTF-8',
    ],
    'that says it is shorter than it is': [
      gzip(values),
      { uncompressed_page_size: 11, data_page_header_v2: v2 },
      'damaged',
    ],
    'that says it is longer than it is': [
      gzip(values),
      { uncompressed_page_size: 13, data_page_header_v2: v2 },
      'holds 12 bytes instead of 13',
    ],
    'that says it is absurdly long': [
      gzip(values),
      { uncompressed_page_size: 2 ** 31 - 1, data_page_header_v2: v2 },
      'cannot hold 2147483647 bytes',
    ],
    'of a negative length': [
      gzip(values),
      { uncompressed_page_size: -1, data_page_header_v2: v2 },
      'has a length that cannot be',
    ],
    'of more values than could be in it': [
      gzip(values),
      {
        uncompressed_page_size: 12,
        data_page_header_v2: { ...v2, num_values: 2 ** 31 - 1, num_rows: 2 ** 31 - 1 },
      },
      'is too short for its values',
    ],
    'that is shorter than its place': [
      Buffer.concat([gzip(values), Buffer.alloc(4)]),
      { uncompressed_page_size: 12, compressed_page_size: gzip(values).length, data_page_header_v2: v2 },
      'bytes long',
    ],
    'of no values': [
      gzip(values),
      { uncompressed_page_size: 12, data_page_header_v2: { ...v2, num_values: 0, num_rows: 0 } },
      'has a length that cannot be',
    ],
    'with nulls': [
      gzip(values),
      { uncompressed_page_size: 12, data_page_header_v2: { ...v2, num_nulls: 1 } },
      'has nulls',
    ],
    'of nested values': [
      gzip(values),
      { uncompressed_page_size: 12, data_page_header_v2: { ...v2, num_rows: 1 } },
      'has nulls',
    ],
    'with a dictionary': [
      gzip(values),
      { uncompressed_page_size: 12, data_page_header_v2: { ...v2, encoding: 'RLE_DICTIONARY' } },
      'is no data page with plain values',
    ],
    'that is a dictionary': [
      gzip(values),
      {
        type: 'DICTIONARY_PAGE',
        uncompressed_page_size: 12,
        dictionary_page_header: { num_values: 2, encoding: 'PLAIN' },
      },
      'is no data page with plain values',
    ],
    'that is not compressed, of another length than it says': [
      values,
      { uncompressed_page_size: 13, data_page_header_v2: { ...v2, is_compressed: false } },
      'has another length than its header says',
    ],
  };
  it.each(Object.entries(bad))('%s is told damaged', (_name, [body, header, says]) => {
    expect(() => page(body, header)).toThrow(DamagedPageError);
    expect(() => page(body, header)).toThrow(says);
  });
});

interface Crafted {
  readonly groups?: readonly (readonly StoredEvent[])[];
  readonly schema?: SchemaElement[];
  readonly codec?: 'GZIP' | 'SNAPPY';
  readonly key?: string;
  readonly value?: string;
}

/** A segment as hyparquet-writer writes it if nobody checks, read back. */
async function read(crafted: Crafted): Promise<StoredEvent[]> {
  const { groups = [events(4)], schema = eventSchema(), codec = 'GZIP' } = crafted;
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema,
    codec,
    compressors: { GZIP: gzip },
    kvMetadata: [{ key: crafted.key ?? CODEC_KEY, value: crafted.value ?? 'hyparquet' }],
  });
  for (const group of groups) {
    const columnData = schema.slice(1).map(({ name, type }) => {
      const field = EVENT_COLUMNS.find((column) => column.name === name)!.field;
      return { name, data: group.map((one) => (type === 'INT64' ? BigInt(one[field]) : one[field])) };
    });
    await writer.write({ columnData });
  }
  await writer.finish();
  const segment = new ParquetSegment(changed(newFile(), () => bytes.getBytes()));
  return segment.readRows(0, segment.rows);
}

describe('a file', () => {
  it('is read if it is as ours are', async () => {
    expect(await read({})).toEqual(events(4));
  });

  const [root, first, second, ...others] = eventSchema() as [SchemaElement, SchemaElement, SchemaElement];
  const swapped = [root, second, first, ...others];
  const nullable = [root, first, { ...second, repetition_type: 'OPTIONAL' as const }, ...others];
  const fewer = [{ ...root, num_children: 8 }, ...eventSchema().slice(1, 9)];
  const bad: Readonly<Record<string, [Crafted, string]>> = {
    'without our key': [{ key: 'other' }, `names no codec of ours (${CODEC_KEY})`],
    'of another codec': [{ value: 'arrow' }, 'names no codec of ours'],
    'with the columns in another order': [{ schema: swapped }, 'its columns are not those of events'],
    'with columns that may be null': [{ schema: nullable }, 'its columns are not those of events'],
    'with a column less': [{ schema: fewer }, 'its columns are not those of events'],
    'compressed otherwise': [{ codec: 'SNAPPY' }, 'the column position is not compressed by gzip'],
    'with a gap between row groups': [{ groups: [events(2), events(2, 4)] }, 'have gaps'],
    'with a gap in a row group': [{ groups: [[...events(2), ...events(1, 4)]] }, 'have gaps'],
    'with a position that is no safe integer': [
      { groups: [events(2, 2 ** 53 - 1).map((one) => ({ ...one, version: 1 }))] },
      'have gaps',
    ],
    'with row groups in another order': [{ groups: [events(2, 3), events(2)] }, 'have gaps'],
    'with rows in another order': [
      { groups: [[1, 3, 2, 4].flatMap((position) => events(1, position))] },
      'row 1 has position 3',
    ],
    'with a time that is no safe integer': [
      { groups: [[{ ...events(1)[0]!, recordedAt: 2 ** 53 }]] },
      'has a number that is no safe integer',
    ],
  };
  it.each(Object.entries(bad))('%s is refused', async (_name, [crafted, says]) => {
    await expect(read(crafted)).rejects.toThrow(DamagedSegmentError);
    await expect(read(crafted)).rejects.toThrow(says);
  });
});
