import { EventStore } from '@allframe/nestjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CsvLog } from './event-log/csv-log.js';
import type { EventLog } from './event-log/event-log.js';
import { MalformedRowError } from './event-log/event-log.errors.js';
import { GeneratedLog } from './event-log/generated-log.js';
import { LogImporter } from './event-log/log-importer.js';
import type { CaseView } from './permits/case.query.js';
import { fileWith, logOf, RunningOffice } from './office.fixture.js';
import type { ActivityFigure } from './projections/activities.projection.js';
import type { Figures } from './projections/office-figures.js';
import type { VariantFigure } from './projections/variants.projection.js';
import type { WorkloadFigure } from './projections/workload.projection.js';

let office: RunningOffice;
beforeEach(async () => {
  office = await RunningOffice.open();
});
afterEach(() => office.close());

/** Two cases, told in turns. */
const twoCases = logOf(
  { caseId: 'a', activity: 'Receive' },
  { caseId: 'b', activity: 'Receive', resource: null },
  { caseId: 'a', activity: 'Decide', resource: 'Bob', completedAt: '2024-02-01T00:30:00.000+01:00' },
  { caseId: 'b', activity: 'Decide', resource: 'Bob' },
);

describe('the import', () => {
  it('shows the pinned figures of the generated log', async () => {
    await office.import(new GeneratedLog());
    expect(office.figures.toString()).toBe(
      '12,558 events, 2,000 cases, 27 activities, 48 resources, 101 variants',
    );
  });

  it('records each row as one event of its case, in the order of the log', async () => {
    expect(await office.import(twoCases)).toEqual({ rows: 4, recorded: 4, position: 4 });
    const events = await office.app.get(EventStore).getAllEvents();
    expect(events.map(({ streamId, version, type }) => [streamId, version, type])).toEqual([
      ['permit-a', 1, 'permit.activity-completed'],
      ['permit-b', 1, 'permit.activity-completed'],
      ['permit-a', 2, 'permit.activity-completed'],
      ['permit-b', 2, 'permit.activity-completed'],
    ]);
    expect(events[1]?.data).toEqual({
      activity: 'Receive',
      resource: null,
      completedAt: '2024-01-02T08:00:00.000Z',
    });
  });

  it('imports nothing twice', async () => {
    const log = new GeneratedLog(300);
    const first = await office.import(log);
    const figures = office.figures.current;
    const second = await office.import(log);

    expect(first.recorded).toBe(first.rows);
    expect(second).toEqual({ ...first, recorded: 0 });
    expect(office.figures.current).toEqual(figures);
    expect((await office.app.get(EventStore).stats()).totalEvents).toBe(first.rows);
  });

  it('goes on where an import was stopped', async () => {
    const stop = new AbortController();
    const stopped = office.app.get(LogImporter).import(twoCases, {
      signal: stop.signal,
      onProgress: (done) => void (done === 3 && stop.abort()),
    });
    await expect(stopped).rejects.toSatisfy((error) => error === stop.signal.reason);
    expect((await office.app.get(EventStore).stats()).totalEvents).toBe(3);

    expect(await office.import(twoCases)).toEqual({ rows: 4, recorded: 1, position: 4 });
    expect(office.figures.current).toMatchObject({ events: 4, cases: 2 });
  });

  it('takes over what a log has grown by', async () => {
    await office.import(twoCases);
    const grown: EventLog = {
      ...twoCases,
      async *rows() {
        yield* twoCases.rows();
        yield* logOf({ caseId: 'a', activity: 'Send' }).rows();
      },
    };
    expect(await office.import(grown)).toEqual({ rows: 5, recorded: 1, position: 5 });
  });

  it('refuses another log with cases of the same names', async () => {
    await office.import(twoCases);
    const other = logOf({ caseId: 'a', activity: 'Receive' }, { caseId: 'a', activity: 'Refuse', line: 7 });
    await expect(office.import(other)).rejects.toThrow(
      'test log, line 7: activity 2 of this case is already recorded',
    );
    expect((await office.app.get(EventStore).stats()).totalEvents).toBe(4);
  });

  it('leaves what stands before a malformed row whole', async () => {
    const file = await fileWith(
      'id,what,who,when\n1,Receive,Ada,2024-01-02\n1,Decide,Ada,2024-01-03\n1,"Send\n',
    );
    const log = await CsvLog.open(file, { case: 'id', activity: 'what', resource: 'who', time: 'when' });
    await expect(office.import(log)).rejects.toThrow(
      `${file}, line 4: a quote is opened here and never closed`,
    );

    await office.figures.caughtUpWith(2);
    expect(office.figures.current).toEqual({ events: 2, cases: 1, activities: 2, resources: 1, variants: 1 });
  });

  it.each([
    ['a NUL', 'c\0'],
    ['more bytes than a stream id can have', 'c'.repeat(600)],
  ])('names the line of a case id with %s', async (_what, caseId) => {
    const error = await office
      .import(logOf({ caseId, activity: 'Receive', line: 9 }))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MalformedRowError);
    expect(error).toMatchObject({ file: 'test log', line: 9 });
  });
});

describe('GET', () => {
  it('/cases/:id tells the state and the history of a case', async () => {
    await office.import(twoCases);
    expect(await office.get<CaseView>('/cases/a')).toEqual([
      200,
      {
        id: 'a',
        state: {
          activities: 2,
          lastActivity: 'Decide',
          startedAt: '2024-01-02T08:00:00.000Z',
          lastCompletedAt: '2024-02-01T00:30:00.000+01:00',
          resources: ['Ada', 'Bob'],
        },
        history: [
          {
            version: 1,
            position: 1,
            activity: 'Receive',
            resource: 'Ada',
            completedAt: '2024-01-02T08:00:00.000Z',
          },
          {
            version: 2,
            position: 3,
            activity: 'Decide',
            resource: 'Bob',
            completedAt: '2024-02-01T00:30:00.000+01:00',
          },
        ],
      },
    ]);
  });

  it.each(['a/b', 'Straße 1 – 2', '50%', '?a=b&c#d', '__proto__', '"; --', '-', '😀'])(
    '/cases/:id finds case %j',
    async (caseId) => {
      await office.import(logOf({ caseId, activity: 'Receive' }));
      const [status, { id, history }] = await office.get<CaseView>(`/cases/${encodeURIComponent(caseId)}`);
      expect([status, id, history.length]).toEqual([200, caseId, 1]);
    },
  );

  it.each([
    [404, 'an unknown case', 'nobody'],
    [404, 'an id that no case can have', 'a%00'],
    [404, 'an id that is too long for one', 'c'.repeat(600)],
    [400, 'an id that is no text', '%F0%9F%98'],
  ])('/cases/:id answers %i to %s', async (expected, _what, id) => {
    await office.import(twoCases);
    expect((await office.get(`/cases/${id}`))[0]).toBe(expected);
  });

  it('/activities counts events by activity', async () => {
    await office.import(twoCases);
    expect(await office.get<ActivityFigure[]>('/activities')).toEqual([
      200,
      [
        { activity: 'Decide', events: 2 },
        { activity: 'Receive', events: 2 },
      ],
    ]);
  });

  it('/variants counts cases by their sequence of activities', async () => {
    await office.import(
      logOf(
        { caseId: 'a', activity: 'Receive' },
        { caseId: 'b', activity: 'Receive' },
        { caseId: 'a', activity: 'Decide' },
        { caseId: 'c', activity: 'Decide' },
        { caseId: 'c', activity: 'Receive' },
        { caseId: 'd', activity: 'Receive' },
      ),
    );
    expect(await office.get<VariantFigure[]>('/variants')).toEqual([
      200,
      [
        { cases: 2, activities: ['Receive'] },
        { cases: 1, activities: ['Decide', 'Receive'] },
        { cases: 1, activities: ['Receive', 'Decide'] },
      ],
    ]);
    expect(office.figures.current).toMatchObject({ cases: 4, variants: 3 });
  });

  it('/workload counts activities by local month and resource', async () => {
    await office.import(twoCases);
    expect(await office.get<WorkloadFigure[]>('/workload')).toEqual([
      200,
      [
        { month: '2024-01', resource: 'Ada', activities: 1 },
        { month: '2024-01', resource: 'Bob', activities: 1 },
        { month: '2024-02', resource: 'Bob', activities: 1 },
      ],
    ]);
  });

  it('/stats tells the figures and those of the store', async () => {
    await office.import(twoCases);
    const [status, { figures, store }] = await office.get<{
      figures: Figures;
      store: Record<string, unknown>;
    }>('/stats');
    expect(status).toBe(200);
    expect(figures).toEqual({ events: 4, cases: 2, activities: 2, resources: 2, variants: 1 });
    expect(store).toMatchObject({ totalEvents: 4, totalAggregates: 2 });
  });

  it('answers an empty office with nothing, and an unknown path with 404', async () => {
    expect(await office.get('/variants')).toEqual([200, []]);
    expect(office.figures.toString()).toBe('0 events, 0 cases, 0 activities, 0 resources, 0 variants');
    expect((await office.get('/nowhere'))[0]).toBe(404);
  });
});
