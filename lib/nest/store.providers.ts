import { Logger, type Provider, type Type as NestType } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { openBackend } from '../backends/open-backend.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { EventStoreBackend } from '../core/event-store-backend.js';
import { IdempotentCommands } from '../commands/idempotency/idempotent-commands.js';
import { Limits } from '../core/limits.js';
import type { AllFrameLogger } from '../core/logger.js';
import { projectionDescriptionOf } from '../projections/projection.decorator.js';
import { eventHandlerMapOf } from '../store/event-handler-map.js';
import { EventStore } from '../store/event-store.js';
import type {
  AllFrameAsyncOptions,
  AllFrameOptions,
  BackendSource,
  EventStoreBackendFactory,
} from './allframe.options.js';
import { getEventStoreBackendToken, getEventStoreToken } from './allframe.tokens.js';
import { findHandlerClasses } from './provider-classes.js';
import { StoreRegistry } from './store.registry.js';

/** Opens the store as a provider, so that it is open once the application is made. */
export function storeProvider(options: AllFrameOptions): Provider {
  const { name, events = [], snapshots, middleware = [], keepCommandIdsMs } = options;
  const { shutdownTimeoutMs = Limits.shutdownTimeoutMs } = options;
  return {
    provide: getEventStoreToken(name),
    inject: [getEventStoreBackendToken(name), StoreRegistry, DiscoveryService],
    useFactory: async (backend: EventStoreBackend, stores: StoreRegistry, discovery: DiscoveryService) => {
      stores.claim(name);
      const handled = findHandlerClasses(discovery)
        .filter(({ type }) => projectionDescriptionOf(type)?.store === name)
        .flatMap(({ type }) => eventHandlerMapOf(type).classes);
      const store = await EventStore.open(backend, {
        logger: nestLogger(),
        ...options,
        events: [...events, ...handled],
      });
      const ids = new IdempotentCommands(store, { keepMs: keepCommandIdsMs });
      stores.add(name, { store, snapshots, ids, middleware, shutdownTimeoutMs });
      return store;
    },
  };
}

/** The backend of `forRoot`. */
export function backendProvider(source: BackendSource, name: string | undefined): Provider {
  return { provide: getEventStoreBackendToken(name), useFactory: () => toBackend(source, 'forRoot') };
}

/** The backend of `forRootAsync`. @throws InvalidArgumentError unless exactly one way to make it is given */
export function asyncBackendProviders(options: AllFrameAsyncOptions): Provider[] {
  const { name, useFactory, inject = [], useClass, useExisting } = options;
  const ways = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw new InvalidArgumentError(
      'forRootAsync',
      `exactly one of useFactory, useClass and useExisting makes the backend, and ${ways.length} are given`,
    );
  }
  const provide = getEventStoreBackendToken(name);
  if (useFactory !== undefined) {
    const make = useFactory as (...args: unknown[]) => BackendSource | Promise<BackendSource>;
    return [
      {
        provide,
        inject: [...inject],
        useFactory: async (...args: unknown[]) => toBackend(await make(...args), "forRootAsync's useFactory"),
      },
    ];
  }
  const [way, maker] = useClass === undefined ? ['useExisting', useExisting] : ['useClass', useClass];
  const giver = `forRootAsync's ${way} ${typeof maker === 'function' ? maker.name : String(maker)}`;
  const fromMaker: Provider = {
    provide,
    inject: [maker as NestType],
    useFactory: (made: unknown) => backendOf(made, giver),
  };
  return useClass === undefined ? [fromMaker] : [useClass as NestType, fromMaker];
}

/** A provider that is a backend, or makes one. */
async function backendOf(made: unknown, giver: string): Promise<EventStoreBackend> {
  if (made instanceof EventStoreBackend) return made;
  const factory = made as Partial<EventStoreBackendFactory> | null | undefined;
  if (typeof factory?.createEventStoreBackend !== 'function') {
    throw new InvalidArgumentError(
      giver,
      'it neither is a backend nor has the method createEventStoreBackend()',
    );
  }
  return toBackend(await factory.createEventStoreBackend(), `${giver}, createEventStoreBackend`);
}

async function toBackend(source: unknown, giver: string): Promise<EventStoreBackend> {
  if (source instanceof EventStoreBackend) return source;
  if (typeof source === 'string') return openBackend(source);
  const found =
    source === undefined ? 'undefined (is a setting missing?)' : source === null ? 'null' : typeof source;
  throw new InvalidArgumentError(
    giver,
    `it gave ${found}; give a backend, such as new InMemoryBackend(), or its URL`,
  );
}

function nestLogger(): AllFrameLogger {
  const logger = new Logger('AllFrame');
  return {
    error: (message, error) => logger.error(message, error instanceof Error ? error.stack : error),
    warn: (message) => logger.warn(message),
  };
}
