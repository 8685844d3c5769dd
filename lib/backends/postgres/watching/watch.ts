import { createHash } from 'node:crypto';
import { type Clock, backOffMs, pause } from '../../../core/clock.js';
import { Limits } from '../../../core/limits.js';
import type { Database } from '../database.js';
import type { PostgresClient } from '../driver.js';

/** How a process learns of the events of others: told by the server, or by asking alone (behind a pooler in transaction mode). */
export type WakeUp = 'notify' | 'poll';

/**
 * Notices events, whichever process has appended them.
 *
 * Notifications are hints: they come soon, and may be lost. So the head is asked for as well, the less often the longer
 * nothing happens, and every change of it wakes.
 */
export class Watch {
  readonly #stopping = new AbortController();
  readonly #channel: string;
  readonly #headQuery: string;
  readonly #notification: string;
  /** The last position that the watchers have been woken for. */
  #seen = -1;
  #isListening = false;
  #running: Promise<unknown> | undefined;
  #askSoon: (() => void) | undefined;
  #notifying: Promise<void> | undefined;
  #isToNotify = false;

  constructor(
    private readonly database: Database,
    schemaName: string,
    schema: string,
    private readonly wakeUp: WakeUp,
    private readonly clock: Clock,
    private readonly wake: () => void,
    /** Where the watchers read: a replica hears of nothing, and is asked. */
    private readonly readers: Database,
  ) {
    // A channel's name is cut at 63 bytes, and so may a schema's be that long.
    this.#channel = `allframe_${createHash('md5').update(schemaName).digest('hex')}`;
    this.#headQuery = `select ${schema}.last_position()`;
    // A hint need not be on any disk, and others that notify wait for its commit.
    this.#notification = `select set_config('synchronous_commit', 'off', true), pg_notify($1, ${schema}.last_position()::text)`;
  }

  /** To be called when somebody watches. */
  start(): void {
    if (this.#running !== undefined) return;
    const loops = [this.#poll()];
    if (this.wakeUp === 'notify') loops.push(this.#listen());
    this.#running = Promise.all(loops);
  }

  /** The connection that listens is to be ended right after, with those of the database. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#askSoon?.();
    await Promise.all([this.#running, this.#notifying]);
  }

  /** This process has made events visible. @param position up to where, if that is known */
  appended(position?: number): void {
    // Those who watch read everything up to here, others' events among it.
    if (position !== undefined && this.readers === this.database) this.#seen = Math.max(this.#seen, position);
    else this.#askSoon?.();
    this.wake();
    if (this.wakeUp !== 'notify') return;
    this.#isToNotify = true;
    this.#notifying ??= this.#notify();
  }

  /** Tells others after the commit and never within: the server makes every commit that notifies wait for every other one. */
  async #notify(): Promise<void> {
    while (this.#isToNotify && !this.#stopping.signal.aborted) {
      this.#isToNotify = false;
      // Lost, it is made up for by asking.
      await this.database.read('notify', this.#notification, [this.#channel]).catch(() => undefined);
      await pause(this.clock, Limits.notifyEveryMs, this.#stopping.signal);
    }
    this.#notifying = undefined;
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    for (let quiet = 0; !signal.aborted; quiet++) {
      // Also while the head is on its way: what it tells may be from before.
      const soon = new AbortController();
      this.#askSoon = () => {
        quiet = 0;
        soon.abort();
      };
      try {
        const [row] = await this.readers.read('watch', this.#headQuery);
        if (this.#moveTo(Number(row?.[0]))) quiet = 0;
        // Behind one address there may be several replicas: the one that reads may be behind the one that was asked.
        else if (this.readers !== this.database) this.wake();
      } catch {
        // The database is away; those who read will say so.
      }
      const maxMs = this.#isListening ? Limits.pollDelayNotifiedMs : Limits.pollDelayMaxMs;
      if (signal.aborted) return;
      await pause(this.clock, backOffMs(quiet + 1, Limits.pollDelayMs, maxMs), soon.signal);
    }
  }

  #moveTo(head: number): boolean {
    if (head === this.#seen) return false;
    this.#seen = head;
    this.wake();
    return true;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.database.withClient('listen', async (client) => {
          await this.#listenOn(client, () => (failures = 0));
        });
      } catch {
        failures++;
      }
      this.#isListening = false;
      this.#askSoon?.();
      if (failures > 0) {
        const ms = backOffMs(failures, Limits.reconnectDelayMs, Limits.reconnectDelayMaxMs);
        await pause(this.clock, ms, signal);
      }
    }
  }

  /** Until the connection ends (rejects) or the watch does. */
  async #listenOn(client: PostgresClient, onListening: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const onNotification = (message: unknown): void => {
      const position = Number((message as { payload?: string }).payload);
      if (!(position > this.#seen)) return;
      if (this.readers === this.database) this.#moveTo(position);
      else this.#askSoon?.();
    };
    client.on('notification', onNotification);
    try {
      const channel = client.escapeIdentifier(this.#channel);
      await client.query({ text: `listen ${channel}` });
      this.#isListening = true;
      onListening();
      // What came before it was listening has been told to nobody.
      this.#askSoon?.();
      await ended(client, signal);
    } finally {
      client.off('notification', onNotification);
    }
  }
}

/** Resolves when `signal` is aborted; rejects when the connection ends before. */
function ended(client: PostgresClient, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      client.off('error', onError);
      client.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      how();
    };
    const onError = (error: unknown): void => settle(() => reject(error));
    const onEnd = (): void => settle(() => reject(new Error('the connection has ended')));
    const onAbort = (): void => settle(resolve);
    client.on('error', onError);
    client.on('end', onEnd);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
