/** What is written comes back, column by column and text by text, from the files of both codecs. */
import { readFileSync } from 'node:fs';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ParquetSegment } from '../../../../lib/backends/allsource/parquet/parquet-segment.js';
import { TextPages } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import { allAddresses, CODECS, event, events, openedToRead, segmentOf } from './segments.js';

const oddTexts: Readonly<Record<string, string>> = {
  'an empty object': '{}',
  'no text at all': '',
  'U+FEFF first': '\uFEFF{"a":"\uFEFF"}',
  'emoji and other planes': '{"a":"👩‍👩‍👧‍👦 𝒳 \u{10FFFF}"}',
  'a NUL, escaped and raw': '{"a":"\\u0000","b":"\0"}',
  'half a surrogate pair, escaped': '{"a":"\\ud800"}',
  'line ends of all kinds': '"\r\n\u2028\u2029\u0085"',
  'a number that a double cannot say': '12345678901234567890.000000000000000001',
  'spaces that JSON would drop': ' { "b" : 1 , "a" : 2 , "a" : 3 } ',
  '1 MiB': `"${'é'.repeat(2 ** 19)}"`,
};

describe.each(CODECS)('a segment by %s', (codec) => {
  it('gives every column back', async () => {
    const given = events(100, 41);
    const { segment } = await segmentOf(codec, given);
    expect(segment.codec).toBe(codec);
    expect(segment.rows).toBe(100);
    expect(segment.firstPosition).toBe(41);
    expect(await segment.readRows(0, 100)).toEqual(given);
  });

  it.each(Object.entries(oddTexts))('keeps %s as it is', async (_name, text) => {
    const given = [
      event(1),
      event(2, { data: text, metadata: text }),
      event(3, { streamId: text, type: text, id: text }),
      event(4),
    ];
    const { file, segment } = await segmentOf(codec, given);
    expect(await segment.readRows(0, 4)).toEqual(given);
    const pages = new TextPages(file);
    const { data, metadata } = allAddresses(segment);
    expect(pages.valueAt(data[1]!)).toBe(text);
    expect(pages.valueAt(metadata[1]!)).toBe(text);
  });

  it('keeps the numbers at the edges', async () => {
    const edge = Number.MAX_SAFE_INTEGER;
    const given = [
      event(edge - 2, { version: 0, schemaVersion: 0, recordedAt: 0 }),
      event(edge - 1, { version: 2 ** 31 - 1, schemaVersion: 2 ** 31 - 1, recordedAt: edge }),
      event(edge, { version: 1, schemaVersion: 1, recordedAt: -8.64e15 }),
    ];
    const { segment } = await segmentOf(codec, given);
    expect(await segment.readRows(0, 3)).toEqual(given);
  });

  it('keeps long runs of the same and of nothing but different values', async () => {
    const same = Array.from({ length: 3_000 }, (_, i) => ({ ...event(7), position: i + 1 }));
    const different = Array.from({ length: 3_000 }, (_, i) =>
      event(3_001 + i, { streamId: `s${i}`, type: `t${i}`, schemaVersion: i, version: 3_000 - i }),
    );
    const { segment } = await segmentOf(codec, same, different);
    expect(await segment.readRows(0, 6_000)).toEqual([...same, ...different]);
  });

  it.each([1, 2, 5_119, 5_120])('holds a row group of %i events', async (count) => {
    const { segment } = await segmentOf(codec, events(count));
    expect(segment.rowGroups()).toEqual([{ firstRow: 0, rows: count }]);
    expect(await segment.readRows(0, count)).toEqual(events(count));
  });

  it('holds 5,121 events in two row groups', async () => {
    const { segment } = await segmentOf(codec, events(5_120), events(1, 5_121));
    expect(segment.rowGroups()).toEqual([
      { firstRow: 0, rows: 5_120 },
      { firstRow: 5_120, rows: 1 },
    ]);
    expect(await segment.readRows(5_119, 5_121)).toEqual(events(2, 5_120));
  });

  it('reads any part, over row groups of any size', async () => {
    const { segment } = await segmentOf(codec, events(3), events(1, 4), events(50, 5));
    const all = events(54);
    for (let from = 0; from <= 6; from++) {
      for (const to of [from, from + 1, 10, 54]) {
        if (to >= from) expect(await segment.readRows(from, to)).toEqual(all.slice(from, to));
      }
    }
    await expect(segment.readRows(0, 55)).rejects.toThrow('has 54 rows, and no rows 0 to 55');
    await expect(segment.readRows(-1, 2)).rejects.toThrow(RangeError);
    await expect(segment.readRows(2, 1)).rejects.toThrow(RangeError);
    await expect(segment.readRows(0.5, 2)).rejects.toThrow(RangeError);
    expect(() => segment.addressesOf(3)).toThrow('has 3 row groups, and no row group 3');
  });

  it('may hold nothing', async () => {
    const { segment } = await segmentOf(codec);
    expect([segment.rows, segment.rowGroups(), segment.firstPosition]).toEqual([0, [], undefined]);
    expect(await segment.readRows(0, 0)).toEqual([]);
  });

  it('finds the text of every row by its address', async () => {
    const given = events(5_120).map((one, index) =>
      // Long ones among them, so that pages of one value and of many stand side by side.
      index % 500 === 0 ? { ...one, data: `"${'x'.repeat(9_000 + index)}"` } : one,
    );
    const { file, segment } = await segmentOf(codec, given, events(700, 5_121));
    const { data, metadata } = allAddresses(segment);
    const pages = new TextPages(file);
    const read = await segment.readRows(0, segment.rows);
    expect(data.map((address) => pages.valueAt(address))).toEqual(read.map((one) => one.data));
    expect(metadata.map((address) => pages.valueAt(address))).toEqual(read.map((one) => one.metadata));
    expect(new Set(data.map(({ offset }) => offset)).size).toBeGreaterThan(50);
  });

  it('has pages of about 4 KB, so that little is read for one event', async () => {
    const { segment } = await segmentOf(
      codec,
      events(5_120).map((one) => ({ ...one, data: `"${'d'.repeat(200)}"` })),
    );
    const { data } = allAddresses(segment);
    expect(Math.max(...data.map(({ index }) => index)) + 1).toBeLessThanOrEqual(4_096 / 200);
  });

  it('is a file that any reader understands', async () => {
    const { file } = await segmentOf(codec, events(20));
    const { buffer, byteOffset, byteLength } = readFileSync(file.path);
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
    const rows = await parquetReadObjects({
      file: bytes,
      compressors: { GZIP: (page: Uint8Array) => gunzipSync(page) },
    });
    expect(rows).toEqual(
      events(20).map((one) => ({
        position: BigInt(one.position),
        stream_id: one.streamId,
        version: one.version,
        event_id: one.id,
        event_type: one.type,
        schema_version: one.schemaVersion,
        recorded_at: new Date(one.recordedAt),
        data: one.data,
        metadata: one.metadata,
      })),
    );
    const { schema, row_groups } = parquetMetadata(bytes);
    expect(schema.slice(1).every((column) => column.repetition_type === 'REQUIRED')).toBe(true);
    expect(schema[7]).toMatchObject({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' });
    const withStatistics = row_groups[0]?.columns.flatMap(({ meta_data }) =>
      meta_data?.statistics?.min_value === undefined ? [] : meta_data.path_in_schema,
    );
    expect(withStatistics).toEqual(['position', 'version', 'recorded_at']);
  });
});

describe('what only hyparquet writes', () => {
  it('says that times are UTC, and where the pages of the texts are', async () => {
    const { file, segment } = await segmentOf('hyparquet', events(5_120));
    const { schema, row_groups } = parquetMetadata(new Uint8Array(readFileSync(file.path)));
    expect(schema[7]?.logical_type).toEqual({ type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' });
    const indexed = row_groups[0]?.columns.flatMap((chunk) =>
      chunk.offset_index_offset === undefined ? [] : chunk.meta_data?.path_in_schema,
    );
    expect(indexed).toEqual(['data', 'metadata']);
    expect(segment.rows).toBe(5_120);
  });

  it('is read as well without an offset index, as when a column has one page', async () => {
    const { file, segment } = await segmentOf('hyparquet', events(1));
    const [group] = parquetMetadata(new Uint8Array(readFileSync(file.path))).row_groups;
    expect(group?.columns[7]?.offset_index_offset).toBeUndefined();
    expect(new TextPages(file).valueAt(allAddresses(segment).data[0]!)).toBe(event(1).data);
  });
});

it('a segment is read by who opened the file only for reading, too', async () => {
  const { file } = await segmentOf('hyparquet', events(3));
  const opened = openedToRead(file);
  const segment = new ParquetSegment(opened);
  expect(await segment.readRows(0, 3)).toEqual(events(3));
  expect(new TextPages(opened).valueAt(allAddresses(segment).metadata[2]!)).toBe(events(3)[2]!.metadata);
});
