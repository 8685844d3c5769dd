import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Aggregate,
  AggregateRepository,
  AggregateRoot,
  AllFrameModule,
  DomainEvent,
  EventHandler,
  InjectAggregateRepository,
  Projection,
  ProjectionRegistry,
} from '@allframe/nestjs';

@DomainEvent('order.line-added')
export class LineAdded {
  constructor(
    readonly product: string,
    readonly quantity: number,
  ) {}
}

@DomainEvent('order.placed')
export class OrderPlaced {}

/** Decides. Its state is rebuilt from its own events, so it is always right. */
@Aggregate('order')
export class Order extends AggregateRoot {
  lines = 0;
  placed = false;

  add(product: string, quantity: number): void {
    if (this.placed) throw new Error('The order is placed; it takes no more lines');
    this.apply(new LineAdded(product, quantity));
  }

  place(): void {
    if (this.lines === 0) throw new Error('An order without lines cannot be placed');
    if (!this.placed) this.apply(new OrderPlaced());
  }

  @EventHandler(LineAdded) onLineAdded(): void {
    this.lines++;
  }
  @EventHandler(OrderPlaced) onPlaced(): void {
    this.placed = true;
  }
}

/** Answers. It follows the events of all orders, one at a time, in order. */
@Projection('demand', { state: 'memory' })
export class Demand {
  readonly wanted = new Map<string, number>();

  @EventHandler(LineAdded) onLineAdded({ product, quantity }: LineAdded): void {
    this.wanted.set(product, (this.wanted.get(product) ?? 0) + quantity);
  }
}

@Injectable()
export class Orders {
  constructor(@InjectAggregateRepository(Order) private readonly orders: AggregateRepository<Order>) {}

  /** Loads the order or starts it, decides, appends; if somebody else was faster, it does so again. */
  add = (id: string, product: string, quantity: number) =>
    this.orders.update(id, (order) => order.add(product, quantity));
  place = (id: string) => this.orders.update(id, (order) => order.place());
}

@Module({
  imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Order])],
  providers: [Orders, Demand],
})
export class ShopModule {}

const app = await NestFactory.createApplicationContext(ShopModule, { logger: ['error'] });
const orders = app.get(Orders);

await orders.add('7', 'tea', 2);
await orders.add('7', 'cup', 1);
const placed = await orders.place('7');
await orders.add('7', 'pot', 1).catch((error: Error) => console.log(error.message));

await app.get(ProjectionRegistry).waitFor('demand', placed!.position);
console.log('Wanted:', Object.fromEntries(app.get(Demand).wanted));
await app.close();
