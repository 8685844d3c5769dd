/** Which of several servers is the primary: asked of each, and asked again when a connection is given up. */
import { describe, expect, it } from 'vitest';
import type { PooledPostgresClient, PostgresPool } from '@allframe/nestjs/postgres';
import { PrimaryPool } from '../../../lib/backends/postgres/connecting/primary-pool.js';
import { gate } from '../../store/gate.js';

type Listener = (...args: unknown[]) => void;

class FakeClient implements PooledPostgresClient {
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(private readonly server: FakeServer) {}

  async query({ text }: { text: string }): Promise<{ rows: unknown[] }> {
    this.server.asked.push(text);
    if (this.listeners('error') === 0) this.server.unheard++;
    await this.server.answering;
    if (this.server.failure !== undefined) throw this.server.failure;
    return { rows: [[this.server.isReadOnly ? 'on' : 'off']] };
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  listeners(event: string): number {
    return this.#listeners.get(event)?.size ?? 0;
  }

  escapeIdentifier(name: string): string {
    return name;
  }

  release(_destroy?: boolean): void {
    throw new Error('it has not been handed out');
  }
}

/** A server and its pool. */
class FakeServer implements PostgresPool {
  isReadOnly = false;
  isDown = false;
  /** What its statements fail with. */
  failure: Error | undefined;
  /** Until when its statements take. */
  answering: Promise<void> | undefined;
  /** Statements that ran while nobody listened for errors of their connection. */
  unheard = 0;
  ended = false;
  readonly asked: string[] = [];
  readonly idle: FakeClient[] = [];
  readonly out = new Set<FakeClient>();
  readonly listening: string[] = [];

  constructor(readonly name: string) {}

  async connect(): Promise<FakeClient> {
    if (this.isDown) throw new Error(`${this.name} is down`);
    const client = this.idle.pop() ?? new FakeClient(this);
    this.out.add(client);
    // As the pool of `pg` does: a method for this one time, that may be called once.
    client.release = (destroy) => {
      if (!this.out.delete(client)) throw new Error('released twice');
      if (destroy !== true) this.idle.push(client);
    };
    return client;
  }

  on(event: string): void {
    this.listening.push(event);
  }

  off(event: string): void {
    this.listening.splice(this.listening.indexOf(event), 1);
  }

  async end(): Promise<void> {
    this.ended = true;
  }
}

function newServers(...readOnly: readonly boolean[]): { servers: FakeServer[]; pool: PrimaryPool } {
  const servers = readOnly.map((isReadOnly, i) =>
    Object.assign(new FakeServer(`server ${i + 1}`), { isReadOnly }),
  );
  return { servers, pool: new PrimaryPool(servers) };
}

/** On which of the servers a connection is. */
const placeOf = (servers: readonly FakeServer[], client: PooledPostgresClient): number =>
  servers.findIndex(({ out }) => out.has(client as FakeClient)) + 1;

/** How many connections are out, server by server. */
const outOf = (servers: readonly FakeServer[]): readonly number[] => servers.map(({ out }) => out.size);

describe('a connection', () => {
  it.each([
    ['the first', [false, true, true], 1],
    ['the second', [true, false, true], 2],
    ['the last', [true, true, false], 3],
  ] as const)('is to the one server that takes writes: %s', async (_, readOnly, place) => {
    const { servers, pool } = newServers(...readOnly);
    const client = await pool.connect();
    expect(placeOf(servers, client)).toBe(place);
    // The others have theirs back, and not as good ones.
    expect(outOf(servers).reduce((sum, n) => sum + n)).toBe(1);
    expect(servers.flatMap(({ idle }) => idle)).toEqual([]);
    client.release();
    expect(outOf(servers)).toEqual([0, 0, 0]);
  });

  it('passes over servers that are down, or fail while they are asked', async () => {
    const { servers, pool } = newServers(false, false, false);
    const [first, second] = servers as [FakeServer, FakeServer];
    first.isDown = true;
    second.failure = new Error('cut');
    const client = await pool.connect();
    expect(placeOf(servers, client)).toBe(3);
    expect(outOf(servers)).toEqual([0, 0, 1]);
    expect(second.idle).toEqual([]);
  });

  it('is looked for where the last one was found', async () => {
    const { servers, pool } = newServers(true, false);
    (await pool.connect()).release();
    await pool.connect();
    await pool.connect();
    expect(servers.map(({ asked }) => asked.length)).toEqual([1, 2]);
  });

  it('is asked once, however often it is handed out', async () => {
    const { servers, pool } = newServers(false);
    for (let times = 0; times < 5; times++) (await pool.connect()).release();
    expect(servers[0]?.asked).toEqual(['show transaction_read_only']);
  });

  it('is asked again once another one has been given up', async () => {
    const { servers, pool } = newServers(false);
    const [kept, cut] = [await pool.connect(), await pool.connect()];
    kept.release();
    cut.release(true);
    expect(await pool.connect()).toBe(kept);
    expect(servers[0]?.asked).toHaveLength(3);
  });

  it('moves to the new primary when the old one has become a standby', async () => {
    const { servers, pool } = newServers(false, true);
    const [idle, cut] = [await pool.connect(), await pool.connect()];
    idle.release();
    [servers[0]!.isReadOnly, servers[1]!.isReadOnly] = [true, false];
    cut.release(true);
    const client = await pool.connect();
    expect(placeOf(servers, client)).toBe(2);
    // The one that was good before has been asked, and thrown away.
    expect(servers[0]?.idle).toEqual([]);
    client.release();
    expect(outOf(servers)).toEqual([0, 0]);
  });

  it('that was being asked while another one was given up is asked once more', async () => {
    const { servers, pool } = newServers(false);
    const [server] = servers as [FakeServer];
    const cut = await pool.connect();
    const answer = gate();
    server.answering = answer.opened;
    const connecting = pool.connect();
    await Promise.resolve();
    cut.release(true);
    answer.open();
    const client = await connecting;
    client.release();
    expect(await pool.connect()).toBe(client);
    expect(server.asked).toHaveLength(3);
  });

  it('has somebody who listens for its errors while it is asked, and is handed over without', async () => {
    const { servers, pool } = newServers(true, false);
    const client = (await pool.connect()) as FakeClient;
    client.release();
    await pool.connect();
    expect(servers.map(({ unheard }) => unheard)).toEqual([0, 0]);
    expect(client.listeners('error')).toBe(0);
  });

  it('is released once, whoever has had it', async () => {
    const { servers, pool } = newServers(false);
    for (const destroy of [undefined, false, true, undefined]) {
      const client = await pool.connect();
      client.release(destroy);
      expect(() => client.release()).toThrow('released twice');
    }
    expect(outOf(servers)).toEqual([0]);
  });
});

describe('without a primary', () => {
  it('there is no connection, none is kept, and the last server’s word is the reason', async () => {
    const { servers, pool } = newServers(true, true);
    await expect(pool.connect()).rejects.toThrow('does not take writes');
    servers[1]!.isDown = true;
    await expect(pool.connect()).rejects.toThrow('server 2 is down');
    servers[1]!.isDown = false;
    servers[1]!.failure = Object.assign(new Error('refused'), { code: '28P01' });
    await expect(pool.connect()).rejects.toBe(servers[1]!.failure);
    expect(outOf(servers)).toEqual([0, 0]);
    expect(servers.flatMap(({ idle }) => idle)).toEqual([]);
  });

  it('there is one as soon as a server has become it', async () => {
    const { servers, pool } = newServers(true, true);
    await expect(pool.connect()).rejects.toThrow();
    servers[1]!.isReadOnly = false;
    expect(placeOf(servers, await pool.connect())).toBe(2);
  });
});

it('everything that is asked of the pool is asked of all', async () => {
  const { servers, pool } = newServers(false, true);
  const listener = (): void => undefined;
  pool.on('error', listener);
  expect(servers.map(({ listening }) => listening)).toEqual([['error'], ['error']]);
  pool.off('error', listener);
  expect(servers.map(({ listening }) => listening)).toEqual([[], []]);
  await pool.end();
  expect(servers.map(({ ended }) => ended)).toEqual([true, true]);
});
