import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EventStore } from '@allframe/nestjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CsvLog } from './event-log/csv-log.js';
import type { CaseView } from './permits/case.query.js';
import { RunningOffice } from './office.fixture.js';
import type { ActivityFigure } from './projections/activities.projection.js';
import type { VariantFigure } from './projections/variants.projection.js';
import type { WorkloadFigure } from './projections/workload.projection.js';

const file =
  process.env['PERMIT_LOG'] ??
  fileURLToPath(new URL('../../../shared/data/permit-applications.csv', import.meta.url));
const reason = existsSync(file) ? '' : ` (skipped: there is no ${file}; PERMIT_LOG names another place)`;

// Facts about this log that were counted by other means than this library.
describe.skipIf(reason !== '')(`a real log of permit applications${reason}`, () => {
  let office: RunningOffice;
  beforeAll(async () => {
    office = await RunningOffice.open();
    await office.import(await CsvLog.open(file));
  });
  afterAll(() => office.close());

  it('has its figures', () => {
    expect(office.figures.toString()).toBe(
      '8,577 events, 1,434 cases, 27 activities, 48 resources, 116 variants',
    );
  });

  it('counts each activity', async () => {
    const [, activities] = await office.get<ActivityFigure[]>('/activities');
    expect(activities).toHaveLength(27);
    expect(activities[0]).toEqual({ activity: 'Confirmation of receipt', events: 1_434 });
    expect(activities.reduce((sum, { events }) => sum + events, 0)).toBe(8_577);
  });

  it('counts each variant', async () => {
    const [, variants] = await office.get<VariantFigure[]>('/variants');
    expect(variants).toHaveLength(116);
    expect(variants[0]?.cases).toBe(713);
    expect(variants.find(({ activities }) => activities.length === 1)).toEqual({
      cases: 116,
      activities: ['Confirmation of receipt'],
    });
    expect(variants.reduce((sum, { cases }) => sum + cases, 0)).toBe(1_434);
    expect(Math.max(...variants.map(({ activities }) => activities.length))).toBe(25);
  });

  it('counts the work of each resource in each month', async () => {
    const [, workload] = await office.get<WorkloadFigure[]>('/workload');
    expect(new Set(workload.map(({ resource }) => resource)).size).toBe(48);
    expect(workload.reduce((sum, { activities }) => sum + activities, 0)).toBe(8_577);
    expect(workload[0]?.month).toBe('2010-10');
    expect(workload.at(-1)?.month).toBe('2012-01');
  });

  it('has its first and its last event, and the whole story of a case', async () => {
    const times: string[] = [];
    for await (const event of office.app.get(EventStore).readAll()) {
      times.push((event.data as { completedAt: string }).completedAt);
    }
    times.sort((a, b) => Date.parse(a) - Date.parse(b));
    expect(times[0]).toBe('2010-10-02T09:20:39.266+02:00');
    expect(times.at(-1)).toBe('2012-01-23T15:42:54.644+01:00');

    const [status, { state, history }] = await office.get<CaseView>('/cases/case-10011');
    expect(status).toBe(200);
    expect(history).toHaveLength(state.activities);
    expect(history[0]).toEqual({
      version: 1,
      position: 1,
      activity: 'Confirmation of receipt',
      resource: 'Resource21',
      completedAt: '2011-10-11T13:45:40.276+02:00',
    });
  });

  it('is imported once', async () => {
    expect(await office.import(await CsvLog.open(file))).toEqual({
      rows: 8_577,
      recorded: 0,
      position: 8_577,
    });
    expect(office.figures.current.events).toBe(8_577);
  });
});
