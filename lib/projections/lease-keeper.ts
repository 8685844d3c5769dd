import { randomUUID } from 'node:crypto';
import { type Clock, pause } from '../core/clock.js';
import type { Leases } from '../core/leases.js';
import { StoreClosedError } from '../core/errors/store.errors.js';
import { Limits } from '../core/limits.js';

/** A lease that is held. */
export interface HeldLease {
  /** Aborted when somebody else may have it. */
  readonly lost: AbortSignal;
  /** Gives it back. */
  release(): Promise<void>;
}

interface Wanted {
  /** Told that the lease is held. */
  readonly take: () => void;
  held: AbortController | undefined;
}

/** Takes and renews the leases of one process, all of them with one call. */
export class LeaseKeeper {
  readonly #owner = randomUUID();
  readonly #wanted = new Map<string, Wanted>();
  #running = false;
  /** The call under way. */
  #holding: Promise<unknown> = Promise.resolve();
  /** Ends the pause, since somebody new wants a lease. */
  #soon: AbortController | undefined;

  constructor(
    private readonly leases: Leases,
    private readonly clock: Clock,
  ) {}

  /** Waits until the lease is held; `undefined` if `signal` is aborted before. One at a time for a name. */
  async take(name: string, signal: AbortSignal): Promise<HeldLease | undefined> {
    const lost = new AbortController();
    const held = await new Promise<boolean>((resolve) => {
      const wanted: Wanted = {
        held: undefined,
        take: () => {
          wanted.held = lost;
          resolve(true);
        },
      };
      if (signal.aborted) return resolve(false);
      signal.addEventListener('abort', () => resolve(false), { once: true });
      this.#wanted.set(name, wanted);
      this.#start();
    });
    if (!held) {
      // It may have been taken at this very moment.
      await this.#giveBack(name);
      return undefined;
    }
    return { lost: lost.signal, release: () => this.#giveBack(name) };
  }

  async #giveBack(name: string): Promise<void> {
    this.#wanted.delete(name);
    this.#soon?.abort();
    // A call that is under way would take it again.
    await this.#holding.catch(() => undefined);
    // Its time runs out, too.
    await this.leases.release([name], this.#owner).catch(() => undefined);
  }

  #start(): void {
    this.#soon?.abort();
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let renewedAt = this.clock.now();
    while (this.#wanted.size > 0) {
      this.#soon = new AbortController();
      const asked = new Map(this.#wanted);
      const began = this.clock.now();
      try {
        const holding = this.leases.hold([...asked.keys()], this.#owner, Limits.leaseTtlMs);
        this.#holding = holding;
        const held = new Set(await holding);
        renewedAt = began;
        for (const [name, wanted] of asked) settle(wanted, held.has(name));
      } catch (error) {
        if (error instanceof StoreClosedError) {
          for (const wanted of asked.values()) settle(wanted, false);
          break;
        }
        // Those who read the database say that it is away; what is held may soon be somebody else's.
        if (this.clock.now() - renewedAt > Limits.leaseTtlMs) {
          for (const wanted of asked.values()) settle(wanted, false);
        }
      }
      await pause(this.clock, Limits.leaseRenewMs, this.#soon.signal);
    }
    this.#running = false;
  }
}

function settle(wanted: Wanted, isHeld: boolean): void {
  if (isHeld && wanted.held === undefined) wanted.take();
  if (!isHeld) wanted.held?.abort();
}
