import { Injectable } from '@nestjs/common';
import { ProjectionRegistry } from '@allframe/nestjs';
import { ActivitiesProjection } from './activities.projection.js';
import { VariantsProjection } from './variants.projection.js';
import { WorkloadProjection } from './workload.projection.js';

/** How long the projections may need for what an import left to them. */
const CATCH_UP_TIMEOUT_MS = 60_000;

export interface Figures {
  readonly events: number;
  readonly cases: number;
  readonly activities: number;
  readonly resources: number;
  readonly variants: number;
}

/** The three projections in one line. */
@Injectable()
export class OfficeFigures {
  constructor(
    private readonly projections: ProjectionRegistry,
    private readonly activities: ActivitiesProjection,
    private readonly variants: VariantsProjection,
    private readonly workload: WorkloadProjection,
  ) {}

  /** Resolves once the figures hold everything up to a position of the store. */
  async caughtUpWith(position: number): Promise<void> {
    const names = ['activities', 'variants', 'workload'];
    await Promise.all(
      names.map((name) => this.projections.waitFor(name, position, { timeoutMs: CATCH_UP_TIMEOUT_MS })),
    );
  }

  get current(): Figures {
    return {
      events: this.activities.events,
      cases: this.variants.cases,
      activities: this.activities.activities,
      resources: this.workload.resources,
      variants: this.variants.variants,
    };
  }

  /** `8,577 events, 1,434 cases, 27 activities, 48 resources, 116 variants` */
  toString(): string {
    return Object.entries(this.current)
      .map(([name, count]) => `${(count as number).toLocaleString('en-US')} ${name}`)
      .join(', ');
  }
}
