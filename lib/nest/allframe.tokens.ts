import 'reflect-metadata';
import { Inject, type InjectionToken } from '@nestjs/common';
import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import { EventStoreBackend } from '../core/event-store-backend.js';
import { EventStore } from '../store/event-store.js';

const REPOSITORY_TOKENS = Symbol('allframe:repository-tokens');

/** The provider token of a store: the class itself for the default one. @publicApi */
export function getEventStoreToken(store?: string): InjectionToken<EventStore> {
  return store === undefined ? EventStore : `AllFrameEventStore:${store}`;
}

/** The provider token of a store's backend: the abstract class for the default store. @publicApi */
export function getEventStoreBackendToken(store?: string): InjectionToken<EventStoreBackend> {
  return store === undefined ? EventStoreBackend : `AllFrameEventStoreBackend:${store}`;
}

/**
 * The provider token of an aggregate's repository. It belongs to the class and not to its name, so two classes of one
 * name do not collide.
 * @publicApi
 */
export function getAggregateRepositoryToken(type: AggregateType<AggregateRoot>, store = ''): symbol {
  let tokens = Reflect.getOwnMetadata(REPOSITORY_TOKENS, type) as Map<string, symbol> | undefined;
  if (tokens === undefined)
    Reflect.defineMetadata(REPOSITORY_TOKENS, (tokens = new Map<string, symbol>()), type);
  let token = tokens.get(store);
  if (token === undefined) tokens.set(store, (token = Symbol(`AggregateRepository<${type.name}>${store}`)));
  return token;
}

/** The provider token of a decider's repository. @publicApi */
export function getDeciderRepositoryToken(decider: string, store = ''): string {
  return `AllFrameDeciderRepository:${store}:${decider}`;
}

/** Injects a named store; the default one is injected by its class as well. @publicApi */
export const InjectEventStore = (store?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getEventStoreToken(store));

/** Injects the backend of a store. @publicApi */
export const InjectEventStoreBackend = (store?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getEventStoreBackendToken(store));

/** Injects the `AggregateRepository` of a class given to `forFeature`. @publicApi */
export const InjectAggregateRepository = (
  type: AggregateType<AggregateRoot>,
  store?: string,
): ParameterDecorator & PropertyDecorator => Inject(getAggregateRepositoryToken(type, store));

/** Injects the `DeciderRepository` of a definition given to `forFeature`, by its name. @publicApi */
export const InjectDeciderRepository = (
  decider: string,
  store?: string,
): ParameterDecorator & PropertyDecorator => Inject(getDeciderRepositoryToken(decider, store));
