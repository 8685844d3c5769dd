import { describe, expect, it } from 'vitest';
import {
  DomainEvent,
  DuplicateEventTypeError,
  InvalidArgumentError,
  LimitExceededError,
  ofType,
  type RecordedEvent,
  type Type,
  UndecoratedEventError,
} from '@allframe/nestjs';
import { from, lastValueFrom, toArray } from 'rxjs';
import { AccountClosed, AccountOpened, MoneyDeposited, openStore } from './bank.js';

class Undecorated {
  readonly amount = 1;
}
class Derived extends MoneyDeposited {}
@DomainEvent('bonus.paid')
class BonusPaid extends MoneyDeposited {}
@DomainEvent('money.deposited')
class OtherDeposit {
  readonly amount = 1;
}

describe('@DomainEvent', () => {
  it.each([
    ['', InvalidArgumentError],
    ['a\0', InvalidArgumentError],
    ['\ud800', InvalidArgumentError],
    ['x'.repeat(257), LimitExceededError],
    [undefined as unknown as string, InvalidArgumentError],
  ])('refuses the name %j, with the name of the class', (name, error) => {
    const decorate = (): unknown => DomainEvent(name)(Undecorated);
    expect(decorate).toThrow(error);
    expect(decorate).toThrow(/Undecorated/);
  });

  it.each([0, -1, 1.5, NaN, Infinity, 2 ** 31, '1' as unknown as number])('refuses version %s', (version) => {
    const decorate = (): unknown => DomainEvent('a', { version })(Undecorated);
    expect(decorate).toThrow(InvalidArgumentError);
    expect(decorate).toThrow(/Undecorated, version/);
  });

  it('names the type and its schema version, which are stored', async () => {
    const store = await openStore();
    await store.append('account-1', [new AccountOpened('Ada', 1), new MoneyDeposited(2)]);
    expect(
      (await store.getEvents('account-1')).map(({ type, schemaVersion }) => [type, schemaVersion]),
    ).toEqual([
      ['account.opened', 2],
      ['money.deposited', 1],
    ]);
  });

  it('is not inherited: a subclass is stored under its own name or not at all', async () => {
    const store = await openStore();
    await expect(store.append('account-1', [new Derived(1)])).rejects.toThrow(UndecoratedEventError);
    await store.append('account-1', [new BonusPaid(1)]);
    expect((await store.getEvents('account-1')).map(({ type }) => type)).toEqual(['bonus.paid']);
  });
});

describe('the event classes of a store', () => {
  it('a class without @DomainEvent is refused, with its name', async () => {
    await expect(openStore(undefined, { events: [Undecorated] })).rejects.toThrow(
      expect.objectContaining({ code: 'UndecoratedEventError', className: 'Undecorated' }),
    );
    const store = await openStore();
    expect(() => store.registerEvents([Derived], 'forFeature')).toThrow(/forFeature.*Derived/);
  });

  it('the same class may be given any number of times, two classes of one type may not', async () => {
    const store = await openStore(undefined, { events: [MoneyDeposited, MoneyDeposited] });
    store.registerEvents([MoneyDeposited]);
    const register = (): void => store.registerEvents([OtherDeposit]);
    expect(register).toThrow(DuplicateEventTypeError);
    expect(register).toThrow(/"money\.deposited".*MoneyDeposited and OtherDeposit/);
    await expect(openStore(undefined, { events: [MoneyDeposited, OtherDeposit] })).rejects.toThrow(
      DuplicateEventTypeError,
    );
  });

  it('an instance of another class of a known type is refused at append, and nothing is written', async () => {
    const store = await openStore(undefined, { events: [MoneyDeposited] });
    await expect(store.append('account-1', [new MoneyDeposited(1), new OtherDeposit()])).rejects.toThrow(
      expect.objectContaining({
        code: 'DuplicateEventTypeError',
        classNames: ['MoneyDeposited', 'OtherDeposit'],
      }),
    );
    expect(await store.getAllEvents()).toEqual([]);
  });

  it('are known to this store alone', async () => {
    const [knowing, plain] = [await openStore(undefined, { events: [MoneyDeposited] }), await openStore()];
    expect([knowing, plain].map((store) => store.knowsEventType('money.deposited'))).toEqual([true, false]);
    expect(knowing.knowsEventType('constructor')).toBe(false);
    plain.registerEvents([OtherDeposit]);
    await plain.append('account-1', [new OtherDeposit()]);
    expect((await plain.getEvents('account-1'))[0]?.data).toBeInstanceOf(OtherDeposit);
  });

  it('give a plain event its schema version, unless it has one', async () => {
    const store = await openStore(undefined, { events: [AccountOpened] });
    await store.append('account-1', [
      { type: 'account.opened', data: {} },
      { type: 'account.opened', data: {}, schemaVersion: 1 },
      { type: 'unknown', data: {} },
      { type: 'unknown', data: {}, schemaVersion: 2 ** 31 - 1 },
    ]);
    const versions = (await store.getEvents('account-1')).map(({ schemaVersion }) => schemaVersion);
    expect(versions).toEqual([2, 1, 1, 2 ** 31 - 1]);
  });
});

describe('an event without fields', () => {
  it('is stored as {} and comes back as an instance', async () => {
    const store = await openStore(undefined, { events: [AccountClosed] });
    await store.append('account-1', [new AccountClosed()]);
    expect((await store.getEvents('account-1'))[0]?.data).toStrictEqual(new AccountClosed());
  });
});

describe('ofType', () => {
  it('lets the events of its classes through', async () => {
    const store = await openStore(undefined, { events: [MoneyDeposited, AccountOpened, BonusPaid] });
    await store.append('account-1', [new AccountOpened('Ada', 1), new BonusPaid(2), new MoneyDeposited(3)]);
    const events = from(await store.getAllEvents());
    const through = (...classes: Type<object>[]): Promise<RecordedEvent[]> =>
      lastValueFrom(events.pipe(ofType(...classes), toArray()));
    expect((await through(MoneyDeposited)).map(({ data }) => data)).toEqual([new MoneyDeposited(3)]);
    expect((await through(AccountOpened, BonusPaid)).map(({ version }) => version)).toEqual([1, 2]);
    expect(await through()).toEqual([]);
  });

  it('refuses a class without @DomainEvent when it is called, not when events come', () => {
    expect(() => ofType(Undecorated)).toThrow(UndecoratedEventError);
    expect(() => ofType(Derived)).toThrow(/ofType.*Derived/);
  });
});
