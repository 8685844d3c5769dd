import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteCache } from '../../../../lib/backends/allsource/tables/byte-cache.js';
import { seed, seeded } from '../../../store/seed.js';

describe('ByteCache', () => {
  const [one, two] = [{ name: 'one' }, { name: 'two' }];

  it('forgets what was longest unused when its budget is spent', () => {
    const cache = new ByteCache<string>(30);
    for (const id of [1, 2, 3]) cache.put(one, id, `value ${id}`, 10);
    expect(cache.get(one, 1)).toBe('value 1');
    cache.put(two, 2, 'other', 10);
    expect([1, 2, 3].map((id) => cache.get(one, id))).toEqual(['value 1', undefined, 'value 3']);
    expect(cache.get(two, 2)).toBe('other');
    expect(cache.bytes).toBe(30);
  });

  it('forgets what belongs to one owner, and no more', () => {
    const cache = new ByteCache<string>(100);
    for (const id of [1, 2]) {
      cache.put(one, id, 'one', 10);
      cache.put(two, id, 'two', 10);
    }
    cache.deleteOwner(one);
    cache.deleteOwner({});
    expect([cache.get(one, 1), cache.get(one, 2), cache.get(two, 1)]).toEqual([undefined, undefined, 'two']);
    expect(cache.bytes).toBe(20);
  });

  it('does not empty itself for what is larger than all of it', () => {
    const cache = new ByteCache<string>(30);
    cache.put(one, 1, 'small', 10);
    cache.put(one, 2, 'large', 31);
    expect([cache.get(one, 1), cache.get(one, 2), cache.bytes]).toEqual(['small', undefined, 10]);
    cache.put(one, 1, 'grown', 31);
    expect([cache.get(one, 1), cache.bytes]).toEqual([undefined, 0]);
    expect(new ByteCache<string>(0).get(one, 1)).toBeUndefined();
  });

  it(seeded('does as a list in the order of use'), () => {
    const act = fc.record({
      what: fc.constantFrom('get', 'get', 'put', 'put', 'put', 'delete'),
      owner: fc.constantFrom(one, two),
      id: fc.nat(5),
      bytes: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const cache = new ByteCache<number>(30);
        let list: { owner: object; id: number; value: number; bytes: number }[] = [];
        for (const [value, { what, owner, id, bytes }] of acts.entries()) {
          const known = list.find((slot) => slot.owner === owner && slot.id === id);
          if (what === 'get') {
            expect(cache.get(owner, id)).toBe(known?.value);
            if (known) list = [...list.filter((slot) => slot !== known), known];
          } else if (what === 'put') {
            cache.put(owner, id, value, bytes);
            list = [...list.filter((slot) => slot !== known), { owner, id, value, bytes }];
            while (list.reduce((sum, slot) => sum + slot.bytes, 0) > 30) list.shift();
          } else {
            cache.deleteOwner(owner);
            list = list.filter((slot) => slot.owner !== owner);
          }
          expect(cache.bytes).toBe(list.reduce((sum, slot) => sum + slot.bytes, 0));
        }
      }),
      { seed, numRuns: 500 },
    );
  });
});
