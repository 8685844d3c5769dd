import { Test, type TestingModule } from '@nestjs/testing';
import { EventStore, ProjectionRegistry } from '@allframe/nestjs';
import { given } from '@allframe/nestjs/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// The program runs when it is imported, as `node main.js` runs it.
const print = vi.spyOn(console, 'log').mockReturnValue(undefined);
const { Demand, LineAdded, Order, OrderPlaced, Orders, ShopModule } = await import('./main.js');
const printed = [...print.mock.calls];
afterAll(() => print.mockRestore());

describe('01-simple-cqrs', () => {
  it('prints what it refused and what it counted', () => {
    expect(printed).toEqual([
      ['The order is placed; it takes no more lines'],
      ['Wanted:', { tea: 2, cup: 1 }],
    ]);
  });

  describe('an order', () => {
    it('takes lines until it is placed', () =>
      given(Order, [new LineAdded('tea', 2)])
        .when((order) => order.add('cup', 1))
        .then([new LineAdded('cup', 1)]));

    it('takes none afterwards', () =>
      given(Order, [new LineAdded('tea', 2), new OrderPlaced()])
        .when((order) => order.add('cup', 1))
        .thenThrows(/is placed/));

    it('is not placed empty', () =>
      given(Order)
        .when((order) => order.place())
        .thenThrows(/without lines/));

    it('is placed once', () =>
      given(Order, [new LineAdded('tea', 2), new OrderPlaced()])
        .when((order) => order.place())
        .thenNothing());
  });

  describe('the shop', () => {
    let shop: TestingModule;
    beforeEach(async () => {
      shop = await Test.createTestingModule({ imports: [ShopModule] }).compile();
      await shop.init();
    });
    afterEach(() => shop.close());

    it('adds every line, however many are added at once', async () => {
      await Promise.all(Array.from({ length: 20 }, () => shop.get(Orders).add('7', 'tea', 1)));
      expect(await shop.get(EventStore).getEvents('order-7')).toHaveLength(20);
    });

    it('counts what is wanted over all orders', async () => {
      await shop.get(Orders).add('7', 'tea', 2);
      const last = await shop.get(Orders).add('8', 'tea', 3);
      await shop.get(ProjectionRegistry).waitFor('demand', last!.position);
      expect(shop.get(Demand).wanted.get('tea')).toBe(5);
    });
  });
});
