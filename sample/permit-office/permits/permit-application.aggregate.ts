import { Aggregate, AggregateRoot, CommandHandler, EventHandler } from '@allframe/nestjs';
import { ActivityCompleted } from './activity-completed.event.js';
import { CompleteActivity } from './complete-activity.command.js';

/** What the log says now of a place in a case's history is not what was recorded there. */
export class HistoryDiffersError extends Error {
  readonly code = 'HistoryDiffersError';

  /** @param place which activity of the case, from 1 */
  constructor(readonly place: number) {
    super(
      `activity ${place} of this case is already recorded, and as another one: ` +
        'the store holds another log with cases of the same names, or this log was changed; use an empty store for it',
    );
    this.name = 'HistoryDiffersError';
  }
}

/** An application for a permit: the activities that were completed for it, in the order in which they were recorded. */
@Aggregate('permit', { snapshotEvery: 100 })
export class PermitApplication extends AggregateRoot {
  activities: ActivityCompleted[] = [];

  /**
   * Records the activity at its place in the history. Recorded again it changes nothing, so that a log can be
   * imported twice, or once more after an import that was cut short.
   * @throws HistoryDiffersError if another activity stands there
   */
  @CommandHandler(CompleteActivity, { id: ({ caseId }) => caseId })
  complete({ place, completed }: Pick<CompleteActivity, 'place' | 'completed'>): void {
    if (place === this.activities.length + 1) {
      this.apply(completed);
      return;
    }
    const recorded = this.activities[place - 1];
    const same =
      recorded?.activity === completed.activity &&
      recorded.resource === completed.resource &&
      recorded.completedAt === completed.completedAt;
    if (!same) throw new HistoryDiffersError(place);
  }

  @EventHandler(ActivityCompleted)
  onCompleted(event: ActivityCompleted): void {
    this.activities.push(event);
  }
}
