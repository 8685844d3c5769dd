/** The schema: who makes it, what is refused, and that nothing is left half done. */
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { PostgresBackend, type PostgresOptions, PostgresSchemaError } from '@allframe/nestjs/postgres';
import { MIGRATIONS } from '../../../lib/backends/postgres/schema/migrations.js';
import { newClient, newSchema, serverUrl, sql, urlWith } from '../../postgres/schemas.js';
import { numbered, openStore } from '../../store/bank.js';

const TABLES = ['events', 'leases', 'migrations', 'records', 'store'];
const NEWEST = MIGRATIONS.length;

/** What the error of opening says. */
async function refusalOf(options: PostgresOptions): Promise<string> {
  const opening = EventStore.open(new PostgresBackend(options));
  await expect(opening).rejects.toThrow(PostgresSchemaError);
  return opening.then(
    () => '',
    (error: PostgresSchemaError) => error.message,
  );
}

/** Everything that stands in a schema, by kind and name, and what its tables hold of themselves. */
async function contentsOf(url: string, schema: string): Promise<readonly unknown[]> {
  return sql(
    url,
    `select 'relation' as kind, c.relname as name, pg_get_indexdef(c.oid) as text
       from pg_class c where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'i')
     union all select 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(column_default, '')
       from information_schema.columns where table_schema = $1
     union all select 'function', p.proname, pg_get_functiondef(p.oid) from pg_proc p where p.pronamespace = to_regnamespace($1)
     order by 1, 2`,
    [schema],
  );
}

const tablesOf = async (url: string, schema: string): Promise<readonly unknown[]> =>
  (await sql(url, 'select tablename from pg_tables where schemaname = $1 order by tablename', [schema])).map(
    ({ tablename }) => tablename,
  );

describe.each(inject('postgresServers'))('on $name, a schema', ({ url: connectionString }) => {
  it('is made by opening', async () => {
    const schema = newSchema(connectionString);
    const store = await openStore(new PostgresBackend({ connectionString, schema }));
    expect((await store.append('s', numbered(1))).position).toBe(1);
    expect(await tablesOf(connectionString, schema)).toEqual(TABLES);
  });

  it('is made once by ten that open it at the same time', async () => {
    const schema = newSchema(connectionString);
    const options = { connectionString, schema, maxConnections: 3 };
    await Promise.all(Array.from({ length: 10 }, () => openStore(new PostgresBackend(options))));
    const applied = await sql(connectionString, `select version from ${schema}.migrations order by version`);
    expect(applied).toEqual(MIGRATIONS.map(({ version }) => ({ version })));
    expect(await sql(connectionString, `select only_row from ${schema}.store`)).toHaveLength(1);
  });

  it('is the same when its statements are run by hand', async () => {
    const [byHand, byLibrary] = [newSchema(connectionString), newSchema(connectionString)];
    const statements = await PostgresBackend.migrate({ connectionString, schema: byHand, dryRun: true });
    expect(await sql(connectionString, 'select to_regnamespace($1) as made', [byHand])).toEqual([
      { made: null },
    ]);
    const client = await newClient(connectionString);
    for (const statement of statements) await client.query(statement);

    const options = { connectionString, schema: byHand, migrate: false };
    expect(await PostgresBackend.migrate({ ...options, dryRun: true })).toEqual([]);
    const store = await openStore(new PostgresBackend(options));
    expect((await store.append('s', numbered(2))).position).toBe(2);

    expect(await PostgresBackend.migrate({ connectionString, schema: byLibrary })).toHaveLength(
      statements.length,
    );
    const made = JSON.stringify(await contentsOf(connectionString, byLibrary));
    expect(JSON.stringify(await contentsOf(connectionString, byHand))).toBe(
      made.replaceAll(byLibrary, byHand),
    );
  });
});

describe('a schema', () => {
  const connectionString = serverUrl();

  it('is migrated once: the second time there is nothing to do', async () => {
    const schema = newSchema();
    const statements = await PostgresBackend.migrate({ connectionString, schema });
    expect(statements[0]).toBe(`create schema "${schema}"`);
    expect(await PostgresBackend.migrate({ connectionString, schema })).toEqual([]);
    expect(await sql(connectionString, `select version from ${schema}.migrations`)).toHaveLength(NEWEST);
  });

  it('that exists already is filled, not made', async () => {
    const schema = newSchema();
    await sql(connectionString, `create schema ${schema}`);
    const statements = await PostgresBackend.migrate({ connectionString, schema });
    expect(statements.join()).not.toContain('create schema');
    expect(await tablesOf(connectionString, schema)).toEqual(TABLES);
  });

  it('of any name that is allowed can be used', async () => {
    for (const schema of ['Order', 'select', 'with space', 'a"b', "a'b", 'Bücher', 'x'.repeat(63)]) {
      onTestFinished(
        async () =>
          void (await sql(
            connectionString,
            `drop schema if exists "${schema.replaceAll('"', '""')}" cascade`,
          )),
      );
      const store = await openStore(new PostgresBackend({ connectionString, schema, maxConnections: 3 }));
      await store.append('s', numbered(1));
      expect(await PostgresBackend.migrate({ connectionString, schema })).toEqual([]);
    }
  });

  it('keeps nothing of a migration that fails half-way', async () => {
    const schema = newSchema();
    await sql(connectionString, `create schema ${schema}`);
    await sql(connectionString, `create table ${schema}.leases (mine int)`);
    await expect(PostgresBackend.migrate({ connectionString, schema })).rejects.toMatchObject({
      code: 'PostgresRequestError',
      operation: 'open',
      sqlState: '42P07',
    });
    expect(await tablesOf(connectionString, schema)).toEqual(['leases']);
    await sql(connectionString, `drop table ${schema}.leases`);
    await PostgresBackend.migrate({ connectionString, schema });
    expect(await tablesOf(connectionString, schema)).toEqual(TABLES);
  });

  it('of a newer version of the library is refused and left alone', async () => {
    const schema = newSchema();
    await PostgresBackend.migrate({ connectionString, schema });
    await sql(
      connectionString,
      `insert into ${schema}.migrations (version, name) values (${NEWEST + 1}, 'new')`,
    );
    const before = await contentsOf(connectionString, schema);
    for (const migrate of [true, false]) {
      const message = await refusalOf({ connectionString, schema, migrate });
      expect(message).toContain(`of version ${NEWEST + 1}`);
      expect(message).toContain(`knows up to ${NEWEST}`);
      expect(message).toContain('Update @allframe/nestjs');
    }
    await expect(PostgresBackend.migrate({ connectionString, schema, dryRun: true })).rejects.toThrow(
      PostgresSchemaError,
    );
    expect(await contentsOf(connectionString, schema)).toEqual(before);
  });

  it('is not made where the option says so, and the error says who makes it', async () => {
    const schema = newSchema();
    const message = await refusalOf({ connectionString, schema, migrate: false });
    expect(message).toContain(schema);
    expect(message).toContain('PostgresBackend.migrate(options)');
    expect(await tablesOf(connectionString, schema)).toEqual([]);
  });

  it.each([
    ['json', 'jsonb'],
    ['jsonb', 'json'],
  ] as const)('that keeps data as %s is not opened as %s', async (kept, wanted) => {
    const schema = newSchema();
    await PostgresBackend.migrate({ connectionString, schema, data: kept });
    const message = await refusalOf({ connectionString, schema, data: wanted });
    expect(message).toContain(`it keeps data as ${kept}`);
    expect(message).toContain(`Give data: '${kept}'`);
    await openStore(new PostgresBackend({ connectionString, schema, data: kept }));
  });

  it.each(['SQL_ASCII', 'LATIN1'])('is not made in a database of encoding %s', async (encoding) => {
    const database = newSchema();
    await sql(
      connectionString,
      `create database ${database} encoding '${encoding}' template template0 locale 'C'`,
    );
    onTestFinished(async () => void (await sql(connectionString, `drop database ${database} with (force)`)));
    const elsewhere = urlWith(connectionString, { database });
    const message = await refusalOf({ connectionString: elsewhere });
    expect(message).toContain(`has the encoding ${encoding}`);
    expect(message).toContain(`encoding 'UTF8'`);
    expect(await tablesOf(elsewhere, 'allframe')).toEqual([]);
  });
});
