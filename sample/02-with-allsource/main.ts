/**
 * A store that outlives its process: durable appends, sealing, statistics, a restart, a backup, and SQL over its files.
 *
 * `node main.js` works in a new temporary directory, `node main.js <directory>` in yours: run that twice, and the second
 * run finds what the first one left.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { DomainEvent, EventStore } from '@allframe/nestjs';
import { AllSourceBackend } from '@allframe/nestjs/allsource';

@DomainEvent('sensor.measured')
class Measured {
  constructor(readonly celsius: number) {}
}

const SENSORS = 10;
const ROUNDS = 100;

const directory = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'with-allsource-')));
const data = join(directory, 'data');

// In a Nest application this is AllFrameModule.forRoot(AllSourceBackend.production('./data')), or
// forRoot('allsource:./data'); here is no application, so the store is opened by hand.
let backend = AllSourceBackend.production(data);
let store = await EventStore.open(backend, { events: [Measured] });
console.log(`Found ${await store.head()} events`);

// An append resolves when its events are on the disk. Those that are made at the same time share one sync.
for (let round = 1; round <= ROUNDS; round++) {
  const measured = Array.from({ length: SENSORS }, (_, sensor) =>
    store.append(`sensor-${sensor}`, [new Measured(sensor + round / ROUNDS)]),
  );
  await Promise.all(measured);
}
const { totalIngested, commits = '', syncs = '' } = await statistics();
console.log(`Appended ${totalIngested} events; shared syncs: ${Number(syncs) < Number(commits)}`);

// The newest events are in the log. AllSource seals them into Parquet by itself, after 10 minutes or 64 MiB; flush() does
// it now. It makes nothing more durable: it makes the log shorter, and the events visible to other programs.
await store.flush();
const { sealedThrough, walBytes } = await statistics();
console.log(`Sealed through position ${sealedThrough}; the log holds ${walBytes} bytes`);

// A restart: nothing is lost, and positions and versions go on where they were.
await store.close();
backend = AllSourceBackend.production(data);
store = await EventStore.open(backend, { events: [Measured] });
const { version, position } = await store.append('sensor-3', [new Measured(30)]);
console.log(`After a restart: version ${version} of sensor-3, position ${position}`);

// A backup is taken while the store is in use, and is a store itself: to restore it, open it, or copy it back.
const copy = AllSourceBackend.production(
  (await backend.backup(join(directory, `backup-${position}`))).directory,
);
const restored = await EventStore.open(copy, { events: [Measured] });
const [ours, theirs] = await Promise.all([backend.verify(), copy.verify()]);
console.log(`The backup has ${theirs.events} events; it is the same: ${theirs.digest === ours.digest}`);
await restored.close();

// What is sealed are ordinary Parquet files: DuckDB reads them while the store is open. What was appended since the last
// seal, the 30 °C of above, is not among them. sealedFiles() gives each event once, at any time.
const files = backend.sealedFiles().map((path) => `'${path.replaceAll("'", "''")}'`);
const duckdb = await DuckDBInstance.create();
const connection = await duckdb.connect();
const answer = await connection.runAndReadAll(`
  SELECT stream_id, count(*)::INT AS times, max((data->>'celsius')::DOUBLE) AS warmest
  FROM read_parquet([${files.join(', ')}])
  WHERE event_type = 'sensor.measured'
  GROUP BY stream_id ORDER BY warmest DESC LIMIT 2`);
console.log('Warmest:', answer.getRowObjectsJS());
connection.closeSync();
duckdb.closeSync();

await store.close();

async function statistics(): Promise<Readonly<Record<string, string>>> {
  return (await store.stats()).backendSpecific;
}
