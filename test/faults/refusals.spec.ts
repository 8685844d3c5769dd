/** A refusal says what is true: also when the commit that it was decided against never became durable. */
import { describe, expect, it } from 'vitest';
import { DiskFullError } from '../../lib/backends/allsource/allsource.errors.js';
import { WrongExpectedVersionError } from '../../lib/core/errors/append.errors.js';
import { EventStore } from '../../lib/store/event-store.js';
import { FailingFileSystem } from './failing-file-system.js';
import { backendOn } from './simulated-store.js';

const note = (n: number) => [{ type: 'noted', data: { n } }];

describe('of two appends to a new stream', () => {
  it('the second one goes through where the first one met a full disk', async () => {
    const files = new FailingFileSystem();
    const store = await EventStore.open(backendOn(files));
    files.failAt(({ kind, path }) => kind === 'write' && path.endsWith('.wal'), { code: 'ENOSPC' });
    const [first, second] = await Promise.allSettled([
      store.append('s', note(1), { expectedVersion: 'noStream' }),
      store.append('s', note(2), { expectedVersion: 'noStream' }),
    ]);
    expect((first as PromiseRejectedResult).reason).toBeInstanceOf(DiskFullError);
    expect(second).toMatchObject({ status: 'fulfilled', value: { version: 1 } });
    expect((await store.getEvents('s')).map(({ data }) => data)).toEqual([{ n: 2 }]);
    await store.close();
  });

  it('the second one is refused where the first one went through, and says what can be read', async () => {
    const store = await EventStore.open(backendOn(new FailingFileSystem()));
    const [first, second] = await Promise.allSettled([
      store.append('s', note(1), { expectedVersion: 'noStream' }),
      store.append('s', note(2), { expectedVersion: 'noStream' }),
    ]);
    expect(first.status).toBe('fulfilled');
    const { reason } = second as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(WrongExpectedVersionError);
    expect((reason as WrongExpectedVersionError).actual).toBe(1);
    await store.close();
  });

  it('a record is compared in the same way', async () => {
    const files = new FailingFileSystem();
    const store = await EventStore.open(backendOn(files));
    files.failAt(({ kind, path }) => kind === 'write' && path.endsWith('.wal'), { code: 'ENOSPC' });
    const write = (value: number) =>
      store.records.write([{ collection: 'c', key: 'k', value, expected: null }]);
    const [first, second] = await Promise.allSettled([write(1), write(2)]);
    expect((first as PromiseRejectedResult).reason).toBeInstanceOf(DiskFullError);
    expect(second.status).toBe('fulfilled');
    expect(await store.records.get('c', 'k')).toBe(2);
    await store.close();
  });
});
