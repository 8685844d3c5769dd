import type { EventStoreBackend } from '../../core/event-store-backend.js';

/**
 * A backend that is to prove the contract.
 * @publicApi
 */
export interface ContractSubject {
  /** What the backend is called in the names of the tests. */
  readonly name: string;
  /**
   * A backend at a place, not yet opened: the kit opens and closes it. The same place again is asked for only after
   * the last one there was closed, and must hold the same data where `capabilities.durable` says so; another place
   * holds nothing of it. A place is a short name of letters, digits and dashes.
   */
  open(place: string): EventStoreBackend | Promise<EventStoreBackend>;
  readonly capabilities: ContractCapabilities;
  /** How to make it fail, where it can. A line that needs a fault which is not here is skipped by name. */
  readonly faults?: ContractFaults;
  /** A backend at a place for one of its tenants, where the backend has tenants. */
  openTenant?(place: string, tenant: string): EventStoreBackend | Promise<EventStoreBackend>;
  /**
   * Runs `work` in one transaction of the user's own, where `capabilities.transactional` says so: what `inside`
   * writes is undone if `work` rejects. `backend` is open.
   */
  inTransaction?<R>(backend: EventStoreBackend, work: (inside: EventStoreBackend) => Promise<R>): Promise<R>;
  /** The settings that the backend's driver keeps for the whole process, to prove that they are left alone. */
  driverSettings?(): unknown;
  /** Called when a place is no longer needed, after its last backend was closed. */
  remove?(place: string): void | Promise<void>;
  /** How long a line waits for one thing before it fails, in milliseconds; default 2,000. */
  readonly patienceMs?: number;
  /** How long a whole line may take, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Random plans per property; default 100. `ALLFRAME_RUNS` wins. */
  readonly runs?: number;
}

/**
 * What a backend can do beyond the contract, and where it does less.
 * @publicApi
 */
export interface ContractCapabilities {
  /** The same place opened again, by this process at least, holds the same data. */
  readonly durable: boolean;
  /** It can take part in a transaction of the user's own. */
  readonly transactional: boolean;
  /** Among how many of the newest events an id is known again wherever it stands; `Infinity` for all. */
  readonly duplicateWindow: number;
  /** Positions may leave gaps; default false. */
  readonly positionsHaveGaps?: boolean;
  /** In this mode a crash may lose acknowledged events (interval durability, asynchronous fail-over); default false. */
  readonly losesTail?: boolean;
}

/**
 * Ways to make a backend fail. Each concerns the backend that is open at `place` and works once.
 * @publicApi
 */
export interface ContractFaults {
  /** The next append fails with `error`, before it is durable and for good. */
  failNextAppend?(place: string, error: Error): void | Promise<void>;
  /** The next append ends in AppendOutcomeUnknownError: after it was `written`, or without. */
  unknownOutcome?(place: string, written: boolean): void | Promise<void>;
  /** The next append comes to a stand just before it is durable, until the returned function is called. */
  holdNextAppend?(place: string): (() => void) | Promise<() => void>;
  /** The next page of the log cannot be read and fails with `error`. */
  failNextRead?(place: string, error: Error): void | Promise<void>;
  /** Ends the backend as the death of its process would, without closing it. The place is opened again afterwards. */
  crash?(place: string): void | Promise<void>;
  /** Opens a write transaction of somebody else's beside the store's data; the returned function ends it. */
  foreignTransaction?(place: string): Promise<() => Promise<void>>;
}

export const DEFAULT_PATIENCE_MS = 2_000;
export const DEFAULT_TIMEOUT_MS = 30_000;
export const DEFAULT_RUNS = 100;
