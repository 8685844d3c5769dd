import type { InjectionToken, Provider } from '@nestjs/common';
import { AggregateRepository, type RepositoryOptions } from '../aggregates/aggregate-repository.js';
import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import { type DeciderDefinition, DeciderRepository } from '../aggregates/decider-repository.js';
import type { EventStore } from '../store/event-store.js';
import {
  getAggregateRepositoryToken,
  getDeciderRepositoryToken,
  getEventStoreToken,
} from './allframe.tokens.js';
import { StoreRegistry } from './store.registry.js';

/** A decider of whatever state, commands and events. @publicApi */
export interface DeciderFeature extends Omit<DeciderDefinition<unknown, unknown, object>, 'decider'> {
  readonly decider: {
    readonly initialState: () => unknown;
    readonly decide: (command: never, state: never) => object | readonly object[];
    readonly evolve: (state: never, event: never) => unknown;
  };
}

/** What `forFeature` makes a repository of. @publicApi */
export type Feature = AggregateType<AggregateRoot> | DeciderFeature;

/** The repository of an aggregate or a decider. */
export function repositoryProvider(feature: Feature, storeName: string | undefined): Provider {
  const [provide, user, make] = repositoryOf(feature, storeName);
  return {
    provide,
    inject: [StoreRegistry, { token: getEventStoreToken(storeName), optional: true }],
    useFactory: (stores: StoreRegistry) => {
      const { store, snapshots } = stores.get(storeName, user);
      return make(store, snapshots === undefined ? {} : { snapshots });
    },
  };
}

function repositoryOf(
  feature: Feature,
  store: string | undefined,
): [token: InjectionToken, user: string, make: (store: EventStore, options: RepositoryOptions) => object] {
  if (typeof feature === 'function') {
    return [
      getAggregateRepositoryToken(feature, store),
      `forFeature([${feature.name}])`,
      (opened, options) => new AggregateRepository(opened, feature, options),
    ];
  }
  return [
    getDeciderRepositoryToken(feature.name, store),
    `forFeature with decider "${feature.name}"`,
    (opened, options) =>
      new DeciderRepository(opened, feature as DeciderDefinition<unknown, unknown, object>, options),
  ];
}
