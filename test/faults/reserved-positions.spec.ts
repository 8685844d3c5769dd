/** Modes that may lose their tail give no position away that they have not reserved. */
import { describe, expect, it, vi } from 'vitest';
import { StoreFailedError } from '../../lib/backends/allsource/allsource.errors.js';
import { encodeFrame, EVENT_BYTES_MIN, readFrameHeader } from '../../lib/backends/allsource/log/frame.js';
import { GrowingBuffer } from '../../lib/backends/allsource/log/growing-buffer.js';
import { readManifest } from '../../lib/backends/allsource/sealed/manifest.js';
import type { EncodedEvent } from '../../lib/core/stored-event.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { events } from './commit-history.js';
import { FailingFileSystem } from './failing-file-system.js';
import { DIRECTORY, openOn } from './simulated-store.js';

type Reserved = typeof import('../../lib/backends/allsource/reserved-positions.js');

/** A hundredth of what it is. */
vi.mock('../../lib/backends/allsource/reserved-positions.js', async (original) => {
  const real = await original<Reserved>();
  return {
    ...real,
    RESERVED_POSITIONS: real.RESERVED_POSITIONS / 100,
    GROUP_EVENTS_MAX: real.GROUP_EVENTS_MAX / 100,
  };
});

describe('a mode that may lose its tail', () => {
  it('reserves more than a group can use, and in time', async () => {
    const real = await vi.importActual<Reserved>('../../lib/backends/allsource/reserved-positions.js');
    expect(real.RESERVED_POSITIONS / 2).toBeGreaterThan(real.GROUP_EVENTS_MAX);
    const smallest = { ...(events(1)[0] as EncodedEvent), type: 't', data: '0', metadata: '{}' };
    const sizeOf = (count: number): number => {
      const out = new GrowingBuffer(1024);
      const place = { previousCrc: 0, epoch: 1, sequence: 1, firstPosition: 1, durableThrough: 0 };
      const commit = commitOf({ s: Array.from({ length: count }, () => smallest) });
      encodeFrame(out, commit, { ...place, streams: [{ version: 0, lastPosition: 0 }] });
      return readFrameHeader(out.bytes, 0)?.bodyBytes ?? 0;
    };
    expect(sizeOf(2) - sizeOf(1)).toBe(EVENT_BYTES_MIN);
  });

  it('takes no more commits when it cannot reserve positions for them', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files, {
      enableWal: false,
      walSegmentBytes: 2 ** 26,
      sealAfterEvents: 1e9,
      sealAfterBytes: 2 ** 40,
    });
    let fails = true;
    const mend = (): void => void (fails = false);
    files.failAt(
      ({ kind, to }) => fails && kind === 'rename' && to === DIRECTORY.manifest,
      { code: 'EIO' },
      { times: Infinity },
    );
    const full = 100;
    let stoppedAt = 0;
    for (let i = 0; i < 300 && stoppedAt === 0; i++) {
      await store.append(commitOf({ [`s-${i}`]: events(full, 1) })).catch((error: unknown) => {
        expect(error).toBeInstanceOf(StoreFailedError);
        stoppedAt = i;
      });
    }
    expect(stoppedAt).toBeGreaterThan(0);
    expect(await store.head()).toBe(stoppedAt * full);
    const { reservedThrough = 0 } = readManifest(files, DIRECTORY.manifest) ?? {};
    expect(stoppedAt * full).toBeLessThanOrEqual(reservedThrough);
    // It has asked long before, so one refusal by the disk stops nobody.
    expect(files.log.filter(({ to }) => to === DIRECTORY.manifest).length).toBeGreaterThan(10);
    // What was acknowledged can still be made durable.
    mend();
    await store.flush();
    await store.close();
    const again = await openOn(files, { enableWal: false });
    expect((await again.stats()).totalEvents).toBe(stoppedAt * full);
    await again.close();
  });
});
