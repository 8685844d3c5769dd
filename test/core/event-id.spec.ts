import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/core/errors/input.errors.js';
import { checkEventId, uuidV7Source } from '../../lib/core/event-id.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const millisecondsOf = (id: string): number => parseInt(id.replace('-', '').slice(0, 12), 16);

describe('uuidV7Source', () => {
  it('makes ids of version 7 and variant 2, all different, in 1e5 of one millisecond', () => {
    const next = uuidV7Source();
    const ids = Array.from({ length: 100_000 }, () => next(1_700_000_000_000));
    expect(ids.filter((id) => !UUID_V7.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map((id) => id[19]))).toEqual(new Set(['8', '9', 'a', 'b']));
    expect(() => ids.forEach((id) => checkEventId(id, 'id'))).not.toThrow();
  });

  it('puts the given milliseconds in front, so that later ids sort later', () => {
    const next = uuidV7Source();
    const times = [0, 1, 0xffff, 0x10000, 1_700_000_000_000, 1_700_000_000_001, 2 ** 48 - 1];
    const ids = times.map((time) => next(time));
    expect(ids.map(millisecondsOf)).toEqual(times);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => UUID_V7.test(id))).toBe(true);
  });

  it('follows a clock that is set back', () => {
    const next = uuidV7Source();
    expect([next(5_000), next(4_000)].map(millisecondsOf)).toEqual([5_000, 4_000]);
  });

  it('takes every random digit from the given source, and no digit twice', () => {
    let fill = 0;
    const pools: number[] = [];
    const next = uuidV7Source((bytes) => {
      pools.push(bytes.length);
      bytes.fill(fill++);
    });
    expect(next(0)).toBe('00000000-0000-7000-8000-000000000000');
    const perPool = Math.floor(((pools[0] as number) * 2) / 19);
    for (let i = 1; i < perPool; i++) next(0);
    expect(pools).toHaveLength(1);
    expect(next(0)).toBe('00000000-0000-7101-8010-101010101010');
    expect(pools).toHaveLength(2);
  });

  it('gives two sources different ids', () => {
    const fill = (bytes: Buffer): void => void randomFillSync(bytes);
    const [a, b] = [uuidV7Source(fill), uuidV7Source(fill)];
    const ids = Array.from({ length: 1_000 }, () => [a(1), b(1)]).flat();
    expect(new Set(ids).size).toBe(2_000);
  });
});

describe('checkEventId', () => {
  it.each([
    '0190B3A0-0000-7000-8000-000000000000',
    '0190b3a0-0000-7000-8000-00000000000',
    '0190b3a0-0000-7000-8000-0000000000000',
    '0190b3a000007000800000000000000',
    '{0190b3a0-0000-7000-8000-000000000000}',
    '0190b3a0-0000-7000-8000-00000000000\n',
    '0190b3a0-0000-7000-8000-000000000000\n',
    '',
    1,
    null,
    undefined,
    {},
  ])('refuses %j', (id) => {
    expect(() => checkEventId(id, 'events[3].id')).toThrow(InvalidArgumentError);
    expect(() => checkEventId(id, 'events[3].id')).toThrow(/events\[3\]\.id/);
  });

  it('accepts a UUID of any version', () => {
    expect(() => checkEventId('f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'id')).not.toThrow();
  });
});
