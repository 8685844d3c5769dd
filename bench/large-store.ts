/**
 * `npm run bench:large -- --events 10000000`: writes a store of millions of events, seals it, reads it cold, replays it and
 * opens it again, and tells how much memory that took. The memory of the process is that of all its threads.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EventStore } from '@allframe/nestjs';
import { AllSourceBackend } from '@allframe/nestjs/allsource';
import { SingleBar } from 'cli-progress';
import { inDirectory } from './allsource/data-directory.js';
import { thisMachine } from './harness/machine.js';
import { tailOf } from './harness/statistics.js';
import { timeEach, timeWhole } from './harness/stopwatch.js';
import { permitEvents } from './allsource/permit-events.js';

const HELP = `npm run bench:large -- [options]
  --events <n>    how many events; default 10,000,000
  --streams <n>   over how many streams; default 100,000
  --help          this text`;

/** Appends at once, of so many events each. */
const CALLERS = 64;
const BATCH = 10;
const COLD_READS = 1_000;
const SAMPLE_EVERY_MS = 20;
const MB = 1e6;
const US_PER_S = 1e6;

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000000' },
    streams: { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});
const total = Number(values.events);
const streams = Number(values.streams);
const isUsable = (n: number): boolean => Number.isSafeInteger(n) && n > 0;
if (values.help || !isUsable(total) || !isUsable(streams)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 1);
}

const figures: [what: string, value: string][] = [];
const note = (what: string, value: string): void => void figures.push([what, value]);
const seconds = (us: number): string => `${(us / US_PER_S).toFixed(1)} s`;
const rate = (events: number, us: number): string =>
  `${Math.round((events / us) * US_PER_S).toLocaleString('en')}/s`;

let peak = 0;
const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), SAMPLE_EVERY_MS);
await inDirectory(measure);
clearInterval(sampling);
const { cpu, cores, memoryGiB, node } = thisMachine();
console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, ${new Date().toISOString()}`);
console.log(`${total.toLocaleString('en')} events over ${streams.toLocaleString('en')} streams`);
for (const [what, value] of figures) console.log(`${what.padEnd(40)} ${value}`);

async function measure(directory: string): Promise<void> {
  const backend = AllSourceBackend.production(directory);
  const store = await EventStore.open(backend);
  const written = await timeWhole(() => write(store));
  note('written', `${seconds(written)}, ${rate(total, written)}`);
  note('sealed after that', seconds(await timeWhole(() => store.flush())));
  notePeak('written and sealed');
  note(
    'Parquet files',
    `${(sizeOf(join(directory, 'segments')) / MB).toFixed(0)} MB in ${backend.sealedFiles().length} files`,
  );
  note('stream indexes', `${(sizeOf(join(directory, 'index')) / MB).toFixed(0)} MB`);
  await store.close();

  const opened = await timeWhole(() => backend.open());
  note('opened again', seconds(opened));
  await backend.close();
  await coldReads(await EventStore.open(backend));
}

async function write(store: EventStore): Promise<void> {
  const bar = new SingleBar({
    format: 'writing {bar} {percentage} % | {value} of {total}',
    clearOnComplete: true,
  });
  bar.start(total, 0);
  const perStream = Math.ceil(total / streams);
  for (let next = 0; next < total;) {
    const appends: Promise<unknown>[] = [];
    for (let caller = 0; caller < CALLERS && next < total; caller++) {
      const count = Math.min(BATCH, total - next);
      // All streams grow together, so each is spread over the whole store: the worst case for reading one.
      const stream = Math.floor(next / BATCH) % streams;
      appends.push(store.append(`permit-${stream}`, permitEvents(next, count)));
      next += count;
    }
    await Promise.all(appends);
    bar.update(next);
  }
  bar.stop();
  note('events in a stream', String(perStream));
}

async function coldReads(store: EventStore): Promise<void> {
  let seen = 0;
  const samples = await timeEach(COLD_READS, async (i) => {
    // Far apart, so that no read finds what another one left in a cache.
    const stream = Math.floor((i * streams) / COLD_READS + (i % 7));
    seen += (await store.getEvents(`permit-${stream % streams}`)).length;
  });
  const { p50, p99 } = tailOf(samples);
  note('cold read of a stream', `p50 ${(p50 / 1000).toFixed(2)} ms, p99 ${(p99 / 1000).toFixed(2)} ms`);
  note('events in each of these', String(Math.round(seen / COLD_READS)));
  let replayed = 0;
  const us = await timeWhole(async () => {
    for await (const event of store.readAll()) if (event.position > 0) replayed++;
  });
  note('replayed from Parquet', `${rate(replayed, us)}, ${seconds(us)}`);
  notePeak('read and replayed');
  await store.close();
}

function notePeak(after: string): void {
  note(`resident set at most, ${after}`, `${(peak / MB).toFixed(0)} MB`);
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
