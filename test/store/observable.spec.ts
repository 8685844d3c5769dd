/** `events$` follows RxJS's own rules. */
import {
  config,
  concatMap,
  EMPTY,
  map,
  mergeMap,
  retry,
  share,
  take,
  toArray,
  firstValueFrom,
  lastValueFrom,
  scan,
} from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  EventStore,
  InMemoryBackend,
  ofType,
  PositionBeyondHeadError,
  StoreClosedError,
} from '@allframe/nestjs';
import { AccountOpened, MoneyDeposited, numbered, openStore } from './bank.js';
import { gate, turns, until } from './gate.js';

describe('events$', () => {
  it('is catch-up, then live, in one stream', async () => {
    const store = await openStore(undefined, { events: [MoneyDeposited] });
    await store.append('account-1', [
      new AccountOpened('Ada', 0),
      new MoneyDeposited(1),
      new MoneyDeposited(2),
    ]);
    const totals: number[] = [];
    store
      .events$({ after: 0, types: ['money.deposited'] })
      .pipe(
        ofType(MoneyDeposited),
        scan((sum, event) => sum + event.data.amount, 0),
      )
      .subscribe((total) => totals.push(total));
    await until(() => expect(totals).toEqual([1, 3]));
    await store.append('account-2', [new MoneyDeposited(4)]);
    await until(() => expect(totals).toEqual([1, 3, 7]));
  });

  it('peer trap 14a: replays nothing unless it is asked to', async () => {
    const store = await openStore();
    await store.append('s', numbered(600));
    const next = firstValueFrom(store.events$());
    await turns();
    await store.append('s', numbered(1));
    expect((await next).position).toBe(601);
  });

  it('is cold: each subscription reads for itself, from its own start', async () => {
    const store = await openStore();
    await store.append('s', numbered(3));
    const events$ = store.events$({ after: 1 }).pipe(
      take(2),
      map(({ position }) => position),
      toArray(),
    );
    expect(await Promise.all([lastValueFrom(events$), lastValueFrom(events$)])).toEqual([[2, 3], [2, 3]]); // prettier-ignore
  });

  it('stops at once in the middle of a page when its observer leaves', async () => {
    const store = await openStore();
    await store.append('s', numbered(100));
    const seen: number[] = [];
    const subscription = store.events$({ after: 0 }).subscribe(({ position }) => {
      seen.push(position);
      if (position === 3) subscription.unsubscribe();
    });
    expect(await lastValueFrom(store.events$({ after: 0 }).pipe(take(2), toArray()))).toHaveLength(2);
    await turns();
    expect(seen).toEqual([1, 2, 3]);
  });

  it('completes when the store closes, after what it was in the middle of', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    const log: string[] = [];
    store.events$().subscribe({
      next: ({ position }) => log.push(`event ${position}`),
      complete: () => log.push('complete'),
    });
    await turns();
    await store.append('s', numbered(1));
    await turns();
    await store.close();
    await until(() => expect(log).toEqual(['event 1', 'complete']));
  });

  it('gives no further event of the page once the store is closing', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await store.append('s', numbered(10));
    const log: string[] = [];
    store.events$({ after: 0 }).subscribe({
      next: ({ position }) => {
        log.push(`event ${position}`);
        if (position === 2) void store.close();
      },
      complete: () => log.push('complete'),
    });
    await until(() => expect(log).toEqual(['event 1', 'event 2', 'complete']));
    await store.close();
  });

  it('is an error notification for a position beyond the head, a closed store and a bad argument', async () => {
    const store = await EventStore.open(new InMemoryBackend());
    await expect(lastValueFrom(store.events$({ after: 1 }))).rejects.toThrow(PositionBeyondHeadError);
    await expect(lastValueFrom(store.events$({ after: -1 }))).rejects.toMatchObject({
      argument: 'options.after',
    });
    await store.close();
    await expect(lastValueFrom(store.events$())).rejects.toThrow(StoreClosedError);
  });

  it('may be tried again after an error, when the store has got that far', async () => {
    const store = await openStore();
    const next = firstValueFrom(store.events$({ after: 1 }).pipe(retry({ delay: () => turns(1) })));
    await store.append('s', numbered(2));
    expect((await next).position).toBe(2);
  });

  it('an error of an operator goes to the observer and ends this reader alone', async () => {
    const store = await openStore();
    const fault = new Error('broken operator');
    const failing = store.events$({ after: 0 }).pipe(
      map(() => {
        throw fault;
      }),
    );
    const other: number[] = [];
    store.events$({ after: 0 }).subscribe(({ position }) => other.push(position));
    await store.append('s', numbered(3));
    await expect(lastValueFrom(failing)).rejects.toBe(fault);
    await store.append('s', numbered(1));
    await until(() => expect(other).toEqual([1, 2, 3, 4]));
  });

  it('an error of an observer is reported by RxJS, and the rest of the page is delivered', async () => {
    const reported: unknown[] = [];
    const before = config.onUnhandledError;
    config.onUnhandledError = (error) => reported.push(error);
    onTestFinished(() => void (config.onUnhandledError = before));
    const store = await openStore();
    await store.append('s', numbered(3));
    const seen: number[] = [];
    store.events$({ after: 0 }).subscribe(({ position }) => {
      seen.push(position);
      throw new Error(`broken observer ${position}`);
    });
    await until(() => expect(reported).toHaveLength(3));
    expect(seen).toEqual([1, 2, 3]);
  });

  it('works with the operators people use: shared, flattened, one after the other', async () => {
    const store = await openStore();
    const events$ = store.events$({ after: 0 }).pipe(share());
    const [first, second]: number[][] = [[], []];
    const done = gate();
    events$
      .pipe(mergeMap(({ position }) => (position % 2 === 0 ? [position] : EMPTY)))
      .subscribe((n) => first?.push(n));
    events$
      .pipe(
        concatMap(async ({ position }) => {
          await turns(1);
          return position;
        }),
        take(20),
      )
      .subscribe({ next: (n) => second?.push(n), complete: () => done.open() });
    for (let i = 0; i < 20; i++) await store.append('s', numbered(1));
    await done.opened;
    expect(first).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    expect(second).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});
