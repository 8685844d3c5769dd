import type { EventStoreBackend } from '../../core/event-store-backend.js';
import type { RecordedEvent } from '../../core/recorded-event.js';
import { EventStore, type EventStoreOptions } from '../../store/event-store.js';
import type { SubscribeOptions } from '../../store/read-options.js';
import { type ContractFaults, type ContractSubject, DEFAULT_PATIENCE_MS } from './contract-subject.js';
import { Follower } from './follower.js';
import { within } from './patience.js';
import { type PageRequests, watched } from './watched-backend.js';

/** A call of a backend may move megabytes; what is delivered to a waiting reader is small. */
const CALL_PATIENCE_FACTOR = 5;

/**
 * One line on trial at one backend: it opens what the line needs at a place of its own, and closes it afterwards.
 */
export class Trial {
  /** What the stores of this trial logged. */
  readonly logged: { message: string; error?: unknown }[] = [];
  /** The pages that the stores of this trial asked their backend for. */
  readonly requests: PageRequests = { log: [], streams: [] };
  readonly patienceMs: number;
  readonly #open = new Set<{ close(): Promise<void> }>();
  readonly #places = new Set<string>();
  #newPlaces = 0;
  readonly #unwatched = new Map<EventStoreBackend, EventStoreBackend>();

  /** @param place where it takes place; it may use places that begin with this name and a dash */
  constructor(
    readonly subject: ContractSubject,
    readonly place: string,
  ) {
    this.patienceMs = subject.patienceMs ?? DEFAULT_PATIENCE_MS;
  }

  get #callPatienceMs(): number {
    return this.patienceMs * CALL_PATIENCE_FACTOR;
  }

  /** A store at the trial's place, or at another one. */
  async open(options: EventStoreOptions = {}, place = this.place): Promise<EventStore> {
    return this.openOn(await this.backendAt(place), options);
  }

  /** A store on a backend. */
  async openOn(backend: EventStoreBackend, options: EventStoreOptions = {}): Promise<EventStore> {
    const logger = {
      error: (message: string, error?: unknown) => void this.logged.push({ message, error }),
      warn: (message: string) => void this.logged.push({ message }),
    };
    const store = await EventStore.open(backend, { logger, ...options });
    this.#open.add(store);
    return store;
  }

  /** An opened backend at the trial's place, or at another one. */
  async openBackend(place = this.place): Promise<EventStoreBackend> {
    const backend = await this.backendAt(place);
    await backend.open();
    this.#open.add(backend);
    return backend;
  }

  /** A backend at a place, not opened. */
  async backendAt(place: string): Promise<EventStoreBackend> {
    this.#places.add(place);
    return this.watch(await this.within(Promise.resolve(this.subject.open(place)), `open('${place}')`));
  }

  /** A backend at the trial's place for one tenant. */
  async openTenant(tenant: string): Promise<EventStore> {
    const open = this.subject.openTenant?.bind(this.subject);
    if (open === undefined) throw new Error('the subject has no openTenant');
    this.#places.add(this.place);
    return this.openOn(this.watch(await open(this.place, tenant)));
  }

  watch(backend: EventStoreBackend): EventStoreBackend {
    const seen = watched(backend, this.#callPatienceMs, this.requests);
    this.#unwatched.set(seen, backend);
    return seen;
  }

  /** Runs `work` in a transaction of the user's own. */
  inTransaction<R>(store: EventStore, work: (inside: EventStoreBackend) => Promise<R>): Promise<R> {
    const run = this.subject.inTransaction?.bind(this.subject);
    if (run === undefined) throw new Error('the subject has no inTransaction');
    return run(this.#unwatched.get(store.backend) ?? store.backend, work);
  }

  /** Closes a store or backend, and fails if that takes too long. */
  async close(open: { close(): Promise<void> }): Promise<void> {
    this.#open.delete(open);
    await this.within(open.close(), 'close() to resolve');
  }

  /** Closes a store and opens the same place again. */
  async reopen(store: EventStore, options: EventStoreOptions = {}): Promise<EventStore> {
    await this.close(store);
    return this.open(options);
  }

  /** Ends the backend at the trial's place without closing it, and opens the place again. */
  async crash(store: EventStore): Promise<EventStore> {
    this.#open.delete(store);
    await this.fault('crash')(this.place);
    return this.open();
  }

  /** A fault of the subject; the line has made sure that there is one. */
  fault<K extends keyof ContractFaults>(name: K): NonNullable<ContractFaults[K]> {
    const { faults } = this.subject;
    const bring = faults?.[name];
    if (bring === undefined) throw new Error(`the subject has no faults.${name}`);
    return bring.bind(faults) as NonNullable<ContractFaults[K]>;
  }

  /** A subscription that keeps what it is given. */
  follow(
    store: EventStore,
    options: SubscribeOptions = {},
    next?: (event: RecordedEvent) => void | Promise<void>,
  ): Follower {
    return new Follower(store, this.patienceMs, options, next);
  }

  /** What `work` settles with, or an error that says what was waited for. */
  within<T>(work: PromiseLike<T>, what: string | (() => string)): Promise<T> {
    return within(work, what, this.patienceMs);
  }

  /** A trial within this one, at a place that nobody has used. */
  async atNewPlace(prove: (trial: Trial) => Promise<void>): Promise<void> {
    await new Trial(this.subject, `${this.place}-${++this.#newPlaces}`).run(prove);
  }

  /** Lets a line have its way, and clears up after it. */
  async run(prove: (trial: Trial) => Promise<void>): Promise<void> {
    let failed = true;
    try {
      await prove(this);
      failed = false;
    } finally {
      // What went wrong in the line says more than what then goes wrong in clearing up after it.
      await this.#end().catch((error: unknown) => {
        if (!failed) throw error;
      });
    }
  }

  /** Closes what is still open and forgets the places. */
  async #end(): Promise<void> {
    for (const open of this.#open) await this.close(open);
    for (const place of this.#places) await this.subject.remove?.(place);
  }
}
