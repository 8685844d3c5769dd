import { Scope } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { isAggregate } from '../aggregates/aggregate.decorator.js';
import { projectionDescriptionOf } from '../projections/projection.decorator.js';
import { eventHandlersOf } from '../store/event-handler.decorator.js';

/** What Nest knows of one provider or controller. */
export type ProviderWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A class of the application that has event handlers, or is a projection. */
export interface HandlerClass {
  readonly type: Function;
  readonly wrapper: ProviderWrapper;
}

/** Providers and controllers with event handlers. Aggregates are no providers, so one that is listed is passed over. */
export function findHandlerClasses(discovery: DiscoveryService): readonly HandlerClass[] {
  return [...discovery.getProviders(), ...discovery.getControllers()].flatMap((wrapper) => {
    const type = classOf(wrapper);
    if (type === undefined || isAggregate(type)) return [];
    const hasHandlers = eventHandlersOf(type).length > 0 || projectionDescriptionOf(type) !== undefined;
    return hasHandlers ? [{ type, wrapper }] : [];
  });
}

/** Whether the application has one instance of it, and not one per request or user. */
export function isShared(wrapper: ProviderWrapper): boolean {
  return wrapper.isDependencyTreeStatic() && wrapper.scope !== Scope.TRANSIENT;
}

/** The class of what is provided: known before the instance exists, but for factories whose token is no class. */
function classOf(wrapper: ProviderWrapper): Function | undefined {
  if (wrapper.isAlias) return undefined;
  if (!wrapper.isNotMetatype && wrapper.metatype !== null) return wrapper.metatype;
  const instance: unknown = wrapper.instance;
  if (instance === null || instance === undefined)
    return typeof wrapper.token === 'function' ? wrapper.token : undefined;
  if (typeof instance !== 'object') return undefined;
  // Not the instance's own member, which may be anything.
  const prototype = Object.getPrototypeOf(instance) as { readonly constructor: unknown } | null;
  return typeof prototype?.constructor === 'function' ? prototype.constructor : undefined;
}
