import { Limits, ProjectionBlockedError, ProjectionStoppedError } from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.js';
import { openStore } from '../store/bank.js';
import { gate } from '../store/gate.js';
import { Reports } from '../store/reports.js';
import { projection, running } from './hand-made.js';

describe('a projection', () => {
  it('stands behind the events that it leaves out before the one it is blocked at', async () => {
    const [clock, logger] = [new FakeClock(), new Reports()];
    const store = await openStore(undefined, { clock, logger });
    const other = { type: 'other', data: 0 };
    await store.append('s', [other, other, other, { type: 'poison', data: 0 }]);
    const registry = running(
      store,
      projection(
        'p',
        () => {
          throw new Error('broken');
        },
        { types: ['poison'] },
      ),
    );
    while (registry.status('p').state === 'running') await clock.advance(Limits.handlerRetryDelayMaxMs);
    expect(registry.status('p')).toMatchObject({ state: 'blocked', position: 3 });
    await registry.waitFor('p', 3);
    await expect(registry.waitFor('p', 4)).rejects.toBeInstanceOf(ProjectionBlockedError);
  });

  it('counts as stopped once the shutdown does not wait for its handler any longer', async () => {
    const store = await openStore();
    const [begun, held] = [gate(), gate()];
    const registry = running(
      store,
      projection('p', async () => {
        begun.open();
        await held.opened;
      }),
    );
    await store.append('s', [
      { type: 'noted', data: 1 },
      { type: 'noted', data: 2 },
    ]);
    await eventually(() => expect(registry.status('p').state).toBe('running'));
    const waiting = expect(registry.waitFor('p', 2)).rejects.toBeInstanceOf(ProjectionStoppedError);
    registry.abandon();
    await waiting;
    await expect(registry.waitFor('p', 2)).rejects.toBeInstanceOf(ProjectionStoppedError);
    expect(registry.status('p').state).toBe('stopped');
    held.open();
  });

  it('takes over from one that starts at the same time, as if it had started later', async () => {
    const store = await openStore();
    const claims = await Promise.all([store.checkpoints.claim('r'), store.checkpoints.claim('r')]);
    expect(claims.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toEqual([1, 2]);
  });
});
