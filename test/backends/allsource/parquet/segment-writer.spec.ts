/** What a writer refuses, in which order it works, and what it does after a failure; with both codecs. */
import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import { PARQUET_CODECS } from '../../../../lib/backends/allsource/parquet/parquet-codecs.js';
import { ParquetSegment } from '../../../../lib/backends/allsource/parquet/parquet-segment.js';
import type { StoredEvent } from '../../../../lib/core/stored-event.js';
import { CODECS, event, events, newFile } from './segments.js';

const refused: Readonly<Record<string, [StoredEvent[], string]>> = {
  'no events': [[], 'A row group holds 1 to 5120 events, not 0'],
  'more events than a row group holds': [events(5_121), 'not 5121'],
  'a gap': [[event(1), event(3)], 'position 3 where 2 was due'],
  'a position twice': [[event(1), event(1)], 'position 1 where 2 was due'],
  'a position that is no safe integer': [
    [event(2 ** 53)],
    'position of the event at position 9007199254740992',
  ],
  'a position that is no integer': [[event(1.5)], 'is 1.5, no integer'],
  'a position below 0': [[event(-1)], 'is -1, no integer from 0'],
  'a version of 2^31': [[event(1, { version: 2 ** 31 })], 'version of the event at position 1 is 2147483648'],
  'a version that is no number': [[event(1, { version: '1' as unknown as number })], 'is 1, no integer'],
  'a schema version of 2^31': [[event(1, { schemaVersion: 2 ** 31 })], 'schemaVersion of the event'],
  'a time that is no safe integer': [[event(1, { recordedAt: 2 ** 53 })], 'recordedAt of the event'],
  'a time that is no number': [[event(1, { recordedAt: Number.NaN })], 'is NaN, no integer'],
  'a time before all dates': [[event(1, { recordedAt: -8.64e15 - 1 })], 'recordedAt of the event'],
  'half a surrogate pair': [
    [event(1, { data: '"\ud800"' })],
    'data of the event at position 1 has half a surrogate',
  ],
  'half a pair as a stream': [
    [event(1, { streamId: '\udc00' })],
    'streamId of the event at position 1 has half',
  ],
  'what is no text': [
    [event(1, { metadata: undefined as unknown as string })],
    'metadata of the event at position 1',
  ],
};

describe.each(CODECS)('a writer of %s', (codec) => {
  it.each(Object.entries(refused))('refuses %s, and goes on', async (_name, [bad, says]) => {
    const file = newFile();
    const writer = await PARQUET_CODECS[codec].create(file);
    await expect(writer.write(bad)).rejects.toThrow(says);
    await expect(writer.write(bad)).rejects.toBeInstanceOf(RangeError);
    await writer.write(events(2));
    await writer.finish();
    expect(await new ParquetSegment(file).readRows(0, 2)).toEqual(events(2));
  });

  it('refuses a row group that does not go on where the last one ended', async () => {
    const writer = await PARQUET_CODECS[codec].create(newFile());
    await writer.write(events(2));
    await expect(writer.write(events(2, 4))).rejects.toThrow('position 4 where 3 was due');
    await expect(writer.write(events(2))).rejects.toThrow('position 1 where 3 was due');
    await writer.write(events(2, 3));
  });

  it('writes each event once, though nobody waits for the calls', async () => {
    const file = newFile();
    const writer = await PARQUET_CODECS[codec].create(file);
    const calls = [0, 1, 2, 3, 4].map((index) => writer.write(events(100, 1 + 100 * index)));
    await Promise.all([...calls, writer.finish()]);
    const segment = new ParquetSegment(file);
    expect(segment.rowGroups().map(({ rows }) => rows)).toEqual([100, 100, 100, 100, 100]);
    expect(await segment.readRows(0, 500)).toEqual(events(500));
  });

  it('is done when it is finished', async () => {
    const file = newFile();
    const writer = await PARQUET_CODECS[codec].create(file);
    await writer.finish();
    await expect(writer.write(events(1))).rejects.toThrow(`The segment ${file.path} is finished`);
    await expect(writer.finish()).rejects.toThrow('is finished');
  });

  // The first write of parquetjs-lite is one that it does not wait for.
  it.each([1, 2])('tells of the failure of write %i, and stops', async (failing) => {
    const file = newFile();
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    let writes = 0;
    const failingFile: OpenFile = {
      path: file.path,
      size: () => file.size(),
      read: (...args) => file.read(...args),
      write: (...args) => {
        if (++writes === failing) throw full;
        file.write(...args);
      },
      sync: () => expect.fail('a writer does not sync'),
      writeOnThread: (...args) => file.writeOnThread(...args),
      syncOnThread: () => expect.fail('a writer does not sync'),
      close: () => expect.fail('a writer does not close'),
    };
    const writer = await PARQUET_CODECS[codec].create(failingFile);
    // Large enough that hyparquet's buffer has to be emptied several times.
    const group = events(40).map((one, index) => ({ ...one, data: noise(index) }));
    await expect(writer.write(group)).rejects.toBe(full);
    await expect(writer.write(events(1, 41))).rejects.toThrow('is broken: begin a new one');
    await expect(writer.finish()).rejects.toThrow('is broken');
  });
});

/** 128 KB that gzip cannot shrink much, always the same. */
function noise(from: number): string {
  let state = from + 1;
  return Array.from({ length: 2 ** 14 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(36).padStart(8, '0');
  }).join('');
}
