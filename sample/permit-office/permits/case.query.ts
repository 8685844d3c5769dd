import {
  AggregateRepository,
  EventStore,
  type IQueryHandler,
  InjectAggregateRepository,
  Query,
  QueryHandler,
  type RecordedEvent,
} from '@allframe/nestjs';
import type { ActivityCompleted } from './activity-completed.event.js';
import { PermitApplication } from './permit-application.aggregate.js';

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

/** How a case stands, and how it came to that. */
export class CaseOf extends Query<CaseView> {
  constructor(readonly caseId: string) {
    super();
  }
}

@QueryHandler(CaseOf)
export class CaseOfHandler implements IQueryHandler<CaseOf> {
  constructor(
    @InjectAggregateRepository(PermitApplication)
    private readonly permits: AggregateRepository<PermitApplication>,
    private readonly store: EventStore,
  ) {}

  /** @throws AggregateNotFoundError, and what the store says of an id that no stream can have */
  async execute({ caseId: id }: CaseOf): Promise<CaseView> {
    const { activities, version } = await this.permits.load(id);
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
}
