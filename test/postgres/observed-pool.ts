/** A pool of `pg` that tells what goes through it. */
import pg from 'pg';
import type { PooledPostgresClient, PostgresPool } from '@allframe/nestjs/postgres';
import { turns } from '../store/gate.js';

type Statement = Parameters<PooledPostgresClient['query']>[0];

export interface ObservedStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Everything that was under way on the pool when it was sent. */
  readonly beside: readonly string[];
}

export class ObservedPool implements PostgresPool {
  readonly statements: ObservedStatement[] = [];
  readonly #pool: pg.Pool;
  readonly #underWay = new Set<{ readonly text: string }>();

  constructor(config: pg.PoolConfig) {
    this.#pool = new pg.Pool(config);
  }

  /** The statements so far whose text holds `part`. */
  with(part: string): readonly ObservedStatement[] {
    return this.statements.filter(({ text }) => text.includes(part));
  }

  /** Resolves once nothing is asked of the server, and nothing that was answered leads to more. */
  async quiet(): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      await turns(1);
      if (this.#underWay.size > 0) idle = -1;
    }
  }

  async connect(): Promise<PooledPostgresClient> {
    const client = await this.#whileUnderWay('connect', () => this.#pool.connect());
    return new Proxy(client, {
      get: (target, name) => {
        if (name === 'query') return (statement: Statement) => this.#query(target, statement);
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  on(event: string, listener: (...args: unknown[]) => void): unknown {
    return this.#pool.on(event as 'error', listener);
  }

  off(event: string, listener: (...args: unknown[]) => void): unknown {
    return this.#pool.off(event, listener);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #query(client: pg.PoolClient, statement: Statement): ReturnType<PooledPostgresClient['query']> {
    const beside = [...this.#underWay].map(({ text }) => text);
    this.statements.push({ text: statement.text, values: statement.values ?? [], beside });
    return this.#whileUnderWay(statement.text, () => client.query(statement as pg.QueryConfig));
  }

  async #whileUnderWay<R>(text: string, work: () => Promise<R>): Promise<R> {
    const entry = { text };
    this.#underWay.add(entry);
    try {
      return await work();
    } finally {
      this.#underWay.delete(entry);
    }
  }
}
