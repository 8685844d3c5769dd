import { EventStore } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { runShop } from './main.js';

/** A database of its own: the sample has tables beside the store's schema. */
async function newDatabase(url: string): Promise<string> {
  const name = `shop_${process.pid}_${Math.floor(performance.now())}`;
  const run = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(text);
    await client.end();
  };
  await run(`create database ${name}`);
  onTestFinished(() => run(`drop database ${name} with (force)`));
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

describe('a read model in SQL', () => {
  it.each(inject('postgresServers'))('has what the events say, on $name', async ({ url }) => {
    const database = await newDatabase(url);
    expect(await runShop(database)).toEqual([
      'Refused, and no event was written: duplicate key value violates unique constraint "orders_pkey"',
      'tea: 8 left',
      'Events: 3',
    ]);
    const store = await EventStore.open(
      new PostgresBackend({ connectionString: database, schema: 'shop_events' }),
    );
    expect((await store.getEvents('product-tea')).map(({ type }) => type)).toEqual([
      'stock.received',
      'stock.reserved',
      'stock.reserved',
    ]);
    await store.close();
  });
});
