import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';

// There is no compiled script for a worker beside the sources, so here the store seals in this thread; test/package runs the
// sample as it is shipped, with its worker.
const directory = mkdtempSync(join(tmpdir(), 'with-allsource-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the program as `node main.js <directory>` does, and gives what it printed. */
async function run(): Promise<unknown[][]> {
  const print = vi.spyOn(console, 'log').mockReturnValue(undefined);
  const { argv } = process;
  process.argv = ['node', 'main.js', directory];
  try {
    vi.resetModules();
    await import('./main.js');
    return [...print.mock.calls];
  } finally {
    process.argv = argv;
    print.mockRestore();
  }
}

describe('02-with-allsource', () => {
  it('appends, seals, restarts, backs up, and answers SQL', async () => {
    expect(await run()).toEqual([
      ['Found 0 events'],
      ['Appended 1000 events; shared syncs: true'],
      ['Sealed through position 1000; the log holds 0 bytes'],
      ['After a restart: version 101 of sensor-3, position 1001'],
      ['The backup has 1001 events; it is the same: true'],
      [
        'Warmest:',
        [
          { stream_id: 'sensor-9', times: 100, warmest: 10 },
          { stream_id: 'sensor-8', times: 100, warmest: 9 },
        ],
      ],
    ]);
  });

  it('goes on in a directory that it has been in', async () => {
    const printed = (await run()).map(([line]) => line);
    expect(printed.slice(0, 4)).toEqual([
      'Found 1001 events',
      'Appended 1000 events; shared syncs: true',
      'Sealed through position 2001; the log holds 0 bytes',
      'After a restart: version 202 of sensor-3, position 2002',
    ]);
    expect(readdirSync(directory).toSorted()).toEqual(['backup-1001', 'backup-2002', 'data']);
  });
});
