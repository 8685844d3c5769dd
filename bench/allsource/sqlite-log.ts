/**
 * An events table in SQLite, as embedded event stores keep it: write-ahead log, `synchronous=FULL`, one transaction per
 * append. It needs a compiler to install, so it lives in `bench/package.json`: `npm ci --prefix bench`.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface Statement {
  run(...values: readonly unknown[]): unknown;
}
interface Database {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): Statement;
  transaction(work: (rows: readonly Row[]) => void): (rows: readonly Row[]) => void;
  close(): void;
}
type Row = readonly [id: string, streamId: string, version: number, type: string, data: string];

/** `undefined` where it is not installed. */
export function openSqlite(directory: string): SqliteLog | undefined {
  try {
    // From build/bench the way leads back to bench/node_modules.
    const load = createRequire(join(process.cwd(), 'bench', 'package.json'));
    const open = load('better-sqlite3') as new (path: string) => Database;
    return new SqliteLog(new open(join(directory, 'events.db')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

export class SqliteLog {
  readonly #insertAll: (rows: readonly Row[]) => void;

  constructor(private readonly database: Database) {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec(
      'CREATE TABLE events (position INTEGER PRIMARY KEY, id TEXT UNIQUE, stream TEXT, version INTEGER, type TEXT, data TEXT, UNIQUE (stream, version))',
    );
    const insert = database.prepare(
      'INSERT INTO events (id, stream, version, type, data) VALUES (?, ?, ?, ?, ?)',
    );
    this.#insertAll = database.transaction((rows) => {
      for (const row of rows) insert.run(...row);
    });
  }

  append(rows: readonly Row[]): void {
    this.#insertAll(rows);
  }

  close(): void {
    this.database.close();
  }
}
