import { Injectable } from '@nestjs/common';
import type { SnapshotOptions } from '../aggregates/state-stream.js';
import { AllFrameError } from '../core/errors/allframe.error.js';
import type { IdempotentCommands } from '../commands/idempotency/idempotent-commands.js';
import type { EventStore } from '../store/event-store.js';
import type { GivenMiddleware } from './allframe.options.js';

/**
 * Two `forRoot` of one application have the same name, so events would go to one store or the other by chance.
 * @publicApi
 */
export class DuplicateStoreError extends AllFrameError {
  readonly code = 'DuplicateStoreError';

  constructor(readonly store: string | undefined) {
    super(
      `AllFrameModule.forRoot is imported twice for ${nameOf(store)}. Import it once, in the root module (it is global), ` +
        "or give the second store a name: forRoot(backend, { name: 'other' }).",
    );
  }
}

/**
 * A handler or feature names a store that no `forRoot` sets up.
 * @publicApi
 */
export class UnknownStoreError extends AllFrameError {
  readonly code = 'UnknownStoreError';

  constructor(
    readonly store: string | undefined,
    user: string,
  ) {
    super(
      `${user} wants ${nameOf(store)}, which no module sets up. Import AllFrameModule.forRoot(backend${
        store === undefined ? '' : `, { name: '${store}' }`
      }) in the root module.`,
    );
  }
}

/** An open store of this application. */
export interface OpenStore {
  readonly store: EventStore;
  readonly snapshots: SnapshotOptions | false | undefined;
  /** What handles commands once for an id, and keeps the ids in this store. */
  readonly ids: IdempotentCommands;
  readonly middleware: readonly GivenMiddleware[];
  readonly shutdownTimeoutMs: number;
}

/** The stores of one application by name. */
@Injectable()
export class StoreRegistry {
  readonly #stores = new Map<string | undefined, OpenStore>();
  readonly #claimed = new Set<string | undefined>();

  /** To be called before a store is opened. @throws DuplicateStoreError */
  claim(name: string | undefined): void {
    if (this.#claimed.has(name)) throw new DuplicateStoreError(name);
    this.#claimed.add(name);
  }

  add(name: string | undefined, store: OpenStore): void {
    this.#stores.set(name, store);
  }

  /** @throws UnknownStoreError, which names the `user` that wants the store */
  get(name: string | undefined, user: string): OpenStore {
    const store = this.#stores.get(name);
    if (store === undefined) throw new UnknownStoreError(name, user);
    return store;
  }

  /** `undefined` where no `forRoot` sets it up. */
  find(name: string | undefined): OpenStore | undefined {
    return this.#stores.get(name);
  }

  /** Of every `forRoot`, that of the default store outermost. */
  middleware(): readonly GivenMiddleware[] {
    const stores = [...this.#stores].sort(([a], [b]) => Number(a !== undefined) - Number(b !== undefined));
    return stores.flatMap(([, { middleware }]) => middleware);
  }

  /** The longest of them. */
  shutdownTimeoutMs(): number {
    return Math.max(0, ...[...this.#stores.values()].map(({ shutdownTimeoutMs }) => shutdownTimeoutMs));
  }

  all(): readonly EventStore[] {
    return [...this.#stores.values()].map(({ store }) => store);
  }
}

function nameOf(store: string | undefined): string {
  return store === undefined ? 'the default store' : `store "${store}"`;
}
