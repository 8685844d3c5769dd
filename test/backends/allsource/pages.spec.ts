/** What one page of the log costs at the most, whatever is in the store and whatever is missing from it. */
import { describe, expect, it } from 'vitest';
import type { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { Limits } from '../../../lib/core/limits.js';
import type { EventPage, LogQuery, ReadDirection } from '../../../lib/core/read-page.js';
import { commitOf } from '../../../lib/testing/contract/sample-events.js';
import { events } from '../../faults/commit-history.js';
import { FailingFileSystem } from '../../faults/failing-file-system.js';
import { openOn } from '../../faults/simulated-store.js';

const WHOLE = { after: 0, upTo: Infinity, limit: 10 } as const;

async function filled(store: AllSourceBackend, count: number): Promise<void> {
  for (let left = count; left > 0; left -= Limits.commitEventsMax) {
    await store.append(commitOf({ 's-1': events(Math.min(left, Limits.commitEventsMax)) }));
  }
}

describe.each(['forward', 'backward'] as const)('a page that is read %s', (direction: ReadDirection) => {
  it.each([
    ['in the log', false],
    ['sealed', true],
  ])('looks at a bounded number of events for what is not there, %s', async (_, isSealed) => {
    const store = await openOn(new FailingFileSystem(), { walSegmentBytes: 16 * 1024 * 1024 });
    const count = Limits.pageScanEventsMax * 2 + 1;
    await filled(store, count);
    if (isSealed) await store.compact();
    const query: LogQuery = { ...WHOLE, direction, filter: { types: new Set(['never']) } };
    const looked = Limits.pageScanEventsMax;
    const through = direction === 'forward' ? looked : count - looked + 1;
    expect(await store.readAll(query)).toEqual({ events: [], through, atEnd: false });
    await store.close();
  });

  it('steps over a gap in the positions at once', async () => {
    const files = new FailingFileSystem();
    const weak = { durability: 'interval', syncEveryMs: 1_000_000 } as const;
    const before = await openOn(files, weak);
    await filled(before, 3);
    await before.flush();
    const store = await openOn(files.afterPowerLoss('nothing'), weak);
    await filled(store, 3);
    const gap = (await store.head()) - 6;
    expect(gap).toBeGreaterThan(Limits.pageScanEventsMax * 3);
    const positions = ({ events: found }: EventPage): number[] => found.map(({ position }) => position);
    const forward = [1, 2, 3, gap + 4, gap + 5, gap + 6];
    expect(positions(await store.readAll({ ...WHOLE, direction }))).toEqual(
      direction === 'forward' ? forward : forward.toReversed(),
    );
    await store.close();
    await before.close();
  });
});
