import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit, Scope } from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, ModuleRef } from '@nestjs/core';
import type { RecordedEvent } from '../core/recorded-event.js';
import { projectionDescriptionOf } from '../projections/projection.decorator.js';
import { ProjectionRegistry } from '../projections/projection.registry.js';
import { callHandlers } from '../store/call-handlers.js';
import { assertTypesKnown, type EventHandlerMap, eventHandlerMapOf } from '../store/event-handler-map.js';
import type { EventStore } from '../store/event-store.js';
import { findHandlerClasses, type HandlerClass, type ProviderWrapper } from './provider-classes.js';
import { StoreRegistry } from './store.registry.js';

/** A provider outside projections: its handlers get what is appended while the application runs. */
interface Listener {
  readonly store: EventStore;
  readonly handler: HandlerClass;
  readonly handlers: EventHandlerMap;
}

/**
 * Finds the providers that handle events: projections are registered, and every other class with `@EventHandler`
 * methods listens to its store from the start of the application on.
 */
@Injectable()
export class HandlerExplorer implements OnModuleInit, OnApplicationBootstrap {
  readonly #listeners: Listener[] = [];

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(StoreRegistry) private readonly stores: StoreRegistry,
    @Inject(ProjectionRegistry) private readonly projections: ProjectionRegistry,
  ) {}

  /** Every fault of wiring shows here, before anything is handled. */
  onModuleInit(): void {
    const seen = new Map<Function, ProviderWrapper>();
    for (const handler of findHandlerClasses(this.discovery)) {
      const { type, wrapper } = handler;
      const first = seen.get(type);
      if (first === undefined) {
        seen.set(type, wrapper);
        this.#bind(handler);
      } else {
        this.#warnOfSecond(handler, first);
      }
    }
  }

  /** Listeners are ready when this resolves: whatever is appended afterwards reaches them. */
  async onApplicationBootstrap(): Promise<void> {
    this.projections.start();
    await Promise.all(this.#listeners.map((listener) => this.#listen(listener)));
  }

  #bind(handler: HandlerClass): void {
    const { type } = handler;
    const projection = projectionDescriptionOf(type);
    const { store } = this.stores.get(projection?.store, type.name);
    const handlers = eventHandlerMapOf(type);
    store.registerEvents(handlers.classes, type.name);
    assertTypesKnown(type, handlers, (eventType) => store.knowsEventType(eventType));
    if (projection === undefined) {
      this.#listeners.push({ store, handler, handlers });
      return;
    }
    this.projections.register(
      {
        ...projection,
        className: type.name,
        methods: handlers.methods,
        instanceFor: this.#instances(handler),
      },
      store,
    );
  }

  async #listen({ store, handler, handlers }: Listener): Promise<void> {
    const instanceFor = this.#instances(handler);
    const subscription = store.subscribe(
      async (event) => callHandlers(await instanceFor(event), handlers.methods.get(event.type) ?? [], event),
      {
        types: [...handlers.methods.keys()],
        onError: (error, event) =>
          store.logger.error(
            `${handler.type.name}@${(handlers.methods.get(event.type) ?? []).map(String).join(', ')} failed at event ` +
              `${event.id} (${event.type}, position ${event.position})`,
            error,
          ),
      },
    );
    await subscription.ready;
  }

  /** One instance for all events, or for request-scoped and transient classes one for each event. */
  #instances({ wrapper }: HandlerClass): (event: RecordedEvent) => object | Promise<object> {
    if (wrapper.isDependencyTreeStatic() && wrapper.scope !== Scope.TRANSIENT)
      return () => wrapper.instance as object;
    return async (event) => {
      const contextId = ContextIdFactory.create();
      this.moduleRef.registerRequestByContextId(event, contextId);
      return this.moduleRef.resolve<object>(wrapper.token as string, contextId, { strict: false });
    };
  }

  #warnOfSecond({ type, wrapper }: HandlerClass, first: ProviderWrapper): void {
    const { logger } = this.stores.get(projectionDescriptionOf(type)?.store, type.name).store;
    logger.warn(
      `${type.name} is provided by module ${first.host?.name} and again by ${wrapper.host?.name}; only the first instance handles ` +
        'events. Provide it in one module and export it from there.',
    );
  }
}
