/** A command id is handled at most once, whatever happens around it: on memory, where each case can be arranged. */
import { type AllFrameError, InMemoryBackend } from '@allframe/nestjs';
import { describe, expect, it } from 'vitest';
import { busOf, EmptyPurse, FillPurse, Free, OpenPurse } from './bank.js';
import { openStore } from './open-store.js';

const event = (n: number) => ({ type: 'done', data: { n } });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: AllFrameError) => error.code,
  );

describe('a command id, of an aggregate', () => {
  it('is handled once, and answered the same again', async () => {
    const store = await openStore();
    const bus = busOf(store);
    const command = new OpenPurse('1', 'Ada');
    expect(await bus.execute(command, { commandId: 'a' })).toEqual({ owner: 'Ada' });
    expect(await bus.execute(command, { commandId: 'a' })).toEqual({ owner: 'Ada' });
    expect(await store.getEvents('purse-1')).toHaveLength(1);
  });

  it('gives the result of the append again, with its position', async () => {
    const store = await openStore();
    const bus = busOf(store);
    await store.append('other', [event(1)]);
    const first = await bus.execute(new FillPurse('1', 5), { commandId: 'a' });
    expect(first).toEqual({
      streamId: 'purse-1',
      fromVersion: 1,
      version: 1,
      position: 2,
      idempotent: false,
    });
    await store.append('other', [event(2)]);
    expect(await bus.execute(new FillPurse('1', 5), { commandId: 'a' })).toEqual({
      ...first,
      idempotent: true,
    });
  });

  it('is shared by callers at the same time', async () => {
    const store = await openStore();
    const bus = busOf(store);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => bus.execute(new FillPurse('1', 5), { commandId: 'a' })),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await store.getEvents('purse-1')).toHaveLength(1);
  });

  it('is shared by callers of several processes at the same time', async () => {
    const backend = new InMemoryBackend();
    const buses = await Promise.all(Array.from({ length: 10 }, async () => busOf(await openStore(backend))));
    const answers = await Promise.all(
      buses.flatMap((bus) =>
        Array.from({ length: 10 }, () => bus.execute(new OpenPurse('1', 'Ada'), { commandId: 'a' })),
      ),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, () => ({ owner: 'Ada' })));
    expect(await (await openStore(backend)).getEvents('purse-1')).toHaveLength(1);
  });

  it('is remembered also where nothing was decided', async () => {
    const store = await openStore();
    const bus = busOf(store);
    expect(await bus.execute(new FillPurse('1', 0), { commandId: 'a' })).toBeNull();
    expect(await bus.execute(new FillPurse('1', 0), { commandId: 'a' })).toBeNull();
    expect(await codeOf(bus.execute(new FillPurse('1', 9), { commandId: 'a' }))).toBe(
      'IdempotencyConflictError',
    );
  });

  it('is free again after a refusal', async () => {
    const store = await openStore();
    const bus = busOf(store);
    await bus.execute(new OpenPurse('1', 'Ada'));
    expect(await codeOf(bus.execute(new EmptyPurse('1'), { commandId: 'a' }))).toBe('PurseEmptyError');
    await bus.execute(new FillPurse('1', 5));
    await bus.execute(new EmptyPurse('1'), { commandId: 'a' });
    expect(await codeOf(bus.execute(new EmptyPurse('2'), { commandId: 'b' }))).toBe('AggregateNotFoundError');
  });
});

describe('a command id, of a handler that appends', () => {
  it('is handled once, and answered the same again', async () => {
    const store = await openStore();
    const bus = busOf(store, async ({ text }) => {
      await store.append('s', [event(1)]);
      return { text, at: new Date(0) };
    });
    const answer = { text: 'x', at: '1970-01-01T00:00:00.000Z' };
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toEqual(answer);
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toEqual(answer);
    expect(await store.getEvents('s')).toHaveLength(1);
  });

  it('refuses a second append', async () => {
    const store = await openStore();
    const bus = busOf(store, async () => {
      await store.append('s', [event(1)]);
      await store.append('t', [event(2)]);
    });
    expect(await codeOf(bus.execute(new Free('x'), { commandId: 'a' }))).toBe('SecondAppendError');
    expect(await store.getEvents('t')).toEqual([]);
    expect(await codeOf(bus.execute(new Free('x'), { commandId: 'a' }))).toBe('CommandResultLostError');
    expect(await store.getEvents('s')).toHaveLength(1);
  });
});
