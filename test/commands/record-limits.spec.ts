/** What the record of a command can hold, and what becomes of the rest. */
import { type CommandResultLostError, EventStore, InMemoryBackend, Limits } from '@allframe/nestjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { busOf, Free } from './bank.js';
import { failureOf } from './failure.js';
import { openStore } from './open-store.js';

const EVENT = { type: 'done', data: {} };

describe('the record of a command', () => {
  it('that cannot hold the answer says that it is lost, and lets nobody wait for it', async () => {
    const reports: string[] = [];
    const logger = { warn: () => undefined, error: (message: string) => void reports.push(message) };
    // Time stands still: whoever waited would wait for ever.
    const store = await EventStore.open(new InMemoryBackend(), { clock: new FakeClock(), logger });
    onTestFinished(() => store.close());
    const large = 'x'.repeat(Limits.recordBytesMax);
    const bus = busOf(store, async () => {
      await store.append('s', [EVENT]);
      return large;
    });
    expect(await bus.execute(new Free('x'), { commandId: 'a' })).toBe(large);
    expect(reports).toEqual([expect.stringContaining('could not be recorded')]);
    expect(await failureOf(bus.execute(new Free('x'), { commandId: 'a' }))).toMatchObject({
      code: 'CommandResultLostError',
      appends: [{ streamId: 's', events: 1 }],
    });
    expect(await store.head()).toBe(1);
  });

  it('names the first appends of very many, and counts them all', async () => {
    const store = await openStore();
    const appends = Limits.commandAppendsKeptMax + 50;
    const stream = (n: number): string => `${'s'.repeat(500)}${n}`;
    const bus = busOf(
      store,
      async () => {
        for (let n = 0; n < appends; n++) await store.append(stream(n), [EVENT]);
        throw new RangeError('late');
      },
      { severalAppends: true },
    );
    expect(await failureOf(bus.execute(new Free('x'), { commandId: 'a' }))).toBeInstanceOf(RangeError);
    const lost = await failureOf(bus.execute(new Free('x'), { commandId: 'a' }));
    expect(lost).toMatchObject({ code: 'CommandResultLostError', appendCount: appends });
    const { appends: told } = lost as CommandResultLostError;
    expect(told.map(({ streamId }) => streamId)).toEqual(
      Array.from({ length: Limits.commandAppendsKeptMax }, (_, n) => stream(n)),
    );
    expect(lost.message).toContain('and 145 more');
  });
});

describe('a command with an id whose contents have no JSON form', () => {
  it('is refused in the words of its schema, or else by what it has', async () => {
    const store = await openStore();
    const schema = z.object({ text: z.string() });
    const wrong = new Free(Number.NaN as never);
    const bus = busOf(store, undefined, { schema });
    expect(await failureOf(bus.execute(wrong, { commandId: 'a' }))).toMatchObject({
      code: 'CommandValidationError',
      issues: [{ path: 'text' }],
    });
    expect(await failureOf(busOf(store).execute(wrong, { commandId: 'a' }))).toMatchObject({
      code: 'UnserialisableDataError',
    });
  });
});
