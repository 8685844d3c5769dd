import { EventHandler, Projection } from '@allframe/nestjs';
import { ActivityCompleted } from '../permits/activity-completed.event.js';

export interface ActivityFigure {
  readonly activity: string;
  readonly events: number;
}

/** How often each activity was completed. */
@Projection('activities', { state: 'memory' })
export class ActivitiesProjection {
  #events = 0;
  readonly #eventsOf = new Map<string, number>();

  @EventHandler(ActivityCompleted)
  onCompleted({ activity }: ActivityCompleted): void {
    this.#events++;
    this.#eventsOf.set(activity, (this.#eventsOf.get(activity) ?? 0) + 1);
  }

  get events(): number {
    return this.#events;
  }

  get activities(): number {
    return this.#eventsOf.size;
  }

  /** The most frequent first. */
  list(): ActivityFigure[] {
    return [...this.#eventsOf]
      .map(([activity, events]) => ({ activity, events }))
      .sort((a, b) => b.events - a.events || (a.activity < b.activity ? -1 : 1));
  }
}
