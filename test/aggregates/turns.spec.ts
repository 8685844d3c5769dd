/** Updates of one stream in one process: one after the other, as long as nobody takes too long. */
import { LimitExceededError, Limits } from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../lib/aggregates/turns.js';

interface Held {
  readonly name: string;
  readonly end: () => void;
}

describe('turns', () => {
  function told(clock = new FakeClock()) {
    const turns = new Turns(clock);
    const begun: Held[] = [];
    const take = (name: string, streamId = 's') =>
      turns.take(
        streamId,
        () => new Promise<string>((resolve) => begun.push({ name, end: () => resolve(name) })),
      );
    const names = () => begun.map(({ name }) => name);
    return { clock, begun, take, names };
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('come one after the other, in the order of asking, and other streams wait for none of them', async () => {
    const { begun, take, names } = told();
    const all = ['a', 'b', 'c'].map((name) => take(name));
    const other = take('other', 't');
    await settled();
    expect(names()).toEqual(['a', 'other']);
    begun[0]?.end();
    await settled();
    expect(names()).toEqual(['a', 'other', 'b']);
    begun[2]?.end();
    await settled();
    for (const { end } of begun) end();
    expect(await Promise.all([...all, other])).toEqual(['a', 'b', 'c', 'other']);
    // Nothing is left behind of it.
    void take('later');
    await settled();
    expect(names()).toContain('later');
  });

  it('pass on after a failure', async () => {
    const turns = new Turns(new FakeClock());
    const failed = turns.take('s', () => Promise.reject(new Error('no')));
    const next = turns.take('s', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('pass on after their time, once, whoever still works', async () => {
    const { clock, begun, take, names } = told();
    for (const name of ['a', 'b', 'c', 'd']) void take(name);
    await settled();
    await clock.advance(Limits.updateTurnMs - 1);
    await settled();
    expect(names()).toEqual(['a']);
    await clock.advance(1);
    await settled();
    expect(names()).toEqual(['a', 'b']);
    // The turn is b's: that a ends late gives it to nobody else.
    begun[0]?.end();
    await settled();
    expect(names()).toEqual(['a', 'b']);
    begun[1]?.end();
    await settled();
    expect(names()).toEqual(['a', 'b', 'c']);
    await clock.advance(Limits.updateTurnMs);
    await settled();
    expect(names()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('refuse more than may wait', async () => {
    const { take } = told();
    for (let n = 0; n <= Limits.updatesWaitingMax; n++) void take('one');
    const refused = await take('one more').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LimitExceededError);
    expect(refused).toMatchObject({ limit: 'updatesWaitingMax', value: Limits.updatesWaitingMax + 1 });
  });
});
