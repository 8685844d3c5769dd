import { type PooledPostgresClient, type PostgresPool, queryRows } from '../driver.js';

/** A pool per server, of which one takes writes: connections are to that one, whichever it is by now. */
export class PrimaryPool implements PostgresPool {
  /** The server that was the primary when last looked. */
  #current = 0;
  /** Raised when a connection is given up: what was the primary may be it no longer. */
  #generation = 0;
  readonly #checked = new WeakMap<object, number>();

  /** @param pools at least one */
  constructor(private readonly pools: readonly PostgresPool[]) {}

  /** @throws what the last server said, if none of them takes writes */
  async connect(): Promise<PooledPostgresClient> {
    let reason: unknown;
    for (let i = 0; i < this.pools.length; i++) {
      const n = (this.#current + i) % this.pools.length;
      try {
        const client = await this.#connectTo(this.pools[n] as PostgresPool);
        this.#current = n;
        return client;
      } catch (error) {
        reason = error;
      }
    }
    throw reason;
  }

  on(event: string, listener: (...args: unknown[]) => void): void {
    for (const pool of this.pools) pool.on(event, listener);
  }

  off(event: string, listener: (...args: unknown[]) => void): void {
    for (const pool of this.pools) pool.off(event, listener);
  }

  async end(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.end()));
  }

  async #connectTo(pool: PostgresPool): Promise<PooledPostgresClient> {
    const client = await pool.connect();
    // Whoever has asked for the connection listens only once it is his.
    client.on('error', ignore);
    try {
      if (this.#checked.get(client) !== this.#generation) {
        const generation = this.#generation;
        if (!(await takesWrites(client))) throw new Error('the server does not take writes: it is a standby');
        this.#checked.set(client, generation);
      }
    } catch (error) {
      client.release(true);
      throw error;
    } finally {
      client.off('error', ignore);
    }
    // A pool makes this method anew each time it hands the client out.
    const release = client.release.bind(client);
    client.release = (destroy) => {
      if (destroy === true) this.#generation++;
      release(destroy);
    };
    return client;
  }
}

function ignore(): void {
  // The query that runs on the connection says it as well.
}

async function takesWrites(client: PooledPostgresClient): Promise<boolean> {
  const [row] = await queryRows(client, 'show transaction_read_only');
  return row?.[0] === 'off';
}
