/** Closing a store waits for no long work: what can be done again is given up. */
import { describe, expect, it } from 'vitest';
import type { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { StoreCorruptedError } from '../../../lib/backends/allsource/allsource.errors.js';
import { StoreClosedError } from '../../../lib/core/errors/store.errors.js';
import { commitOf } from '../../../lib/testing/contract/sample-events.js';
import { events, eventsOf } from '../../faults/commit-history.js';
import { FailingFileSystem } from '../../faults/failing-file-system.js';
import { openOn } from '../../faults/simulated-store.js';

const SEGMENTS = 8;
const COPY = '/copy';

/** Sealed segments that are not merged, and something in the log. */
async function filled(files: FailingFileSystem): Promise<AllSourceBackend> {
  const store = await openOn(files, { mergeFanIn: 100 });
  for (let i = 0; i < SEGMENTS; i++) {
    await store.append(commitOf({ 's-1': events(10) }));
    await store.flush();
  }
  await store.append(commitOf({ 's-1': events(10) }));
  return store;
}

/** The sealed files that are read from now on. */
function watched(files: FailingFileSystem): ReadonlySet<string> {
  const read = new Set<string>();
  files.readFailure = (path) => {
    if (path.endsWith('.parquet')) read.add(path);
    return undefined;
  };
  return read;
}

describe('closing', () => {
  it('gives up a verification', async () => {
    const files = new FailingFileSystem();
    const store = await filled(files);
    const read = watched(files);
    const verified = store.verify().catch((error: unknown) => error);
    await store.close();
    expect(await verified).toBeInstanceOf(StoreClosedError);
    expect(read.size).toBeLessThan(SEGMENTS);
  });

  it('gives up a backup, which is told to whoever opens it', async () => {
    const files = new FailingFileSystem();
    const store = await filled(files);
    const read = watched(files);
    const backedUp = store.backup(COPY).catch((error: unknown) => error);
    await store.close();
    expect(await backedUp).toBeInstanceOf(StoreClosedError);
    expect(read.size).toBeLessThan(SEGMENTS);
    const opened = await openOn(files, { persistencePath: COPY }).catch((error: unknown) => error);
    expect(opened).toBeInstanceOf(StoreCorruptedError);
    expect((opened as Error).message).toContain('backup that was never finished');
    // The store itself has lost nothing.
    const again = await openOn(files);
    expect(await eventsOf(again)).toHaveLength((SEGMENTS + 1) * 10);
    await again.close();
  });
});
