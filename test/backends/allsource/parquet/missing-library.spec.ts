/** The second codec's library is optional: without it, everything else works and the error names the remedy. */
import { expect, it, vi } from 'vitest';
import { PARQUET_CODECS } from '../../../../lib/backends/allsource/parquet/parquet-codecs.js';
import { events, newFile, segmentOf } from './segments.js';

vi.mock('parquetjs-lite', () => {
  throw Object.assign(new Error("Cannot find package 'parquetjs-lite'"), { code: 'ERR_MODULE_NOT_FOUND' });
});

it('a missing parquetjs-lite is told with what to install', async () => {
  const file = newFile();
  await expect(PARQUET_CODECS['parquetjs-lite'].create(file)).rejects.toThrow(
    'npm install parquetjs-lite@0.8',
  );
  expect(file.size()).toBe(0);
});

it('hyparquet does not need it', async () => {
  const { segment } = await segmentOf('hyparquet', events(3));
  expect(await segment.readRows(0, 3)).toEqual(events(3));
});
