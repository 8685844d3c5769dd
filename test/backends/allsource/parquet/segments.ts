/** Events and segment files for the tests of this room. Files lie in a directory of their own, removed after each test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import { NodeFileSystem } from '../../../../lib/backends/allsource/files/node-file-system.js';
import type { ParquetCodecName } from '../../../../lib/backends/allsource/parquet/parquet-codec.js';
import { PARQUET_CODECS } from '../../../../lib/backends/allsource/parquet/parquet-codecs.js';
import { ParquetSegment } from '../../../../lib/backends/allsource/parquet/parquet-segment.js';
import type { PageAddress } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import type { StoredEvent } from '../../../../lib/core/stored-event.js';

export const CODECS: readonly ParquetCodecName[] = ['hyparquet', 'parquetjs-lite'];

const fileSystem = new NodeFileSystem();
const directories: string[] = [];
const files: OpenFile[] = [];

afterEach(() => {
  for (const file of files.splice(0)) file.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A new file with nothing in it. */
export function newFile(): OpenFile {
  const directory = mkdtempSync(join(tmpdir(), 'allframe-parquet-'));
  directories.push(directory);
  return keepTrack(fileSystem.open(join(directory, '1.parquet'), 'create'));
}

/** The same file, opened as sealed segments are. */
export function openedToRead(file: OpenFile): OpenFile {
  return keepTrack(fileSystem.open(file.path, 'read'));
}

/** A file that holds what another one holds, changed. */
export function changed(file: OpenFile, change: (bytes: Buffer) => Uint8Array): OpenFile {
  const copy = newFile();
  writeFileSync(copy.path, change(readFileSync(file.path)));
  return copy;
}

function keepTrack(file: OpenFile): OpenFile {
  files.push(file);
  return file;
}

/** A finished segment with these row groups. */
export async function segmentOf(
  codec: ParquetCodecName,
  ...groups: readonly (readonly StoredEvent[])[]
): Promise<{ readonly file: OpenFile; readonly segment: ParquetSegment }> {
  const file = newFile();
  const writer = await PARQUET_CODECS[codec].create(file);
  for (const group of groups) await writer.write(group);
  await writer.finish();
  return { file, segment: new ParquetSegment(file) };
}

/** Where the texts of all rows lie, by row. */
export function allAddresses(segment: ParquetSegment): {
  readonly data: readonly PageAddress[];
  readonly metadata: readonly PageAddress[];
} {
  const addresses = segment.rowGroups().map((_, index) => segment.addressesOf(index));
  return {
    data: addresses.flatMap(({ data }) => data),
    metadata: addresses.flatMap(({ metadata }) => metadata),
  };
}

export function event(position: number, given: Partial<StoredEvent> = {}): StoredEvent {
  return {
    position,
    streamId: `order-${position % 7}`,
    version: position,
    id: `00000000-0000-4000-8000-${String(position).padStart(12, '0')}`,
    type: position % 3 === 0 ? 'order.paid' : 'order.placed',
    schemaVersion: 1 + (position % 2),
    recordedAt: 1_760_000_000_000 + position,
    data: `{"order":${position},"note":"${'n'.repeat(Math.abs(Math.trunc(position)) % 90)}"}`,
    metadata: `{"user":"u${position % 11}"}`,
    ...given,
  };
}

export function events(count: number, from = 1): StoredEvent[] {
  return Array.from({ length: count }, (_, index) => event(from + index));
}
