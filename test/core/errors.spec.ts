/** Every error is data: one base, a literal code, a name, and a message that says what, which and the remedy. */
import { describe, expect, it } from 'vitest';
import * as api from '@allframe/nestjs';

const event = { id: 'e1', type: 't', position: 7 } as api.RecordedEvent;

/** One of each, with words that its message has to hold. */
const errors: readonly [api.AllFrameError, RegExp][] = [
  [new api.AmbiguousCommandNameError('Open', ['A', 'B']), /"Open".*A and B/],
  [new api.AggregateNotFoundError('account', 'a1'), /account.*"a1"/],
  [new api.AppendOutcomeUnknownError(['e1']), /eventIds/],
  [new api.AsyncAggregateHandlerError('Account.onOpened'), /Account\.onOpened/],
  [new api.AttemptAbandonedError('Handler', 's'), /Handler.*"s".*allSettled/],
  [new api.CheckpointFencedError('r', 3), /"r".*3/],
  [
    new api.CommandResultLostError('Open', 'c1', [{ streamId: 's', firstEventId: 'e', events: 2 }]),
    /Open "c1".*2 to "s"/,
  ],
  [
    new api.CommandValidationError('Open', [
      { path: 'a.b', message: 'wrong' },
      { path: '', message: 'bad' },
    ]),
    /Open.*a\.b: wrong; bad/,
  ],
  [new api.DuplicateEventError('s', ['e1', 'e2']), /e1, e2.*"s"/],
  [new api.DuplicateEventTypeError('t', ['A', 'B']), /"t".*A and B/],
  [new api.DuplicateProjectionError('p', ['A', 'B']), /"p".*A and B/],
  [new api.DuplicateHandlerError('Open', ['A', 'B']), /Open.*A and by B/],
  [new api.ExecutionTimeoutError('Open', 50), /Open.*50 ms.*commandId/],
  [new api.HandlerNotFoundError('Open', [], 'Do this.'), /Open.*Do this/],
  [new api.IdempotencyConflictError('Open', 'c1'), /"c1".*Open/],
  [new api.InvalidArgumentError('streamId', 'it is empty'), /streamId: it is empty/],
  [new api.LimitExceededError('eventBytesMax', 2, 1, 'events[0]'), /events\[0\].*eventBytesMax.*2.*1/],
  [new api.PositionBeyondHeadError(9, 3), /9.*3/],
  [new api.ProjectionBlockedError('p', event, 5, new Error('cause')), /"p".*"t".*5 times.*7.*e1/],
  [new api.ProjectionStoppedError('p'), /"p".*shutting down/],
  [new api.ProjectionTimeoutError('p', 9, 3, 100), /"p".*9.*100 ms.*3/],
  [new api.ProjectionWithoutHandlersError('p', 'A'), /"p".*A.*@EventHandler/],
  [new api.QueryValidationError('Find', [{ path: 'a', message: 'wrong' }]), /Find.*a: wrong/],
  [new api.RecordConflictError('c', 'k'), /"k".*"c"/],
  [new api.SecondAppendError('Handler', 'c1', 's'), /Handler.*"s".*"c1".*severalAppends/],
  [new api.StoreClosedError('append'), /^append /],
  [new api.TransactionRefusedError(), /rolled back.*cause/],
  [new api.UndecoratedAggregateError('Account'), /Account.*@Aggregate/],
  [new api.UndecoratedEventError('Opened', 'events[0]'), /events\[0\].*Opened.*@DomainEvent/],
  [new api.UnknownEventTypeError('t', 'P.on'), /P\.on.*"t"/],
  [new api.UnknownProjectionError('p', ['q']), /"p".*"q"/],
  [new api.UnserialisableDataError('events[0].data.x', 'NaN'), /events\[0\]\.data\.x.*NaN/],
  [new api.WrongExpectedVersionError('s', 3, 5), /"s".*5.*3/],
  [new api.WrongExpectedVersionError('s', 'noStream', 5), /'noStream'/],
];

describe('errors', () => {
  it.each(errors.map(([error, words]) => [error.code, error, words] as const))('%s', (code, error, words) => {
    expect(error).toBeInstanceOf(api.AllFrameError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(code);
    expect(error.constructor.name).toBe(code);
    expect(error.message).toMatch(words);
    expect(error.stack).toContain(error.message.slice(0, 20));
  });

  it('are all in this list, but for those of other rooms', () => {
    const listed = new Set(errors.map(([error]) => error.code));
    const elsewhere = new Set(['AllFrameError', 'DomainError', 'DuplicateStoreError', 'UnknownStoreError']);
    const exported = Object.keys(api).filter((name) => name.endsWith('Error') && !elsewhere.has(name));
    expect(exported.filter((name) => !listed.has(name))).toEqual([]);
  });

  it('keep their cause', () => {
    const cause = new Error('deep down');
    expect(new api.ProjectionBlockedError('p', event, 5, cause).cause).toBe(cause);
    expect(new api.ProjectionStoppedError('p', { cause }).message).toMatch(/see the cause/);
    expect(new api.AppendOutcomeUnknownError([], { cause }).cause).toBe(cause);
  });

  it('a projection stopped in an application without projections says so', () => {
    expect(new api.UnknownProjectionError('p', []).message).toMatch(/there are none/);
  });
});
