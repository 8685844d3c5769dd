import { given } from '@allframe/nestjs/testing';
import { describe, it } from 'vitest';
import { ActivityCompleted } from './activity-completed.event.js';
import { HistoryDiffersError, PermitApplication } from './permit-application.aggregate.js';

const received = new ActivityCompleted('Receive', 'Ada', '2024-01-02T08:00:00.000Z');
const decided = new ActivityCompleted('Decide', 'Bob', '2024-01-03T08:00:00.000Z');

describe('a permit application', () => {
  it('records the first activity', () =>
    given(PermitApplication)
      .when((permit) => permit.complete({ place: 1, completed: received }))
      .then([received]));

  it('records the next activity', () =>
    given(PermitApplication, [received])
      .when((permit) => permit.complete({ place: 2, completed: decided }))
      .then([decided]));

  it('records the same activity at another place once more', () =>
    given(PermitApplication, [received])
      .when((permit) => permit.complete({ place: 2, completed: received }))
      .then([received]));

  it('changes nothing for what is already recorded at its place', () =>
    given(PermitApplication, [received, decided])
      .when((permit) => permit.complete({ place: 1, completed: received }))
      .thenNothing());

  it.each([
    ['activity', new ActivityCompleted('Decide', 'Ada', received.completedAt)],
    ['resource', new ActivityCompleted('Receive', null, received.completedAt)],
    ['time', new ActivityCompleted('Receive', 'Ada', decided.completedAt)],
  ])('refuses another %s at a place that is taken', (_what, other) =>
    given(PermitApplication, [received])
      .when((permit) => permit.complete({ place: 1, completed: other }))
      .thenThrows(HistoryDiffersError),
  );

  it('refuses a place that would leave a gap', () =>
    given(PermitApplication, [received])
      .when((permit) => permit.complete({ place: 3, completed: decided }))
      .thenThrows(HistoryDiffersError));
});
