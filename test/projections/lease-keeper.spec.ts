/** Leases that are given back while they are being renewed. */
import { expect, it } from 'vitest';
import type { Leases } from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { Limits } from '../../lib/core/limits.js';
import { LeaseKeeper } from '../../lib/projections/lease-keeper.js';
import { type Gate, gate, turns } from '../store/gate.js';

/** Leases whose calls end when the test lets them. */
class SlowLeases implements Leases {
  readonly calls: string[] = [];
  renewal: Gate | undefined;

  async hold(names: readonly string[]): Promise<readonly string[]> {
    this.calls.push(`hold ${names.join()}`);
    await this.renewal?.opened;
    this.calls.push('held');
    return names;
  }

  async release(names: readonly string[]): Promise<void> {
    this.calls.push(`release ${names.join()}`);
  }
}

it.each(['is answered', 'fails'])('a lease is given back only when the renewal under way %s', async (how) => {
  const [leases, clock] = [new SlowLeases(), new FakeClock()];
  const held = await new LeaseKeeper(leases, clock).take('p', new AbortController().signal);
  await turns();
  leases.renewal = gate();
  await clock.advance(Limits.leaseRenewMs);
  const given = held!.release();
  await turns();
  expect(leases.calls).toEqual(['hold p', 'held', 'hold p']);
  if (how === 'fails') leases.renewal.fail(new Error('away'));
  else leases.renewal.open();
  await given;
  expect(leases.calls.slice(3)).toEqual(how === 'fails' ? ['release p'] : ['held', 'release p']);
});
