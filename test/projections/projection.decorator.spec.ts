import { describe, expect, it } from 'vitest';
import {
  AllFrameError,
  DuplicateProjectionError,
  Projection,
  ProjectionRegistry,
  ProjectionWithoutHandlersError,
} from '@allframe/nestjs';
import { projectionDescriptionOf } from '../../lib/projections/projection.decorator.js';
import { numbered, openStore } from '../store/bank.js';
import { projection, registered } from './hand-made.js';

class Target {}

describe('@Projection', () => {
  it('describes a class, with defaults, and not its subclasses', () => {
    @Projection('balances')
    class Balances {}
    @Projection('totals', { version: 3, store: 'billing', state: 'memory', mode: 'async' })
    class Totals extends Balances {}
    class Derived extends Balances {}
    expect(projectionDescriptionOf(Balances)).toEqual({
      name: 'balances',
      version: 1,
      store: undefined,
      state: 'stored',
    });
    expect(projectionDescriptionOf(Totals)).toEqual({
      name: 'totals',
      version: 3,
      store: 'billing',
      state: 'memory',
    });
    expect(projectionDescriptionOf(Derived)).toBeUndefined();
  });

  it.each<[string, () => unknown, RegExp]>([
    ['an empty name', () => Projection('')(Target), /Target/],
    ['a lone surrogate in a name', () => Projection('\ud800')(Target), /Target.*lone surrogate/],
    ['a name of 513 bytes', () => Projection('x'.repeat(513))(Target), /Target/],
    ['version 0', () => Projection('p', { version: 0 })(Target), /Target, version/],
    ['version 1.5', () => Projection('p', { version: 1.5 })(Target), /Target, version/],
    ['version NaN', () => Projection('p', { version: NaN })(Target), /Target, version/],
    ['another mode', () => Projection('p', { mode: 'inline' as 'async' })(Target), /Target, mode: inline/],
    ['another state', () => Projection('p', { state: 'disk' as 'memory' })(Target), /Target, state: disk/],
  ])('refuses %s, naming the class', (_, decorate, words) => {
    expect(decorate).toThrow(AllFrameError);
    expect(decorate).toThrow(words);
  });
});

describe('ProjectionRegistry', () => {
  it('refuses a second projection of one name, naming both, and one without handlers', async () => {
    const store = await openStore();
    const registry = registered(
      store,
      projection('p', () => undefined),
    );
    const second = { ...projection('p', () => undefined), className: 'Second' };
    expect(() => registry.register(second, store)).toThrow(DuplicateProjectionError);
    expect(() => registry.register(second, store)).toThrow(/"p".*Class of p and Second/);
    const empty = projection('empty', () => undefined, { types: [] });
    expect(() => registry.register(empty, store)).toThrow(ProjectionWithoutHandlersError);
    expect(() => registry.register(empty, store)).toThrow(/Class of empty/);
    expect(registry.list().map(({ name }) => name)).toEqual(['p']);
  });

  it('starts once, also those that were registered later, and lists how each is', async () => {
    const store = await openStore();
    const seen: string[] = [];
    const registry = registered(
      store,
      projection('p', ({ position }) => seen.push(`p${position}`)),
    );
    expect(registry.list()).toEqual([{ name: 'p', version: 1, state: 'waiting', position: 0 }]);
    registry.start();
    registry.start();
    registry.register(
      projection('q', ({ position }) => seen.push(`q${position}`), { version: 2 }),
      store,
    );
    expect(registry.list().map(({ state }) => state)).toEqual(['running', 'waiting']);
    registry.start();
    await store.append('s', numbered(1));
    await Promise.all([registry.waitFor('p', 1), registry.waitFor('q', 1)]);
    expect(seen.sort()).toEqual(['p1', 'q1']);
  });

  it('without projections does nothing', async () => {
    const registry = new ProjectionRegistry();
    registry.start();
    expect(registry.list()).toEqual([]);
    await expect(registry.waitFor('p', 0)).rejects.toThrow(/there are none/);
    await registry.stop();
  });

  it('two of them share nothing, projections of two stores among them', async () => {
    const [orders, billing] = [await openStore(), await openStore()];
    const seen: string[] = [];
    const registry = registered(
      orders,
      projection('p', ({ streamId }) => seen.push(streamId)),
    );
    registry.register(
      projection('b', ({ streamId }) => seen.push(streamId)),
      billing,
    );
    const other = registered(
      orders,
      projection('o', ({ streamId }) => seen.push(streamId)),
    );
    registry.start();
    await orders.append('order', numbered(1));
    await billing.append('bill', numbered(1));
    await Promise.all([registry.waitFor('p', 1), registry.waitFor('b', 1)]);
    expect(seen.sort()).toEqual(['bill', 'order']);
    expect(other.list().map(({ state }) => state)).toEqual(['waiting']);
  });
});
