import { EventHandler, Projection } from '@allframe/nestjs';
import { ActivityCompleted } from '../permits/activity-completed.event.js';

export interface WorkloadFigure {
  /** `2011-10` */
  readonly month: string;
  readonly resource: string;
  readonly activities: number;
}

/** How many activities each resource completed in each month. What the log says nobody did is nobody's work. */
@Projection('workload', { state: 'memory' })
export class WorkloadProjection {
  readonly #months = new Map<string, Map<string, number>>();
  readonly #resources = new Set<string>();

  @EventHandler(ActivityCompleted)
  onCompleted({ resource, completedAt }: ActivityCompleted): void {
    if (resource === null) return;
    this.#resources.add(resource);
    const month = completedAt.slice(0, '2011-10'.length);
    let work = this.#months.get(month);
    if (work === undefined) this.#months.set(month, (work = new Map<string, number>()));
    work.set(resource, (work.get(resource) ?? 0) + 1);
  }

  get resources(): number {
    return this.#resources.size;
  }

  /** By month, in each month the busiest first. */
  list(): WorkloadFigure[] {
    return [...this.#months]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([month, work]) =>
        [...work]
          .map(([resource, activities]) => ({ month, resource, activities }))
          .sort((a, b) => b.activities - a.activities || (a.resource < b.resource ? -1 : 1)),
      );
  }
}
