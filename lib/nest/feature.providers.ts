import type { InjectionToken, Provider } from '@nestjs/common';
import { AggregateRepository, type RepositoryOptions } from '../aggregates/aggregate-repository.js';
import { type DeciderDefinition, DeciderRepository } from '../aggregates/decider-repository.js';
import type { Feature } from './feature.js';
import type { EventStore } from '../store/event-store.js';
import {
  getAggregateRepositoryToken,
  getDeciderRepositoryToken,
  getEventStoreToken,
} from './allframe.tokens.js';
import { FeatureRegistry } from './feature.registry.js';
import { StoreRegistry } from './store.registry.js';

/** The repository of an aggregate or a decider. */
export function repositoryProvider(feature: Feature, storeName: string | undefined): Provider {
  const [provide, user, make] = repositoryOf(feature, storeName);
  return {
    provide,
    inject: [StoreRegistry, FeatureRegistry, { token: getEventStoreToken(storeName), optional: true }],
    useFactory: (stores: StoreRegistry, features: FeatureRegistry) => {
      const { store, snapshots } = stores.get(storeName, user);
      const repository = make(store, snapshots === undefined ? {} : { snapshots });
      features.add({ feature, store: storeName, repository });
      return repository;
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
