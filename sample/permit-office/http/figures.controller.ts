import { Controller, Get } from '@nestjs/common';
import { type BackendStats, EventStore } from '@allframe/nestjs';
import { type ActivityFigure, ActivitiesProjection } from '../projections/activities.projection.js';
import { type Figures, OfficeFigures } from '../projections/office-figures.js';
import { type VariantFigure, VariantsProjection } from '../projections/variants.projection.js';
import { type WorkloadFigure, WorkloadProjection } from '../projections/workload.projection.js';

@Controller()
export class FiguresController {
  constructor(
    private readonly activitiesProjection: ActivitiesProjection,
    private readonly variantsProjection: VariantsProjection,
    private readonly workloadProjection: WorkloadProjection,
    private readonly figures: OfficeFigures,
    private readonly store: EventStore,
  ) {}

  @Get('activities')
  activities(): ActivityFigure[] {
    return this.activitiesProjection.list();
  }

  @Get('variants')
  variants(): VariantFigure[] {
    return this.variantsProjection.list();
  }

  @Get('workload')
  workload(): WorkloadFigure[] {
    return this.workloadProjection.list();
  }

  @Get('stats')
  async stats(): Promise<{ readonly figures: Figures; readonly store: BackendStats }> {
    return { figures: this.figures.current, store: await this.store.stats() };
  }
}
