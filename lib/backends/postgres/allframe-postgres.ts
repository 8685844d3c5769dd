#!/usr/bin/env node
/** The command line of the PostgreSQL backend: `npx allframe-postgres migrate [--dry-run] [--schema name] <url>`. */
import { parseArgs } from 'node:util';
import { AllFrameError } from '../../core/errors/allframe.error.js';
import { PostgresBackend } from './postgres-backend.js';

const HELP = `allframe-postgres migrate [options] [connection string]
Creates the schema of an event store, or brings it up to date. Unless the connection string is given, it is EVENT_STORE_URL.
  --dry-run         print the statements, and run nothing
  --schema <name>   default allframe
  --jsonb           a new schema keeps data as jsonb, not as json
  --help            this text`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const report = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      schema: { type: 'string' },
      jsonb: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [command, connectionString = process.env['EVENT_STORE_URL'] ?? '', ...more] = positionals;
  if (values.help || command !== 'migrate' || more.length > 0) {
    print(HELP);
    process.exitCode = values.help ? 0 : 1;
    return;
  }
  const dryRun = values['dry-run'];
  const statements = await PostgresBackend.migrate({
    connectionString,
    dryRun,
    ...(values.schema === undefined ? {} : { schema: values.schema }),
    ...(values.jsonb ? { data: 'jsonb' } : {}),
  });
  if (dryRun) for (const statement of statements) print(`${statement.trim()};\n`);
  if (statements.length === 0) report('Nothing is to be done');
  else report(`${statements.length} statements ${dryRun ? 'would be run' : 'were run'}`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { message, cause } = error as Error;
  report(`error: ${message}`);
  if (error instanceof AllFrameError && cause instanceof Error) report(`cause: ${cause.message}`);
  process.exitCode = 1;
});
