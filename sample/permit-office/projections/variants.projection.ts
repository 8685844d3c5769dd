import { EventHandler, Projection, type RecordedEvent } from '@allframe/nestjs';
import { ActivityCompleted } from '../permits/activity-completed.event.js';

export interface VariantFigure {
  readonly cases: number;
  readonly activities: readonly string[];
}

/** One step further down a tree of activities; the way from its root is a sequence. */
interface Step {
  readonly activities: Map<string, Step>;
  /** Cases whose last activity so far is this one. */
  cases: number;
}

/** Which sequences of activities ("variants") there are, and how many cases went each of these ways so far. */
@Projection('variants', { state: 'memory' })
export class VariantsProjection {
  readonly #start: Step = { activities: new Map(), cases: 0 };
  readonly #lastStepOf = new Map<string, Step>();
  #variants = 0;

  @EventHandler(ActivityCompleted)
  onCompleted({ activity }: ActivityCompleted, { streamId }: RecordedEvent<ActivityCompleted>): void {
    const from = this.#lastStepOf.get(streamId) ?? this.#start;
    let to = from.activities.get(activity);
    if (to === undefined) from.activities.set(activity, (to = { activities: new Map(), cases: 0 }));
    if (from !== this.#start && --from.cases === 0) this.#variants--;
    if (++to.cases === 1) this.#variants++;
    this.#lastStepOf.set(streamId, to);
  }

  get cases(): number {
    return this.#lastStepOf.size;
  }

  get variants(): number {
    return this.#variants;
  }

  /** The most frequent first. */
  list(): VariantFigure[] {
    const found: VariantFigure[] = [];
    const open: [Step, readonly string[]][] = [[this.#start, []]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [step, way] = next;
      if (step.cases > 0) found.push({ cases: step.cases, activities: way });
      for (const [activity, further] of step.activities) open.push([further, [...way, activity]]);
    }
    return found.sort(
      (a, b) => b.cases - a.cases || (a.activities.join('\n') < b.activities.join('\n') ? -1 : 1),
    );
  }
}
