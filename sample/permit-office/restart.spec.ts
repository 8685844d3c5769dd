/** The office on a store that outlives it. */
import { EventStore, type RecordedEvent } from '@allframe/nestjs';
import { StoreLockedError } from '@allframe/nestjs/allsource';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GeneratedLog } from './event-log/generated-log.js';
import { whatWasNew } from './event-log/log-importer.js';
import type { CaseView } from './permits/case.query.js';
import { emptyDirectory, logOf, RunningOffice } from './office.fixture.js';

const log = new GeneratedLog(200);

async function openOffice(directory: string): Promise<RunningOffice> {
  const office = await RunningOffice.open(`allsource:${encodeURI(directory)}/data`);
  onTestFinished(() => office.close());
  return office;
}

/** Everything that an office answers with. */
async function answersOf(office: RunningOffice): Promise<readonly unknown[]> {
  const paths = ['/cases/generated-1', '/cases/generated-200', '/activities', '/variants', '/workload'];
  return Promise.all(paths.map((path) => office.get(path)));
}

describe('an office on AllSource', () => {
  it('finds everything again after a restart, and imports nothing twice', async () => {
    const directory = await emptyDirectory();
    const first = await openOffice(directory);
    const imported = await first.import(log);
    const [figures, answers] = [first.figures.toString(), await answersOf(first)];
    const events = await first.app.get(EventStore).getAllEvents();
    expect(imported.recorded).toBe(imported.rows);
    await first.close();

    const second = await openOffice(directory);
    // The projections keep their state in memory, so they have read everything anew.
    await second.figures.caughtUpWith(imported.position);
    expect(second.figures.toString()).toBe(figures);
    expect(await answersOf(second)).toEqual(answers);

    expect(await second.import(log)).toEqual({ ...imported, recorded: 0 });
    expect(second.figures.toString()).toBe(figures);
    const plain = ({ position, id, streamId, version, data }: RecordedEvent): unknown => [
      position,
      id,
      streamId,
      version,
      data,
    ];
    expect((await second.app.get(EventStore).getAllEvents()).map(plain)).toEqual(events.map(plain));
  });

  it('goes on with a case where an office before it left off', async () => {
    const directory = await emptyDirectory();
    const first = await openOffice(directory);
    await first.import(logOf({ caseId: 'a', activity: 'Receive' }));
    await first.close();

    const second = await openOffice(directory);
    const grown = logOf({ caseId: 'a', activity: 'Receive' }, { caseId: 'a', activity: 'Decide' });
    expect(await second.import(grown)).toEqual({ rows: 2, recorded: 1, position: 2 });
    const [, { history }] = await second.get<CaseView>('/cases/a');
    expect(history.map(({ version, activity }) => [version, activity])).toEqual([
      [1, 'Receive'],
      [2, 'Decide'],
    ]);
  });

  it('counts everything in the store, whichever log it came from', async () => {
    const directory = await emptyDirectory();
    const first = await openOffice(directory);
    const { rows } = await first.import(log);
    await first.close();

    const second = await openOffice(directory);
    const other = await second.import(logOf({ caseId: 'elsewhere', activity: 'Receive' }));
    expect(second.figures.current).toMatchObject({ events: rows + 1, cases: 201 });
    expect(whatWasNew(other, second.figures.current.events)).toBe(
      `1 of 1 rows were new; the figures cover ${rows.toLocaleString('en-US')} more events that the store holds of other logs`,
    );
  });

  it('is refused while another one has the store, with words that name both', async () => {
    const directory = await emptyDirectory();
    await openOffice(directory);
    const refused = await RunningOffice.open(`allsource:${encodeURI(directory)}/data`).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(StoreLockedError);
    expect(String(refused)).toContain(`${directory}/data is open already, by this process (${process.pid})`);
  });
});

describe('what was new', () => {
  it.each([
    [{ rows: 12_558, recorded: 12_558 }, 12_558, '12,558 of 12,558 rows were new'],
    [{ rows: 12_558, recorded: 0 }, 12_558, '0 of 12,558 rows were new'],
    [{ rows: 0, recorded: 0 }, 0, '0 of 0 rows were new'],
  ])('%j of %i events is said as %j', (imported, events, words) => {
    expect(whatWasNew({ ...imported, position: events }, events)).toBe(words);
  });
});
