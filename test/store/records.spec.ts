/** Keyed records and what stands on them: compare-and-set, paging, checkpoints with owners. */
import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  CheckpointFencedError,
  InMemoryBackend,
  Limits,
  RecordConflictError,
} from '@allframe/nestjs';
import { numbered, openStore } from './bank.js';
import { turns } from './gate.js';
import { ScriptedBackend } from './scripted-backend.js';
import { seededRandom, seeded } from './seed.js';

describe('records', () => {
  it('come back as they were put, any JSON there is', async () => {
    const store = await openStore();
    const values: unknown[] = [
      0,
      '',
      false,
      [],
      {},
      'null',
      [null],
      JSON.parse('{"__proto__":1}'),
      '\ud800\0',
      { a: { b: [1] } },
    ];
    await store.records.write(values.map((value, i) => ({ collection: 'c', key: `k${i}`, value })));
    for (const [i, value] of values.entries())
      expect(await store.records.get('c', `k${i}`)).toStrictEqual(value);
    expect(await store.records.get('c', 'unknown')).toBeNull();
    expect(await store.records.get('unknown', 'k0')).toBeNull();
    expect(await store.stats()).toMatchObject({ totalEvents: 0, totalAggregates: 0, totalSnapshots: 0 });
    expect(await store.head()).toBe(0);
  });

  it('are deleted by null, and deleting what is not there is no error', async () => {
    const store = await openStore();
    await store.records.write([{ collection: 'c', key: 'k', value: 1 }]);
    await store.records.write([
      { collection: 'c', key: 'k', value: null },
      { collection: 'c', key: 'never', value: null },
    ]);
    expect(await store.records.get('c', 'k')).toBeNull();
    expect(await listed(store.records.list('c'))).toEqual([]);
  });

  it('what a reader does to a value changes nobody else’s', async () => {
    const store = await openStore();
    const value = { list: [1] };
    await store.records.write([{ collection: 'c', key: 'k', value }]);
    value.list.push(2);
    ((await store.records.get('c', 'k')) as typeof value).list.push(3);
    expect(await store.records.get('c', 'k')).toEqual({ list: [1] });
  });

  it.each([
    ['another value', { a: 2 }],
    ['a value with its members in another order', { b: 1, a: 1 }],
    ['the record’s absence', null],
  ])('that should hold %s conflict, and nothing of the commit is written', async (_, expected) => {
    const store = await openStore();
    await store.records.write([{ collection: 'c', key: 'k', value: { a: 1, b: 1 } }]);
    const records = [
      { collection: 'c', key: 'other', value: 1 },
      { collection: 'c', key: 'k', value: { a: 9 }, expected },
    ];
    const appends = [{ streamId: 's', events: numbered(2) }];
    const conflict = { code: 'RecordConflictError', collection: 'c', key: 'k' };
    await expect(store.records.write(records)).rejects.toMatchObject(conflict);
    await expect(store.appendAll(appends, { records })).rejects.toMatchObject(conflict);
    expect(await store.records.get('c', 'other')).toBeNull();
    expect(await store.records.get('c', 'k')).toEqual({ a: 1, b: 1 });
    expect(await store.getAllEvents()).toEqual([]);
    expect(await store.append('s', numbered(1))).toMatchObject({ version: 1, position: 1 });
  });

  it('of N writers with the same expectation exactly one gets through', async () => {
    const store = await openStore();
    for (const expected of [null, { n: 0 }]) {
      const writes = Array.from({ length: 20 }, (_, i) =>
        store.records.write([{ collection: 'c', key: 'k', value: { n: 0, by: i }, expected }]),
      );
      const outcomes = await Promise.allSettled(writes);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(RecordConflictError);
      await store.records.write([{ collection: 'c', key: 'k', value: { n: 0 } }]);
    }
  });

  it('commit with events: both, or neither after a version conflict', async () => {
    const store = await openStore();
    const records = [{ collection: 'c', key: 'k', value: 1 }];
    await store.appendAll([{ streamId: 's', events: numbered(1) }], { records });
    expect(await store.records.get('c', 'k')).toBe(1);
    const stale = [{ streamId: 's', events: numbered(1), expectedVersion: 0 }];
    await expect(
      store.appendAll(stale, { records: [{ collection: 'c', key: 'k', value: 2 }] }),
    ).rejects.toThrow(/version 1/);
    expect(await store.records.get('c', 'k')).toBe(1);
  });

  it('a repeated append writes no records a second time', async () => {
    const store = await openStore();
    const events = [{ type: 'a', data: 1, id: '0190b3a0-0000-7000-8000-00000000000a' }];
    const append = (value: number): Promise<readonly { idempotent: boolean }[]> =>
      store.appendAll([{ streamId: 's', events }], { records: [{ collection: 'c', key: 'k', value }] });
    expect(await append(1)).toMatchObject([{ idempotent: false }]);
    expect(await append(2)).toMatchObject([{ idempotent: true }]);
    expect(await store.records.get('c', 'k')).toBe(1);
  });

  it.each([511, 512, 513, 1_024, 1_300])(
    '%d of them are listed page by page, each once, in the order of their keys',
    async (count) => {
      const backend = new ScriptedBackend();
      const store = await openStore(backend);
      const keys = Array.from({ length: count }, (_, i) => keyAt(i));
      const shuffled = [...keys].reverse();
      await store.records.write([
        ...shuffled.map((key) => ({ collection: 'c', key, value: key })),
        { collection: 'd', key: 'k', value: 0 },
      ]);
      expect(await listed(store.records.list('c'))).toEqual(keys);
      expect(backend.count('readRecords')).toBe(Math.floor(count / Limits.pageEventsMax) + 1);
      for await (const { key, value } of store.records.list('c')) expect(value).toBe(key);
    },
  );

  it(seeded('are listed by prefix in the order of UTF-8 bytes, beyond U+FFFF too'), async () => {
    const store = await openStore();
    const random = seededRandom();
    const letters = ['a', 'b', '\u007f', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '😁', '\u{10ffff}'];
    const letter = (): string => letters[Math.floor(random() * letters.length)] as string;
    const keys = [
      ...new Set(
        Array.from(
          { length: 700 },
          () => letter() + (random() < 0.7 ? letter() : '') + (random() < 0.7 ? letter() : ''),
        ),
      ),
    ];
    await store.records.write(keys.map((key) => ({ collection: 'c', key, value: key })));
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await listed(store.records.list('c'))).toEqual(sorted);
    for (const prefix of [...letters, 'ab', '😀a', '\uffff\uffff', 'zzz'])
      expect(await listed(store.records.list('c', prefix))).toEqual(
        sorted.filter((key) => key.startsWith(prefix)),
      );
  });

  it.each([
    ['a lone surrogate', '\ud83d'],
    ['a NUL', 'a\0'],
    ['1,025 bytes', 'x'.repeat(1_025)],
  ])('a prefix that no key can have is refused: %s', async (_, prefix) => {
    const store = await openStore();
    await expect(listed(store.records.list('c', prefix))).rejects.toThrow(/^prefix/);
  });

  it('a list survives what is written meanwhile, and one that is left early asks for no more', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    const put = (from: number, count: number): Promise<void> =>
      store.records.write(
        Array.from({ length: count }, (_, i) => ({ collection: 'c', key: `k${from + i}`, value: 0 })),
      );
    await put(10_000, 1_200);
    const seen: string[] = [];
    for await (const { key } of store.records.list('c')) {
      seen.push(key);
      if (seen.length === 100) await store.records.write([{ collection: 'c', key: 'k11000', value: null }]);
      if (seen.length === 200) await put(20_000, 10);
    }
    expect(seen).toHaveLength(1_200 - 1 + 10);
    expect(new Set(seen).size).toBe(seen.length);
    backend.calls.length = 0;
    for await (const _ of store.records.list('c')) break;
    expect(backend.count('readRecords')).toBe(1);
  });

  /** Keys in order, each third one beginning a group of which the others are longer. */
  function keyAt(i: number): string {
    return `k${String(Math.floor(i / 3)).padStart(5, '0')}${'ab'.slice(0, i % 3)}`;
  }

  async function listed(records: AsyncIterable<{ key: string }>): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of records) keys.push(key);
    return keys;
  }
});

describe('checkpoints', () => {
  it('begin at 0, move, and are read back from the same backend', async () => {
    const backend = new InMemoryBackend();
    const { checkpoints } = await openStore(backend);
    expect(await checkpoints.load('r')).toEqual({ position: 0, epoch: 0 });
    let mine = await checkpoints.claim('r');
    expect(mine).toEqual({ position: 0, epoch: 1 });
    for (const to of [5, 6, 100, 7]) mine = await checkpoints.advance('r', mine, to);
    expect(await (await openStore(backend)).checkpoints.load('r')).toEqual({ position: 7, epoch: 1 });
    expect(await checkpoints.load('r2')).toEqual({ position: 0, epoch: 0 });
  });

  it('may be kept without an owner: load and advance are enough', async () => {
    const { checkpoints } = await openStore();
    let from = await checkpoints.load('r');
    for (const to of [5, 6, 7]) from = await checkpoints.advance('r', from, to);
    expect(await checkpoints.load('r')).toEqual({ position: 7, epoch: 0 });
    expect(await checkpoints.claim('r')).toEqual({ position: 7, epoch: 1 });
    await expect(checkpoints.advance('r', from, 8)).rejects.toThrow(CheckpointFencedError);
  });

  it('a stalled old owner cannot write, whatever it believes', async () => {
    const { checkpoints } = await openStore();
    const old = await checkpoints.advance('r', await checkpoints.claim('r'), 10);
    const taken = await checkpoints.claim('r');
    expect(taken).toEqual({ position: 10, epoch: 2 });
    const fenced = {
      code: 'CheckpointFencedError',
      reader: 'r',
      epoch: 1,
      cause: expect.any(RecordConflictError) as Error,
    };
    await expect(checkpoints.advance('r', old, 11)).rejects.toMatchObject(fenced);
    expect(await checkpoints.advance('r', taken, 12)).toEqual({ position: 12, epoch: 2 });
    await expect(checkpoints.advance('r', old, 11)).rejects.toMatchObject(fenced);
    await expect(checkpoints.advance('r', { position: 12, epoch: 1 }, 13)).rejects.toMatchObject(fenced);
    expect(await checkpoints.load('r')).toEqual({ position: 12, epoch: 2 });
  });

  it('of many that claim at once each takes it over from the one before, and the last one owns it', async () => {
    const backend = new ScriptedBackend();
    const { checkpoints } = await openStore(backend);
    // Each reads before the first one writes.
    backend.before = (operation) => (operation === 'append' ? turns(2) : undefined);
    const claims = await Promise.all(Array.from({ length: 10 }, () => checkpoints.claim('r')));
    claims.sort((a, b) => a.epoch - b.epoch);
    expect(claims).toEqual(claims.map((_, i) => ({ position: 0, epoch: i + 1 })));
    const owner = claims.pop() as Checkpoint;
    for (const old of claims)
      await expect(checkpoints.advance('r', old, 5)).rejects.toThrow(CheckpointFencedError);
    expect(await checkpoints.advance('r', owner, 7)).toEqual({ position: 7, epoch: 10 });
  });

  it('of too many that claim at once some give up, and none of those owns it', async () => {
    const backend = new ScriptedBackend();
    const { checkpoints } = await openStore(backend);
    backend.before = (operation) => (operation === 'append' ? turns(1) : undefined);
    const count = Limits.checkpointClaimAttemptsMax + 4;
    const claims = await Promise.allSettled(Array.from({ length: count }, () => checkpoints.claim('r')));
    for (const claim of claims)
      if (claim.status === 'rejected') expect(claim.reason).toBeInstanceOf(CheckpointFencedError);
    const owners = claims.filter(({ status }) => status === 'fulfilled');
    expect(owners.length).toBeGreaterThanOrEqual(Limits.checkpointClaimAttemptsMax);
    expect(owners.length).toBeLessThan(count);
    expect(await checkpoints.load('r')).toEqual({ position: 0, epoch: owners.length });
  });

  it('pass other faults of the store on', async () => {
    const backend = new ScriptedBackend();
    const { checkpoints } = await openStore(backend);
    const fault = new Error('disk');
    backend.failNext('append', fault);
    await expect(checkpoints.claim('r')).rejects.toBe(fault);
    backend.failNext('readRecord', fault);
    await expect(checkpoints.load('r')).rejects.toBe(fault);
  });
});
