import { DomainEvent } from '@allframe/nestjs';

/** Somebody finished one piece of work on an application. Which application it was, its stream says. */
@DomainEvent('permit.activity-completed')
export class ActivityCompleted {
  constructor(
    readonly activity: string,
    /** Who did it; `null` where the log does not say. */
    readonly resource: string | null,
    /** ISO 8601 with its offset as the log has it, because the month people worked in is the local one. */
    readonly completedAt: string,
  ) {}
}
