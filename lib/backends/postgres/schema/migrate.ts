/** Brings a schema to the version of this library, one application at a time, all steps in one transaction. */
import { type PostgresClient, queryRows } from '../driver.js';
import { PostgresSchemaError } from '../postgres.errors.js';
import { MIGRATIONS } from './migrations.js';
import type { DataType } from './tables.js';

/** Any number that nobody else's advisory locks have. */
const MIGRATION_LOCK = '4714550480912477541';

/** Which schema, and what it is to hold. */
export interface StoreSchema {
  readonly name: string;
  readonly data: DataType;
}

/**
 * The statements that are still to be run, in their order; none where the schema is as this library wants it.
 * @throws PostgresSchemaError if the schema belongs to a newer version of the library, or keeps data otherwise
 */
export async function pendingStatements(
  client: PostgresClient,
  { name, data }: StoreSchema,
): Promise<readonly string[]> {
  const schema = client.escapeIdentifier(name);
  const [found] = await queryRows(
    client,
    `select (select true from pg_namespace where nspname = $1),
       (select true from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'migrations')`,
    [name],
  );
  const [hasSchema, hasTable] = found as readonly (string | null)[];
  const statements: string[] = [];
  if (hasSchema === null) statements.push(`create schema ${schema}`);
  if (hasTable === null) {
    statements.push(
      `create table ${schema}.migrations (version int primary key, name text not null, applied_at timestamptz not null default now())`,
    );
  }
  const version = hasTable === null ? 0 : await versionOf(client, name);
  if (version > 0) await assertData(client, name, data);
  for (const migration of MIGRATIONS) {
    if (migration.version <= version) continue;
    statements.push(
      ...migration.statements(schema, data),
      `insert into ${schema}.migrations (version, name) values (${migration.version}, '${migration.name}')`,
    );
  }
  return statements;
}

/**
 * Runs what is to be run. Of several applications that start at once one does it, and the others wait for it.
 * @returns the statements that were run
 */
export async function migrate(client: PostgresClient, schema: StoreSchema): Promise<readonly string[]> {
  if ((await pendingStatements(client, schema)).length === 0) return [];
  await client.query({ text: 'begin isolation level read committed' });
  try {
    await client.query({ text: `select pg_advisory_xact_lock(${MIGRATION_LOCK})` });
    const statements = await pendingStatements(client, schema);
    for (const text of statements) await client.query({ text });
    await client.query({ text: 'commit' });
    return statements;
  } catch (error) {
    await client.query({ text: 'rollback' }).catch(() => undefined);
    throw error;
  }
}

/** @throws PostgresSchemaError unless the schema is as this library wants it */
export async function assertMigrated(client: PostgresClient, schema: StoreSchema): Promise<void> {
  const pending = await pendingStatements(client, schema);
  if (pending.length === 0) return;
  throw new PostgresSchemaError(
    schema.name,
    `it has to be migrated, by ${pending.length} statement(s), and the option \`migrate\` is false. Run ` +
      '`PostgresBackend.migrate(options)` as a role that may, or leave the option out.',
  );
}

async function versionOf(client: PostgresClient, name: string): Promise<number> {
  const schema = client.escapeIdentifier(name);
  const [row] = await queryRows(client, `select coalesce(max(version), 0) from ${schema}.migrations`);
  const version = Number(row?.[0]);
  const known = MIGRATIONS.length;
  if (version <= known) return version;
  throw new PostgresSchemaError(
    name,
    `it is of version ${version}, and this version of the library knows up to ${known}. Update @allframe/nestjs in this ` +
      'application; nothing was changed.',
  );
}

/** What was decided when the schema was made cannot be changed by an option. */
async function assertData(client: PostgresClient, name: string, data: DataType): Promise<void> {
  const [row] = await queryRows(
    client,
    `select data_type from information_schema.columns where table_schema = $1 and table_name = 'events' and column_name = 'data'`,
    [name],
  );
  const kept = row?.[0];
  if (kept === data || kept === undefined) return;
  throw new PostgresSchemaError(
    name,
    `it keeps data as ${kept}, and the option \`data\` says '${data}'. Give data: '${kept}', or another schema.`,
  );
}
