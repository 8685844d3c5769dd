import { EventStore, InMemoryBackend, Snapshot } from '@allframe/nestjs';
import { afterAll, describe, expect, it, vi } from 'vitest';

// The program runs when it is imported, as `node main.js` runs it.
const print = vi.spyOn(console, 'log').mockReturnValue(undefined);
const { Account, MoneyDeposited } = await import('./main.js');
const printed = print.mock.calls.map(([line]) => line as string);
afterAll(() => print.mockRestore());

describe('03-snapshots', () => {
  it('prints what it took from events and what from snapshots', () => {
    expect(printed).toEqual([
      'Rebuilt from 3 events: 60',
      'From the snapshot of version 3: 60',
      'And 2 events after it: 63',
      'A snapshot was taken at version 20 of 25: 25',
      'Without it: 25',
    ]);
  });

  it('takes no snapshot of what is not stored yet', () => {
    const account = new Account();
    account.deposit(10);
    expect(() => Snapshot.create(account, 0)).toThrow('it has 1 uncommitted event(s)');
  });

  it('keeps only the latest', async () => {
    const store = await EventStore.open(new InMemoryBackend(), { events: [MoneyDeposited] });
    const account = new Account();
    for (const amount of [10, 20]) {
      await store.append('account-ada', [new MoneyDeposited(amount)]);
      account.loadFromHistory(await store.getEventsAfter('account-ada', account.version));
      await store.saveSnapshot('account-ada', Snapshot.create(account, account.version));
    }
    expect((await store.getLatestSnapshot('account-ada'))?.intoAggregate(Account).balance).toBe(30);
    expect((await store.stats()).totalSnapshots).toBe(1);
    await store.close();
  });
});
