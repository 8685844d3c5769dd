import 'reflect-metadata';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  AllFrameModule,
  DomainEvent,
  EventHandler,
  EventStore,
  Projection,
  type ProjectionContext,
  ProjectionRegistry,
  type RecordedEvent,
} from '@allframe/nestjs';
import { clientOf, PostgresBackend } from '@allframe/nestjs/postgres';
import pg from 'pg';

/** Which database: such as `postgres://localhost/shop`. */
export const DATABASE_URL = Symbol('DATABASE_URL');

@DomainEvent('stock.received')
export class StockReceived {
  constructor(readonly quantity: number) {}
}

@DomainEvent('stock.reserved')
export class StockReserved {
  constructor(
    readonly order: string,
    readonly quantity: number,
  ) {}
}

/** The application's own tables, and its own pool. */
@Injectable()
export class Tables implements OnModuleInit {
  readonly pool: pg.Pool;

  constructor(@Inject(DATABASE_URL) url: string) {
    this.pool = new pg.Pool({ connectionString: url });
  }

  async onModuleInit(): Promise<void> {
    await this.pool.query(
      'create table if not exists stock (product text primary key, quantity int not null)',
    );
    await this.pool.query('create table if not exists orders (id text primary key, product text not null)');
  }
}

/**
 * A read model in SQL. Each event changes a row, and the change is committed together with the projection's checkpoint:
 * `quantity + 1` twice for one event cannot happen, whatever is killed when, and however many instances there are.
 */
@Projection('stock', { state: 'transaction' })
export class StockTable {
  @EventHandler(StockReceived)
  onReceived(
    { quantity }: StockReceived,
    { streamId }: RecordedEvent,
    context: ProjectionContext,
  ): Promise<unknown> {
    return this.#add(streamId, quantity, context);
  }

  @EventHandler(StockReserved)
  onReserved(
    { quantity }: StockReserved,
    { streamId }: RecordedEvent,
    context: ProjectionContext,
  ): Promise<unknown> {
    return this.#add(streamId, -quantity, context);
  }

  #add(streamId: string, quantity: number, { transaction }: ProjectionContext): Promise<unknown> {
    const add = `insert into stock values ($1, $2) on conflict (product) do update set quantity = stock.quantity + $2`;
    return clientOf(transaction).query(add, [streamId.slice('product-'.length), quantity]);
  }
}

@Injectable()
export class Orders {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(Tables) private readonly tables: Tables,
  ) {}

  /** A row of an ordinary table and an event, both or neither. Returns the event's position. */
  async place(order: string, product: string): Promise<number> {
    const client = await this.tables.pool.connect();
    try {
      const backend = this.store.backend as PostgresBackend;
      return await backend.withTransaction(client, async (transaction) => {
        await client.query('insert into orders values ($1, $2)', [order, product]);
        const { position } = await this.store
          .within(transaction)
          .append(`product-${product}`, [new StockReserved(order, 1)]);
        return position;
      });
    } finally {
      client.release();
    }
  }
}

@Module({})
export class ShopModule {
  static on(url: string) {
    return {
      module: ShopModule,
      imports: [
        AllFrameModule.forRoot(new PostgresBackend({ connectionString: url, schema: 'shop_events' })),
      ],
      providers: [{ provide: DATABASE_URL, useValue: url }, Tables, StockTable, Orders],
    };
  }
}

/** Receives stock, places orders, one of them twice, and prints the read model. */
export async function runShop(url: string): Promise<readonly string[]> {
  const app = await NestFactory.createApplicationContext(ShopModule.on(url), { logger: ['error'] });
  const { pool } = app.get(Tables);
  try {
    const said: string[] = [];
    await app.get(EventStore).append('product-tea', [new StockReceived(10)], { expectedVersion: 'noStream' });
    await app.get(Orders).place('1', 'tea');
    const position = await app.get(Orders).place('2', 'tea');
    await app
      .get(Orders)
      .place('2', 'tea')
      .catch((error: Error) => said.push(`Refused, and no event was written: ${error.message}`));

    await app.get(ProjectionRegistry).waitFor('stock', position);
    const { rows } = await pool.query<{ product: string; quantity: number }>('select * from stock');
    for (const { product, quantity } of rows) said.push(`${product}: ${quantity} left`);
    said.push(`Events: ${(await app.get(EventStore).stats()).totalEvents}`);
    return said;
  } finally {
    await app.close();
    await pool.end();
  }
}

const url = process.env['EVENT_STORE_URL'];
if (process.argv[1] === import.meta.filename) {
  if (url === undefined) {
    console.error('Name an empty database: EVENT_STORE_URL=postgres://localhost/shop');
    process.exitCode = 1;
  } else for (const line of await runShop(url)) console.log(line);
}
