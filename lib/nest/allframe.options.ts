import type {
  FactoryProvider,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Type as NestType,
} from '@nestjs/common';
import type { SnapshotOptions } from '../aggregates/state-stream.js';
import type { MessageMiddleware, MessageMiddlewareClass } from '../commands/middleware.js';
import type { EventStoreBackend } from '../core/event-store-backend.js';
import type { EventStoreOptions } from '../store/event-store.js';

/**
 * How `AllFrameModule.forRoot` sets a store up.
 * @publicApi
 */
export interface AllFrameOptions extends EventStoreOptions {
  /** A second store's name, by which it is injected; the default store has none. */
  readonly name?: string;
  /** For every aggregate of the store: overrides `snapshotEvery`; `false` neither takes nor uses snapshots. */
  readonly snapshots?: SnapshotOptions | false;
  /** Stands around every command and query, the first outermost. */
  readonly middleware?: readonly GivenMiddleware[];
  /** How long the ids of commands are kept in this store, in milliseconds; default a week. */
  readonly keepCommandIdsMs?: number;
}

/** Middleware, or a provider of the application that is some. @publicApi */
export type GivenMiddleware = MessageMiddleware | NestType<MessageMiddlewareClass>;

/** A backend, or the URL of one. @publicApi */
export type BackendSource = EventStoreBackend | string;

/**
 * Makes the backend of `forRootAsync({ useClass | useExisting })`.
 * @publicApi
 */
export interface EventStoreBackendFactory {
  createEventStoreBackend(): BackendSource | Promise<BackendSource>;
}

/**
 * How `AllFrameModule.forRootAsync` gets its backend: by exactly one of `useFactory`, `useClass` and `useExisting`.
 * @publicApi
 */
export interface AllFrameAsyncOptions extends AllFrameOptions, Pick<ModuleMetadata, 'imports'> {
  /** Gives the backend or its URL from what is injected. Typed as the factory of every other provider is. */
  readonly useFactory?: FactoryProvider<BackendSource>['useFactory'];
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  /** A class to be instantiated: a backend itself, or something that makes one. */
  readonly useClass?: NestType<EventStoreBackend | EventStoreBackendFactory>;
  /** The token of a provider: a backend itself, or something that makes one. */
  readonly useExisting?: InjectionToken;
}
