import type { Leases } from '../../core/leases.js';
import type { Read } from './database.js';

/** Leases as rows, with times of the server: the clocks of the processes may differ. */
export class PostgresLeases implements Leases {
  readonly #hold: string;
  readonly #release: string;

  constructor(
    private readonly run: Read,
    schema: string,
  ) {
    this.#hold = `insert into ${schema}.leases as held (name, owner, expires_at)
      select name, $2::uuid, clock_timestamp() + $3 * interval '1 millisecond' from unnest($1::text[]) as name order by name
      on conflict (name) do update set owner = excluded.owner, expires_at = excluded.expires_at
        where held.owner = excluded.owner or held.expires_at < clock_timestamp()
      returning name`;
    this.#release = `delete from ${schema}.leases where name = any($1::text[]) and owner = $2::uuid`;
  }

  async hold(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[]> {
    // Once more after a lost connection is the same: what has been taken is renewed.
    const rows = await this.run('hold leases', this.#hold, [names, owner, ttlMs]);
    return rows.map(([name]) => name as string);
  }

  async release(names: readonly string[], owner: string): Promise<void> {
    await this.run('release leases', this.#release, [names, owner]);
  }
}
