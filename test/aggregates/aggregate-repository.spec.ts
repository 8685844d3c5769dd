import { describe, expect, it, vi } from 'vitest';
import {
  AggregateRepository,
  AppendOutcomeUnknownError,
  EventStore,
  Limits,
  UnserialisableDataError,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { AccountOpened, MoneyDeposited, openStore } from '../store/bank.js';
import { gate, isSettled, turns } from '../store/gate.js';
import { ScriptedBackend } from '../store/scripted-backend.js';
import { Account, AccountIsClosed } from './account.js';

async function openAccounts(
  backend = new ScriptedBackend(),
  clock?: FakeClock,
): Promise<{ store: EventStore; accounts: AggregateRepository<Account>; backend: ScriptedBackend }> {
  const store = await openStore(backend, clock === undefined ? {} : { clock });
  return { store, backend, accounts: new AggregateRepository(store, Account, { random: () => 0.5 }) };
}

describe('update', () => {
  it('starts a fresh aggregate, and goes on with a stored one', async () => {
    const { store, accounts } = await openAccounts();
    const opened = await accounts.update('a1', (account) => account.open('Ada'));
    expect(opened).toEqual({
      streamId: 'account-a1',
      fromVersion: 1,
      version: 1,
      position: 1,
      idempotent: false,
    });
    await accounts.update('a1', (account) => {
      expect(account).toMatchObject({ owner: 'Ada', version: 1, aggregateId: 'a1', uncommittedEvents: [] });
      account.deposit(1);
      account.deposit(2);
    });
    expect((await store.getEvents('account-a1')).map(({ data }) => data)).toEqual([
      new AccountOpened('Ada', 0),
      new MoneyDeposited(1),
      new MoneyDeposited(2),
    ]);
  });

  it('gives null when nothing was decided, and writes nothing', async () => {
    const { accounts, backend } = await openAccounts();
    expect(await accounts.update('a1', (account) => account.deposit(0))).toBeNull();
    expect(backend.count('append')).toBe(0);
    expect(await accounts.exists('a1')).toBe(false);
  });

  it('waits for a decision that waits, and ignores what it returns', async () => {
    const { accounts } = await openAccounts();
    const hold = gate();
    const updating = accounts.update('a1', async (account) => {
      account.open('Ada');
      await hold.opened;
      account.deposit(1);
      return 'ignored';
    });
    expect(await isSettled(updating)).toBe(false);
    hold.open();
    expect(await updating).toMatchObject({ version: 2 });
  });

  it.each([
    ['throws', () => { throw new AccountIsClosed(); }], // prettier-ignore
    ['rejects', async () => { await turns(1); throw new AccountIsClosed(); }], // prettier-ignore
  ])('that %s writes nothing, not even what was applied before, and is not tried again', async (_, fail) => {
    const { accounts, backend, store } = await openAccounts();
    const decide = vi.fn((account: Account) => {
      account.open('Ada');
      return fail();
    });
    await expect(accounts.update('a1', decide)).rejects.toThrow(AccountIsClosed);
    expect(decide).toHaveBeenCalledTimes(1);
    expect(backend.count('append')).toBe(0);
    expect(await store.getAllEvents()).toEqual([]);
  });

  it('writes all events of a decision or none', async () => {
    const { accounts, store } = await openAccounts();
    const half = (account: Account): void => {
      account.open('Ada');
      account.apply({ type: 'bad', data: { on: () => 1 } });
    };
    await expect(accounts.update('a1', half)).rejects.toThrow(UnserialisableDataError);
    expect(await store.getAllEvents()).toEqual([]);
    expect(await accounts.update('a1', (account) => account.open('Ada'))).toMatchObject({ version: 1 });
  });

  it('carries the given metadata', async () => {
    const { accounts, store } = await openAccounts();
    await accounts.update('a1', (account) => account.open('Ada'), { metadata: { user: 'Bob' } });
    expect((await store.getEvents('account-a1'))[0]?.metadata).toEqual({ user: 'Bob' });
  });
});

/** Moves time on as often as somebody waits for it. */
async function runThrough(clock: FakeClock): Promise<void> {
  for (await turns(10); clock.pending > 0; await turns(10)) await clock.advance(100);
}

describe('a conflict', () => {
  /** Another writer gets in before each of the next `times` appends. */
  async function contested(
    times: number,
  ): Promise<Awaited<ReturnType<typeof openAccounts>> & { clock: FakeClock }> {
    const clock = new FakeClock();
    const opened = await openAccounts(new ScriptedBackend(), clock);
    const { backend, store } = opened;
    await store.append('account-a1', [new AccountOpened('Ada', 0)]);
    let [left, busy] = [times, false];
    backend.before = async (operation) => {
      if (operation !== 'append' || busy || left-- <= 0) return;
      busy = true;
      await store.append('account-a1', [new MoneyDeposited(1)]);
      busy = false;
    };
    return { ...opened, clock };
  }

  it('loads and decides again, on what the other writer wrote, until it gets through', async () => {
    const { accounts, clock } = await contested(3);
    const balances: number[] = [];
    const updating = accounts.update('a1', (account) => {
      balances.push(account.balance);
      account.deposit(10);
    });
    await runThrough(clock);
    expect(await updating).toMatchObject({ version: 5 });
    expect(balances).toEqual([0, 1, 2, 3]);
    expect((await accounts.load('a1')).balance).toBe(13);
    expect(clock.pending).toBe(0);
  });

  it.each([
    [undefined, Limits.updateAttemptsMax],
    [1, 1],
    [2, 2],
    [40, 40],
  ])('is given up after attempts: %s, %s in all', async (attempts, count) => {
    const { accounts, clock, store } = await contested(Infinity);
    const decide = vi.fn((account: Account) => account.deposit(10));
    const updating = accounts.update('a1', decide, attempts === undefined ? {} : { attempts });
    const outcome = expect(updating).rejects.toThrow(
      expect.objectContaining({ expected: count, actual: count + 1 }),
    );
    await runThrough(clock);
    await outcome;
    await expect(updating).rejects.toThrow(WrongExpectedVersionError);
    expect(decide).toHaveBeenCalledTimes(count);
    expect(await store.getEvents('account-a1')).toHaveLength(1 + count);
  });

  it('waits longer each time, up to a limit, and a random part of it', async () => {
    const { store, clock } = await contested(12);
    const waits: number[] = [];
    const after = clock.after.bind(clock);
    clock.after = (ms, callback) => {
      waits.push(ms);
      return after(ms, callback);
    };
    const randoms = [0, 0.25, 0.999, 0.5];
    const accounts = new AggregateRepository(store, Account, {
      random: () => randoms[waits.length % 4] as number,
    });
    const updating = accounts.update('a1', (account) => account.deposit(10));
    await runThrough(clock);
    await updating;
    const longest = [2, 4, 8, 16, 32, 64, 100, 100, 100, 100, 100, 100];
    expect(waits).toEqual(longest.map((ms, i) => ms * (randoms[i % 4] as number)));
  });

  it('at fractions of a millisecond still makes proper ids and times', async () => {
    const { accounts, clock, store, backend } = await contested(2);
    await clock.advance(0.3);
    const updating = accounts.update('a1', (account) => account.deposit(10));
    await runThrough(clock);
    await updating;
    expect(clock.now() % 1).not.toBe(0);
    for (const { id } of await store.getAllEvents()) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const commits = backend.calls.filter(({ operation }) => operation === 'append');
    const times = commits.map(({ argument }) => (argument as { recordedAt: number }).recordedAt);
    expect(times.filter((time) => !Number.isInteger(time))).toEqual([]);
  });

  it('that a decision meets elsewhere is its own affair', async () => {
    const { accounts, store } = await openAccounts();
    const decide = vi.fn(async () => {
      await store.append('other', [{ type: 'a', data: 1 }], { expectedVersion: 7 });
    });
    await expect(accounts.update('a1', decide)).rejects.toMatchObject({ streamId: 'other' });
    expect(decide).toHaveBeenCalledTimes(1);
  });

  it('is the only fault that is tried again', async () => {
    const { accounts, backend } = await openAccounts();
    const decide = vi.fn((account: Account) => account.open('Ada'));
    const faults = [new AppendOutcomeUnknownError(['e1']), new Error('disk')];
    for (const fault of faults) {
      backend.failNext('append', fault);
      await expect(accounts.update('a1', decide)).rejects.toBe(fault);
    }
    expect(decide).toHaveBeenCalledTimes(2);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('attempts: %s is refused', async (attempts) => {
    const { accounts } = await openAccounts();
    await expect(accounts.update('a1', (account) => account.open('Ada'), { attempts })).rejects.toThrow(
      /^options\.attempts: /,
    );
  });
});

describe('50 concurrent updates of one aggregate', () => {
  const RACERS = 50;

  it.each([
    ['of a backend that answers at once', 0],
    ['of a backend that takes its time', 1],
  ])('%s all succeed, each seeing all before it', async (_, latency) => {
    const backend = new ScriptedBackend();
    if (latency > 0) backend.after = () => turns(latency);
    const store = await openStore(backend);
    const accounts = new AggregateRepository(store, Account);
    const results = await Promise.all(
      Array.from({ length: RACERS }, () =>
        accounts.update('a1', (account) => account.deposit(account.balance + 1)),
      ),
    );
    expect(new Set(results.map((result) => result?.version)).size).toBe(RACERS);
    // Each decided on the sum of all before it: 1, 2, 4, 8, ...; a lost or doubled update would show.
    const amounts = (await store.getEvents('account-a1')).map(({ data }) => (data as MoneyDeposited).amount);
    expect(amounts).toEqual(Array.from({ length: RACERS }, (__, i) => 2 ** i));
  });

  it('with attempts: 1 fail with WrongExpectedVersionError alone, and the others are exactly what is stored', async () => {
    const { accounts, store } = await openAccounts();
    const racing = Array.from({ length: RACERS }, async (_, i) => {
      await turns(i % 3);
      return accounts.update('a1', (account) => account.deposit(1 + i), { attempts: 1 });
    });
    const outcomes = await Promise.allSettled(racing);
    const versions: unknown[] = [];
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') versions.push(outcome.value?.version);
      else expect(outcome.reason).toBeInstanceOf(WrongExpectedVersionError);
    }
    const stored = await store.getEvents('account-a1');
    expect(versions.sort((a, b) => Number(a) - Number(b))).toEqual(stored.map(({ version }) => version));
    expect(versions.length).toBeLessThan(RACERS);
  });

  it('of 50 aggregates do not get into each other’s way', async () => {
    const { accounts, store } = await openAccounts();
    const ids = Array.from({ length: RACERS }, (_, i) => `a${i}`);
    const deposits = ids.flatMap((id, i) => [
      accounts.update(id, (account) => account.deposit(i + 1), { attempts: 1 }),
    ]);
    await Promise.all(deposits);
    for (const [i, id] of ids.entries()) expect((await accounts.load(id)).balance).toBe(i + 1);
    expect(await store.stats()).toMatchObject({ totalAggregates: RACERS });
  });
});
