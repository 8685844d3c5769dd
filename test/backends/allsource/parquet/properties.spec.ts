/** What chance makes of events comes back from both codecs, by row and by address. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextPages } from '../../../../lib/backends/allsource/parquet/text-pages.js';
import type { StoredEvent } from '../../../../lib/core/stored-event.js';
import { seed, seeded } from '../../../store/seed.js';
import { allAddresses, CODECS, segmentOf } from './segments.js';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '{}', '\uFEFF', '\0'),
  fc.string({ unit: 'grapheme', minLength: 200, maxLength: 3_000 }),
);
const int32 = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const content = fc.record({
  streamId: text,
  version: int32,
  id: fc.uuid(),
  type: fc.constantFrom('a', 'b', 'order.placed'),
  schemaVersion: int32,
  recordedAt: fc.oneof(
    fc.maxSafeNat(),
    fc.integer({ min: -8_640_000_000_000_000, max: 0 }),
    fc.integer({ min: 1_760_000_000_000, max: 1_760_000_100_000 }),
  ),
  data: text,
  metadata: text,
});
const groups = fc
  .tuple(
    fc.integer({ min: 0, max: 2 ** 40 }),
    fc.array(fc.array(content, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 }),
  )
  .map(([start, parts]) => {
    let position = start;
    return parts.map((part) => part.map((one): StoredEvent => ({ ...one, position: position++ })));
  });

describe.each(CODECS)('any events in a segment by %s', (codec) => {
  it(seeded('come back equal'), async () => {
    await fc.assert(
      fc.asyncProperty(groups, async (given) => {
        const { file, segment } = await segmentOf(codec, ...given);
        const all = given.flat();
        expect(await segment.readRows(0, segment.rows)).toEqual(all);
        const pages = new TextPages(file);
        const { data, metadata } = allAddresses(segment);
        expect(data.map((address) => pages.valueAt(address))).toEqual(all.map((one) => one.data));
        expect(metadata.map((address) => pages.valueAt(address))).toEqual(all.map((one) => one.metadata));
      }),
      { seed, numRuns: 60 },
    );
  });
});
