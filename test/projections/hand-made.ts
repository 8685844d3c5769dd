/** Projections made by hand, without a container. */
import { type EventStore, ProjectionRegistry, type RecordedEvent } from '@allframe/nestjs';
import { onTestFinished } from 'vitest';
import type { ProjectionContext } from '../../lib/projections/projection.decorator.js';
import type { ProjectionDefinition } from '../../lib/projections/projection-runner.js';

export type Handle = (event: RecordedEvent, context: ProjectionContext) => unknown;

/** A projection of events of type `n`, unless other types are given, that calls `handle` for each. */
export function projection(
  name: string,
  handle: Handle,
  options: Partial<Pick<ProjectionDefinition, 'version' | 'state' | 'instanceFor'>> & {
    types?: readonly string[];
  } = {},
): ProjectionDefinition {
  const { types = ['n'], version = 1, state = 'stored' } = options;
  const instance = {
    on: (_data: unknown, event: RecordedEvent, context: ProjectionContext) => handle(event, context),
  };
  return {
    name,
    version,
    store: undefined,
    state,
    className: `Class of ${name}`,
    methods: new Map(types.map((type) => [type, ['on']])),
    instanceFor: options.instanceFor ?? (() => instance),
  };
}

/** A registry that runs these projections, and stops with the test. */
export function running(
  store: EventStore,
  ...definitions: readonly ProjectionDefinition[]
): ProjectionRegistry {
  const registry = registered(store, ...definitions);
  registry.start();
  return registry;
}

/** A registry of these projections that is not started. */
export function registered(
  store: EventStore,
  ...definitions: readonly ProjectionDefinition[]
): ProjectionRegistry {
  const registry = new ProjectionRegistry();
  for (const definition of definitions) registry.register(definition, store);
  onTestFinished(() => registry.stop());
  return registry;
}

/** The name under which a projection keeps its checkpoint. */
export const readerOf = (name: string, version = 1): string => `projection/${name}/v${version}`;
