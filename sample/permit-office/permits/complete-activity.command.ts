import { type AppendResult, Command } from '@allframe/nestjs';
import type { ActivityCompleted } from './activity-completed.event.js';

/** Records that an activity was completed, as the n-th one of a case. Answered with `null` where it was recorded before. */
export class CompleteActivity extends Command<AppendResult | null> {
  /** @param place which activity of the case it is, from 1 */
  constructor(
    readonly caseId: string,
    readonly place: number,
    readonly completed: ActivityCompleted,
  ) {
    super();
  }
}
