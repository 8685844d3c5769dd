import type { AggregateRoot, AggregateType } from '../aggregates/aggregate-root.js';
import type { DeciderDefinition } from '../aggregates/decider-repository.js';
import type { DeciderCommand } from '../commands/decided-commands.js';

/** A decider of whatever state, commands and events. @publicApi */
export interface DeciderFeature extends Omit<DeciderDefinition<unknown, unknown, object>, 'decider'> {
  readonly decider: {
    readonly initialState: () => unknown;
    readonly decide: (command: never, state: never) => object | readonly object[];
    readonly evolve: (state: never, event: never) => unknown;
  };
  /** The classes of commands that the command bus has it decide on. */
  readonly commands?: readonly DeciderCommand[];
}

/** What `forFeature` makes a repository of. @publicApi */
export type Feature = AggregateType<AggregateRoot> | DeciderFeature;
