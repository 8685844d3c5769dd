/** Two offices on one PostgreSQL: each imports, both see everything. */
import { randomUUID } from 'node:crypto';
import { EventStore } from '@allframe/nestjs';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { GeneratedLog } from './event-log/generated-log.js';
import { logOf, RunningOffice } from './office.fixture.js';
import pg from 'pg';

const log = new GeneratedLog(100);
const [server] = inject('postgresServers');

/** A store of its own for a test. */
function newStoreUrl(): string {
  const schema = `office_${randomUUID()}`;
  onTestFinished(async () => {
    const client = new pg.Client({ connectionString: server!.url });
    await client.connect();
    await client.query(`drop schema ${client.escapeIdentifier(schema)} cascade`);
    await client.end();
  });
  return `${server!.url}?schema=${schema}`;
}

async function openOffice(url: string): Promise<RunningOffice> {
  const office = await RunningOffice.open(url);
  onTestFinished(() => office.close());
  return office;
}

describe('two offices on PostgreSQL', () => {
  it('share the work of one log, and both have all of it in their figures', async () => {
    const url = newStoreUrl();
    const offices = await Promise.all([openOffice(url), openOffice(url)]);
    const imports = await Promise.all(offices.map((office) => office.import(log)));
    const [first, second] = imports;
    expect(first!.recorded + second!.recorded).toBe(first!.rows);

    const inMemory = await openOffice('memory:');
    await inMemory.import(log);
    const events = await offices[0].app.get(EventStore).head();
    for (const office of offices) {
      await office.figures.caughtUpWith(events);
      expect(office.figures.toString()).toBe(inMemory.figures.toString());
      for (const path of ['/cases/generated-1', '/activities', '/variants', '/workload']) {
        const [status, body] = await office.get<object>(path);
        expect(status).toBe(200);
        // Two offices take turns, so the places of the events are others than one would give them.
        if (path !== '/cases/generated-1') expect([status, body]).toEqual(await inMemory.get(path));
      }
    }
  });

  it('see what the other one records', async () => {
    const url = newStoreUrl();
    const [first, second] = await Promise.all([openOffice(url), openOffice(url)]);
    const { position } = await first.import(logOf({ caseId: 'a', activity: 'Receive' }));
    await second.figures.caughtUpWith(position);
    expect(second.figures.current).toMatchObject({ events: 1, cases: 1 });
    const later = await second.import(
      logOf({ caseId: 'a', activity: 'Receive' }, { caseId: 'a', activity: 'Decide' }),
    );
    expect(later).toEqual({ rows: 2, recorded: 1, position: 2 });
    await first.figures.caughtUpWith(2);
    expect(first.figures.current).toMatchObject({ events: 2, activities: 2 });
  });
});
