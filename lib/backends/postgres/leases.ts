import type { Leases } from '../../core/leases.js';
import type { Database, Rows } from './database.js';

/**
 * Leases as rows, with times of the server: the clocks of the processes may differ. Whoever wants one asks again and again,
 * so a database that is away is not waited for.
 */
export class PostgresLeases implements Leases {
  readonly #hold: string;
  readonly #release: string;

  constructor(
    private readonly database: Database,
    schema: string,
    /** How long the database may take, in milliseconds. */
    private readonly patienceMs: number,
  ) {
    this.#hold = `insert into ${schema}.leases as held (name, owner, expires_at)
      select name, $2::uuid, clock_timestamp() + $3 * interval '1 millisecond' from unnest($1::text[]) as name order by name
      on conflict (name) do update set owner = excluded.owner, expires_at = excluded.expires_at
        where held.owner = excluded.owner or held.expires_at < clock_timestamp()
      returning name`;
    this.#release = `delete from ${schema}.leases where name = any($1::text[]) and owner = $2::uuid`;
  }

  async hold(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[]> {
    const rows = await this.#run('hold leases', this.#hold, [names, owner, ttlMs]);
    return rows.map(([name]) => name as string);
  }

  async release(names: readonly string[], owner: string): Promise<void> {
    await this.#run('release leases', this.#release, [names, owner]);
  }

  #run(operation: string, text: string, values: readonly unknown[]): Promise<Rows> {
    return this.database.read(operation, text, values, this.database.deadline(0), this.patienceMs);
  }
}
