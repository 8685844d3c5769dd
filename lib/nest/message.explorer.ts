import { Inject, Injectable, Logger, type OnModuleInit, type Type as NestType } from '@nestjs/common';
import { DiscoveryService, ExternalContextCreator, ModuleRef } from '@nestjs/core';
import type { AggregateRepository } from '../aggregates/aggregate-repository.js';
import type { AggregateRoot } from '../aggregates/aggregate-root.js';
import type { DeciderRepository } from '../aggregates/decider-repository.js';
import { CommandBus } from '../commands/command-bus.js';
import { COMMAND_MARKS } from '../commands/command-handler.decorator.js';
import { commandsOfAggregate, commandsOfDecider } from '../commands/decided-commands.js';
import { assertHasMethod, handlerNameOf, type HandlerMarks } from '../commands/handler-marks.js';
import type { MessageContext } from '../commands/message-context.js';
import type { MessageMiddleware, MessageMiddlewareClass } from '../commands/middleware.js';
import { QueryBus } from '../commands/query-bus.js';
import { QUERY_MARKS } from '../commands/query-handler.decorator.js';
import { enhanced, type HandlerCall, type HandlerMethod, isEnhanced } from './enhanced-handler.js';
import { FeatureRegistry } from './feature.registry.js';
import { eachOnce, findClasses, type HandlerClass, isShared, providedTwice } from './provider-classes.js';
import { instanceForCall } from './provider-instances.js';
import { StoreRegistry } from './store.registry.js';

/** Finds what handles commands and queries, and registers it with the buses. */
@Injectable()
export class MessageExplorer implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ExternalContextCreator) private readonly contexts: ExternalContextCreator,
    @Inject(StoreRegistry) private readonly stores: StoreRegistry,
    @Inject(FeatureRegistry) private readonly features: FeatureRegistry,
    @Inject(CommandBus) private readonly commandBus: CommandBus,
    @Inject(QueryBus) private readonly queryBus: QueryBus,
  ) {
    commandBus.exploreBy(() => this.#exploreCommands());
    queryBus.exploreBy(() => this.#exploreQueries());
  }

  /** Every fault of wiring shows here, before anything is handled. */
  onModuleInit(): void {
    this.commandBus.ready();
    this.queryBus.ready();
  }

  #exploreCommands(): void {
    this.commandBus.use(this.#middleware());
    for (const found of this.#handlersOf('command', COMMAND_MARKS)) {
      const { options, handler } = found;
      const ids =
        options.store === undefined
          ? this.stores.find(undefined)?.ids
          : this.stores.get(options.store, handler).ids;
      this.commandBus.bind({ ...found, ids });
    }
    for (const { feature, store, repository } of this.features.all()) {
      if (typeof feature === 'function') {
        const { ids } = this.stores.get(store, feature.name);
        const aggregates = repository as AggregateRepository<AggregateRoot>;
        for (const bound of commandsOfAggregate(feature, aggregates, ids)) this.commandBus.bind(bound);
      } else {
        const { ids } = this.stores.get(store, `decider ${feature.name}`);
        const deciders = repository as DeciderRepository<unknown, unknown, object>;
        for (const bound of commandsOfDecider(feature, deciders, ids)) this.commandBus.bind(bound);
      }
    }
  }

  #exploreQueries(): void {
    this.queryBus.use(this.#middleware());
    for (const found of this.#handlersOf('query', QUERY_MARKS)) this.queryBus.bind(found);
  }

  /** Every marked method of every provider. */
  #handlersOf<Options extends object>(kind: 'command' | 'query', marks: HandlerMarks<Options>) {
    const classes = findClasses(this.discovery, (type) => marks.of(type).length > 0);
    const warn = (second: HandlerClass, first: HandlerClass): void =>
      new Logger('AllFrame').warn(providedTwice(second, first, kind === 'command' ? 'commands' : 'queries'));
    return eachOnce(classes, warn).flatMap((found) =>
      marks.of(found.type).map(({ message, method, options }) => {
        if (isShared(found.wrapper))
          assertHasMethod(found.wrapper.instance as object, method, marks.decorator);
        return {
          message,
          options,
          handler: handlerNameOf(found.type, method),
          handle: this.#callOf(found, { kind, type: found.type, method, message }),
        };
      }),
    );
  }

  #callOf({ wrapper }: HandlerClass, handler: HandlerMethod): HandlerCall {
    const { method } = handler;
    const isInside = isEnhanced(handler);
    if (isShared(wrapper)) {
      const instance = wrapper.instance as Record<string | symbol, HandlerCall>;
      if (isInside) return enhanced(this.contexts, instance, handler);
      return (message, context) => instance[method]?.(message, context);
    }
    return async (message: object, context: MessageContext) => {
      const { instance, contextId } = await instanceForCall(wrapper, this.moduleRef, context);
      if (contextId !== undefined && isInside)
        return enhanced(this.contexts, instance, handler, { contextId, inquirerId: wrapper.id })(
          message,
          context,
        );
      return (instance as Record<string | symbol, HandlerCall>)[method]?.(message, context);
    };
  }

  #middleware(): readonly MessageMiddleware[] {
    return this.stores.middleware().map((given) => {
      if (!isMiddlewareClass(given)) return given;
      const instance = this.moduleRef.get<MessageMiddlewareClass>(given, { strict: false });
      return (context, next) => instance.use(context, next);
    });
  }
}

function isMiddlewareClass(
  given: MessageMiddleware | NestType<MessageMiddlewareClass>,
): given is NestType<MessageMiddlewareClass> {
  const prototype = given.prototype as Partial<MessageMiddlewareClass> | undefined;
  return typeof prototype?.use === 'function';
}
