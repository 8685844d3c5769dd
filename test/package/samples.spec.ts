/** The samples as a newcomer runs them: compiled against the built package, started, asked, and stopped. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { repositoryRoot, run } from './run-command.js';
import { RunningProgram } from './running-program.js';

/** The real event log is not part of the repository; a copy of it may lie beside, or anywhere else by this variable. */
const realLog = process.env['PERMIT_LOG'] ?? join(repositoryRoot, '../shared/data/permit-applications.csv');
const isThere = existsSync(realLog);
const reason = isThere ? '' : ` (skipped: there is no ${realLog}; PERMIT_LOG names another place)`;

/** An empty directory that is gone when the test has finished: no sample writes into the repository. */
function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'allframe-sample-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** @param storeUrl where a sample that asks its environment keeps its events */
function start(sample: string, args: readonly string[] = [], storeUrl = 'memory:'): RunningProgram {
  const program = RunningProgram.start([`build/sample/${sample}/main.js`, ...args], {
    PORT: '0',
    EVENT_STORE_URL: storeUrl,
  });
  onTestFinished(() => program.kill());
  return program;
}

/** Starts the permit office, returns the figures that it printed and those that it serves, and stops it. */
async function runPermitOffice(args: readonly string[], storeUrl: string) {
  const program = start('permit-office', args, storeUrl);
  const printed = await program.line();
  const url = /^http:\/\/localhost:\d+/.exec(await program.line())?.[0];
  const response = await fetch(`${url}/stats`);
  const { figures, store } = (await response.json()) as {
    readonly figures: unknown;
    readonly store: { readonly backendSpecific: { readonly backendType: string } };
  };
  const exitCode = await program.interrupt();
  return { printed, figures, backend: store.backendSpecific.backendType, exitCode, said: program.said };
}

const ofTheRealLog = {
  printed: '8,577 events, 1,434 cases, 27 activities, 48 resources, 116 variants',
  figures: { events: 8577, cases: 1434, activities: 27, resources: 48, variants: 116 },
  exitCode: 0,
};
const ofItsOwnLog = {
  printed: '12,558 events, 2,000 cases, 27 activities, 48 resources, 101 variants',
  figures: { events: 12558, cases: 2000, activities: 27, resources: 48, variants: 101 },
  exitCode: 0,
};

describe('the samples', () => {
  beforeAll(async () => {
    await run('npm', ['run', '--silent', 'build:samples']);
  });

  it('01-simple-cqrs: runs to its end and prints what it decided and projected', async () => {
    const program = start('01-simple-cqrs');
    expect(await program.rest()).toEqual([
      'The order is placed; it takes no more lines',
      'Wanted: { tea: 2, cup: 1 }',
    ]);
    expect(await program.exitCode()).toBe(0);
  });

  it('02-with-allsource: runs to its end, and goes on in the same directory', async () => {
    const directory = emptyDirectory();
    const first = start('02-with-allsource', [directory]);
    expect(await first.rest()).toEqual([
      'Found 0 events',
      'Appended 1000 events; shared syncs: true',
      'Sealed through position 1000; the log holds 0 bytes',
      'After a restart: version 101 of sensor-3, position 1001',
      'The backup has 1001 events; it is the same: true',
      'Warmest: [',
      "  { stream_id: 'sensor-9', times: 100, warmest: 10 },",
      "  { stream_id: 'sensor-8', times: 100, warmest: 9 }",
      ']',
    ]);
    expect(await first.exitCode()).toBe(0);

    const second = start('02-with-allsource', [directory]);
    expect(await second.line()).toBe('Found 1001 events');
    await second.rest();
    expect(await second.exitCode()).toBe(0);
  });

  it('03-snapshots: runs to its end and prints what it took from where', async () => {
    const program = start('03-snapshots');
    expect(await program.rest()).toEqual([
      'Rebuilt from 3 events: 60',
      'From the snapshot of version 3: 60',
      'And 2 events after it: 63',
      'A snapshot was taken at version 20 of 25: 25',
      'Without it: 25',
    ]);
    expect(await program.exitCode()).toBe(0);
  });

  it('bank-http: serves accounts, and ends when it is told to', async () => {
    const program = start('bank-http');
    const url = /http:\S+/.exec(await program.line())?.[0];
    const send = (method: string, path: string, body?: object): Promise<Response> =>
      fetch(`${url}${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    for (let i = 0; i < 2; i++)
      expect((await send('PUT', '/accounts/a1', { owner: 'Ada' })).headers.get('etag')).toBe('"1"');
    expect((await send('POST', '/accounts/a1/withdrawals', { amount: 1 })).status).toBe(422);
    expect(await (await send('GET', '/accounts/a1')).json()).toMatchObject({ owner: 'Ada', balance: 0 });
    expect(await program.interrupt()).toBe(0);
    expect(program.said).toBe('');
  });

  it.skipIf(!isThere)(`permit-office: prints and serves the figures of the real log${reason}`, async () => {
    expect(await runPermitOffice([realLog], `allsource:${emptyDirectory()}`)).toMatchObject(ofTheRealLog);
  });

  it('permit-office: prints and serves the figures of its own log of 2,000 cases', async () => {
    const seen = await runPermitOffice([], 'memory:');
    expect(seen).toMatchObject({ ...ofItsOwnLog, backend: 'memory' });
    expect(seen.said).toBe('12,558 of 12,558 rows were new\n');
  });

  it('permit-office: finds everything again at a second start, and imports nothing twice', async () => {
    const url = `allsource:${emptyDirectory()}`;
    const first = await runPermitOffice([], url);
    expect(first).toMatchObject({ ...ofItsOwnLog, backend: 'allsource' });
    expect(first.said).toBe('12,558 of 12,558 rows were new\n');
    expect(await runPermitOffice([], url)).toEqual({ ...first, said: '0 of 12,558 rows were new\n' });
  });

  const servers = inject('postgresServers');

  it.skipIf(!isThere).each(servers)(
    `permit-office: prints and serves the figures of the real log on $name${reason}`,
    async ({ url }) => {
      const seen = await runPermitOffice([realLog], `${url}?schema=real_log`);
      expect(seen).toMatchObject({ ...ofTheRealLog, backend: 'postgres' });
      expect(seen.said).toBe('8,577 of 8,577 rows were new\n');
    },
  );

  it('permit-office: two that start at once share the work on PostgreSQL', async () => {
    const file = join(emptyDirectory(), 'log.csv');
    const rows = Array.from({ length: 600 }, (_, i) => `case-${i % 100},step ${Math.floor(i / 100)}`);
    writeFileSync(
      file,
      ['case,activity,resource,time', ...rows.map((row) => `${row},Ada,2024-01-02T08:00:00Z`)].join('\n'),
    );
    const columns = ['--case', 'case', '--activity', 'activity', '--resource', 'resource', '--time', 'time'];
    const url = `${servers[0]?.url}?schema=two_offices`;
    const run600 = () => runPermitOffice([file, ...columns], url);
    const seen = await Promise.all([run600(), run600()]);
    const recorded = seen.map(({ said }) => Number(/^[\d,]+/.exec(said)?.[0].replaceAll(',', '')));
    expect(recorded.reduce((a, b) => a + b)).toBe(600);
    // One that is done first serves what is there by then.
    const { figures, said } = await run600();
    expect(said).toBe('0 of 600 rows were new\n');
    expect(figures).toMatchObject({ events: 600, cases: 100, activities: 6, variants: 1 });
  });

  it('permit-office: tells a second one in one line that the store is open already', async () => {
    const directory = emptyDirectory();
    const first = start('permit-office', [], `allsource:${directory}`);
    await first.line();

    const second = start('permit-office', [], `allsource:${directory}`);
    expect(await second.rest()).toEqual([]);
    expect(await second.exitCode()).toBe(1);
    expect(second.said).toMatch(
      new RegExp(`^error: ${directory} is open already, by process ${first.pid} on [^\n]*\n$`),
    );
    expect(await first.interrupt()).toBe(0);
  });
});
