/**
 * An aggregate in function style: what is decided, and how events change the state, without a class.
 *
 * Events are plain `{ type, data }` objects or instances of `@DomainEvent` classes; `evolve` gets what `decide` gave.
 * The vocabulary is Jérémie Chassaing's ("Functional Event Sourcing Decider", 2021).
 * @example
 * ```ts
 * const light: Decider<{ on: boolean }, { type: 'switch' }, { type: 'switched'; data: { on: boolean } }> = {
 *   initialState: () => ({ on: false }),
 *   decide: (_command, state) => ({ type: 'switched', data: { on: !state.on } }),
 *   evolve: (_state, event) => ({ on: event.data.on }),
 * };
 * ```
 * @publicApi
 */
export interface Decider<State, Command, Event extends object> {
  readonly initialState: () => State;
  /** What happens because of a command: no event, one or several. It throws what the command's caller should see. */
  readonly decide: (command: Command, state: State) => Event | readonly Event[];
  /** The state after an event; it neither decides nor waits. */
  readonly evolve: (state: State, event: Event) => State;
}

/**
 * What `decide` gave, as a list.
 */
export function decidedEvents<Event extends object>(decided: Event | readonly Event[]): readonly Event[] {
  return Array.isArray(decided) ? (decided as readonly Event[]) : [decided as Event];
}
