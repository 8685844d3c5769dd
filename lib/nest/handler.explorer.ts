import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { RecordedEvent } from '../core/recorded-event.js';
import { projectionDescriptionOf } from '../projections/projection.decorator.js';
import { ProjectionRegistry } from '../projections/projection.registry.js';
import { callHandler } from '../store/call-handler.js';
import { assertTypesKnown, type EventHandlerMap, eventHandlerMapOf } from '../store/event-handler-map.js';
import type { EventStore } from '../store/event-store.js';
import {
  eachOnce,
  findHandlerClasses,
  type HandlerClass,
  isShared,
  providedTwice,
} from './provider-classes.js';
import { instanceForCall } from './provider-instances.js';
import { StoreRegistry } from './store.registry.js';

/** A handler class and the store that it handles the events of. */
interface Binding {
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
  /** Providers outside projections: they get what is appended while the application runs. */
  readonly #listeners: Binding[] = [];
  /** Nest runs the hooks again where a test starts a module and then an application made of it. */
  #explored = false;

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(StoreRegistry) private readonly stores: StoreRegistry,
    @Inject(ProjectionRegistry) private readonly projections: ProjectionRegistry,
  ) {}

  /** Every fault of wiring shows here, before anything is handled. */
  onModuleInit(): void {
    if (this.#explored) return;
    // All event classes are known before the first check: a handler may name a type that another handler's class declares.
    const classes = eachOnce(findHandlerClasses(this.discovery), (second, first) =>
      this.#warnOfSecond(second, first),
    );
    const bindings = classes.map((handler) => this.#bindingOf(handler));
    for (const binding of bindings) this.#bind(binding);
    this.#explored = true;
  }

  /** Listeners are ready when this resolves: whatever is appended afterwards reaches them. */
  async onApplicationBootstrap(): Promise<void> {
    this.projections.start();
    await Promise.all(this.#listeners.splice(0).map((listener) => this.#listen(listener)));
  }

  #bindingOf(handler: HandlerClass): Binding {
    const { type } = handler;
    const { store } = this.stores.get(projectionDescriptionOf(type)?.store, type.name);
    const handlers = eventHandlerMapOf(type);
    store.registerEvents(handlers.classes, type.name);
    return { store, handler, handlers };
  }

  #bind(binding: Binding): void {
    const { store, handler, handlers } = binding;
    const { type } = handler;
    assertTypesKnown(type, handlers, (eventType) => store.knowsEventType(eventType));
    const projection = projectionDescriptionOf(type);
    if (projection === undefined) {
      this.#listeners.push(binding);
      return;
    }
    const { methods } = handlers;
    this.projections.register(
      { ...projection, className: type.name, methods, instanceFor: this.#instances(handler) },
      store,
    );
  }

  async #listen({ store, handler, handlers }: Binding): Promise<void> {
    const instanceFor = this.#instances(handler);
    const methodsFor = (event: RecordedEvent): readonly (string | symbol)[] =>
      handlers.methods.get(event.type) ?? [];
    const report = (error: unknown, event: RecordedEvent, methods: readonly (string | symbol)[]): void =>
      store.logger.error(
        `${handler.type.name}@${methods.map(String).join(', ')} failed at event ${event.id} ` +
          `(${event.type}, position ${event.position})`,
        error,
      );
    const subscription = store.subscribe(
      async (event) => {
        const instance = await instanceFor(event);
        for (const method of methodsFor(event)) {
          // Each for itself: nobody tries again, so one that fails must not keep the event from the others.
          try {
            await callHandler(instance, method, event);
          } catch (error) {
            report(error, event, [method]);
          }
        }
      },
      {
        types: [...handlers.methods.keys()],
        onError: (error, event) => report(error, event, methodsFor(event)),
      },
    );
    await subscription.ready;
  }

  /** One instance for all events, or for request-scoped and transient classes one for each event. */
  #instances({ wrapper }: HandlerClass): (event: RecordedEvent) => object | Promise<object> {
    if (isShared(wrapper)) return () => wrapper.instance as object;
    return async (event) => (await instanceForCall(wrapper, this.moduleRef, event)).instance;
  }

  #warnOfSecond(second: HandlerClass, first: HandlerClass): void {
    const { logger } = this.stores.get(projectionDescriptionOf(first.type)?.store, first.type.name).store;
    logger.warn(providedTwice(second, first, 'events'));
  }
}
