import { Scope } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { isAggregate } from '../aggregates/aggregate.decorator.js';
import { projectionDescriptionOf } from '../projections/projection.decorator.js';
import { eventHandlersOf } from '../store/event-handler.decorator.js';

/** What Nest knows of one provider or controller. */
export type ProviderWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A class of the application that handles something. */
export interface HandlerClass {
  readonly type: Function;
  readonly wrapper: ProviderWrapper;
}

/** Providers and controllers that handle events. */
export function findHandlerClasses(discovery: DiscoveryService): readonly HandlerClass[] {
  return findClasses(
    discovery,
    (type) => eventHandlersOf(type).length > 0 || projectionDescriptionOf(type) !== undefined,
  );
}

/** Providers and controllers of wanted classes. Aggregates are no providers, so one that is listed is passed over. */
export function findClasses(
  discovery: DiscoveryService,
  isWanted: (type: Function) => boolean,
): readonly HandlerClass[] {
  return [...discovery.getProviders(), ...discovery.getControllers()].flatMap((wrapper) => {
    const type = classOf(wrapper);
    return type !== undefined && !isAggregate(type) && isWanted(type) ? [{ type, wrapper }] : [];
  });
}

/** Each class once, by the instance that is provided first; `onSecond` is told of any other instance. */
export function eachOnce(
  classes: readonly HandlerClass[],
  onSecond: (second: HandlerClass, first: HandlerClass) => void,
): readonly HandlerClass[] {
  const firsts = new Map<Function, HandlerClass>();
  for (const found of classes) {
    const { type, wrapper } = found;
    const first = firsts.get(type);
    // A factory that gave nothing has switched its handlers off.
    if (isShared(wrapper) && (wrapper.instance ?? undefined) === undefined) continue;
    if (first === undefined) firsts.set(type, found);
    else if (first.wrapper.instance !== wrapper.instance) onSecond(found, first);
  }
  return [...firsts.values()];
}

/** @param what it handles */
export function providedTwice({ type, wrapper }: HandlerClass, first: HandlerClass, what: string): string {
  return (
    `${type.name} is provided by module ${first.wrapper.host?.name} and again by ${wrapper.host?.name}; only the ` +
    `first instance handles ${what}. Provide it in one module and export it from there.`
  );
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
