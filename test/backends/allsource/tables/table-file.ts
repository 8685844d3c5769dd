/** Sorted tables for tests: written at once, and opened with a cache. */
import { MemoryFileSystem } from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { ByteCache } from '../../../../lib/backends/allsource/tables/byte-cache.js';
import { openSortedTable, type SortedTable } from '../../../../lib/backends/allsource/tables/sorted-table.js';
import {
  type SortedTableSummary,
  SortedTableWriter,
} from '../../../../lib/backends/allsource/tables/sorted-table-writer.js';
import type { TableBlock } from '../../../../lib/backends/allsource/tables/table-block.js';

export type Entries = readonly (readonly [key: string, value: string])[];

export function writeTable(files: MemoryFileSystem, path: string, entries: Entries): SortedTableSummary {
  const file = files.open(path, 'create');
  const writer = new SortedTableWriter(file);
  for (const [key, value] of entries) writer.add(key, Buffer.from(value));
  const summary = writer.finish();
  file.close();
  return summary;
}

/** A table of these bytes. */
export function openBytes(bytes: Uint8Array): SortedTable {
  const files = new MemoryFileSystem();
  files.open('/table', 'create').write(bytes, 0, bytes.length, 0);
  return openSortedTable(files, '/table', newCache());
}

export function newCache(bytesMax = 1024 * 1024): ByteCache<TableBlock> {
  return new ByteCache<TableBlock>(bytesMax);
}

export function bytesOf(files: MemoryFileSystem, path: string): Buffer {
  const file = files.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

export function textsOf(table: SortedTable, from?: string): [string, string][] {
  return Array.from(table.entries(from), ({ key, value }) => [key, value.toString()]);
}
