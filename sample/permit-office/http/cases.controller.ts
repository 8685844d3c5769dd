import { Controller, Get, NotFoundException, Param } from '@nestjs/common';
import {
  AggregateNotFoundError,
  AggregateRepository,
  EventStore,
  InjectAggregateRepository,
  InvalidArgumentError,
  LimitExceededError,
  type RecordedEvent,
} from '@allframe/nestjs';
import type { ActivityCompleted } from '../permits/activity-completed.event.js';
import { PermitApplication } from '../permits/permit-application.aggregate.js';

export interface CaseView {
  readonly id: string;
  readonly state: {
    readonly activities: number;
    readonly lastActivity: string | null;
    readonly startedAt: string | null;
    readonly lastCompletedAt: string | null;
    readonly resources: readonly string[];
  };
  readonly history: readonly (ActivityCompleted & { readonly version: number; readonly position: number })[];
}

@Controller('cases')
export class CasesController {
  constructor(
    @InjectAggregateRepository(PermitApplication)
    private readonly permits: AggregateRepository<PermitApplication>,
    private readonly store: EventStore,
  ) {}

  @Get(':id')
  async show(@Param('id') id: string): Promise<CaseView> {
    const { activities, version } = await this.#load(id);
    const last = activities.at(-1);
    const history: CaseView['history'][number][] = [];
    // Up to the version of the state, so that both tell the same story while others write.
    const events = this.store.readStream(this.permits.streamIdOf(id), { toVersion: version });
    for await (const event of events as AsyncIterable<RecordedEvent<ActivityCompleted>>) {
      const { activity, resource, completedAt } = event.data;
      history.push({ version: event.version, position: event.position, activity, resource, completedAt });
    }
    return {
      id,
      state: {
        activities: activities.length,
        lastActivity: last?.activity ?? null,
        startedAt: activities[0]?.completedAt ?? null,
        lastCompletedAt: last?.completedAt ?? null,
        resources: [...new Set(activities.flatMap(({ resource }) => resource ?? []))],
      },
      history,
    };
  }

  async #load(id: string): Promise<PermitApplication> {
    try {
      return await this.permits.load(id);
    } catch (error) {
      // An id that no stream can have is the id of no case.
      const isUnknown =
        error instanceof AggregateNotFoundError ||
        error instanceof InvalidArgumentError ||
        error instanceof LimitExceededError;
      throw isUnknown ? new NotFoundException('There is no such case') : error;
    }
  }
}
