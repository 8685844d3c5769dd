import { type DynamicModule, Module } from '@nestjs/common';
import { AllFrameModule, type EventStoreBackend } from '@allframe/nestjs';
import { LogImporter } from './event-log/log-importer.js';
import { CasesController } from './http/cases.controller.js';
import { EventsController } from './http/events.controller.js';
import { FiguresController } from './http/figures.controller.js';
import { CaseOfHandler } from './permits/case.query.js';
import { PermitApplication } from './permits/permit-application.aggregate.js';
import { ActivitiesProjection } from './projections/activities.projection.js';
import { OfficeFigures } from './projections/office-figures.js';
import { VariantsProjection } from './projections/variants.projection.js';
import { WorkloadProjection } from './projections/workload.projection.js';

@Module({
  imports: [AllFrameModule.forFeature([PermitApplication])],
  controllers: [CasesController, FiguresController, EventsController],
  providers: [
    ActivitiesProjection,
    VariantsProjection,
    WorkloadProjection,
    OfficeFigures,
    LogImporter,
    CaseOfHandler,
  ],
})
export class AppModule {
  /** @param store where the events are kept: a URL such as `allsource:./data`, or a backend */
  static on(store: string | EventStoreBackend): DynamicModule {
    return { module: AppModule, imports: [AllFrameModule.forRoot(store)] };
  }
}
