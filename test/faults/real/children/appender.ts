/**
 * Tells what it finds in a store, and then appends to it until it is killed.
 *
 * Lines go out by `writeSync`: what that has returned from is in the kernel, and reaches the parent whatever happens. Not
 * to the standard output: a worker thread makes that one non-blocking.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { AllSourceBackend } from '../../../../lib/backends/allsource/allsource-backend.js';
import type { RecordChange } from '../../../../lib/core/commit.js';
import { Limits } from '../../../../lib/core/limits.js';
import { seededRandom } from '../../../store/seed.js';
import {
  type Attempt,
  type AttemptedStream,
  checksumOf,
  commitOf,
  type FoundRecord,
  type Life,
  type Line,
} from '../attempts.js';

/** A pipe to the parent. */
const REPORTS = 3;

const life = JSON.parse(process.argv[2] ?? '') as Life;
const random = seededRandom(life.seed);
const backend = AllSourceBackend.withConfig(life.options);
/** Versions of the streams that only one writer appends to. */
const versions = new Map<string, number>();
let made = 0;

function say(line: Line): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) at += writeSync(REPORTS, bytes, at);
}

function upTo(most: number): number {
  return Math.floor(random() * most) + 1;
}

async function tellWhatIsThere(): Promise<void> {
  const head = await backend.head();
  for (let after = 0, atEnd = false; !atEnd;) {
    const page = await backend.readAll({
      after,
      upTo: head,
      direction: 'forward',
      limit: Limits.pageEventsMax,
    });
    for (const { streamId, version } of page.events) versions.set(streamId, version);
    say({
      kind: 'events',
      events: page.events.map(({ position, id, streamId, version, type, data, metadata }) => {
        return [position, id, streamId, version, type, checksumOf(data, metadata)];
      }),
    });
    after = page.through;
    atEnd = page.atEnd;
  }
  const records: FoundRecord[] = [];
  for (const collection of ['last', 'snapshots', 'count']) {
    let page = await backend.readRecords(collection, { prefix: '', after: '', limit: 100 });
    while (page.length > 0) {
      for (const { key, value } of page) records.push([collection, key, value]);
      page = await backend.readRecords(collection, { prefix: '', after: page.at(-1)!.key, limit: 100 });
    }
  }
  const { totalEvents, totalAggregates, totalSnapshots } = await backend.stats();
  say({ kind: 'found', records, totals: [totalEvents, totalAggregates, totalSnapshots] });
}

async function perform(attempt: Attempt, given: boolean): Promise<void> {
  say({ kind: 'attempt', attempt });
  const results = await backend.append(commitOf(attempt, given));
  say({
    kind: 'acknowledged',
    tag: attempt.tag,
    places: results.map(({ streamId, fromVersion, version, position }) => [
      streamId,
      fromVersion,
      version,
      position,
    ]),
    idempotent: results.some(({ idempotent }) => idempotent),
  });
  for (const { streamId, version } of results) versions.set(streamId, version);
}

/** One or many events for a stream of the writer's own, and now and then for others as well; records about them. */
function newAttempt(writer: number): Attempt {
  const tag = `${life.number}.${writer}.${++made}`;
  if (random() < 0.1) {
    return {
      tag,
      streams: [],
      records: [{ collection: 'count', key: `w${writer}`, value: `${life.number * 1e6 + made}` }],
    };
  }
  const own = `own-${writer}-${upTo(3)}`;
  const version = versions.get(own) ?? 0;
  // Without a log what was acknowledged may be gone, and with it the version.
  const isSure = life.options.enableWal !== false && random() < 0.6;
  const expected = !isSure ? 'any' : version === 0 ? 'noStream' : version;
  const streams: AttemptedStream[] = [{ stream: own, expected, ids: ids() }];
  if (random() < 0.3) streams.push({ stream: `shared-${upTo(4)}`, expected: 'any', ids: ids() });
  if (random() < 0.1) streams.push({ stream: `rare-${upTo(500)}`, expected: 'any', ids: ids() });
  const records: RecordChange[] = [];
  if (random() < 0.4) {
    for (const { stream } of streams) {
      const value = random() < 0.1 ? null : JSON.stringify({ tag });
      records.push({ collection: 'last', key: stream, value });
      records.push({ collection: 'snapshots', key: stream, value });
    }
  }
  return { tag, streams, records };
}

function ids(): string[] {
  return Array.from({ length: random() < 0.7 ? 1 : upTo(20) }, () => randomUUID());
}

async function write(writer: number): Promise<void> {
  for (;;) await perform(newAttempt(writer), random() < 0.15);
}

async function repeat(step: NonNullable<Life['step']>): Promise<void> {
  for (let n = 1; ; n++) {
    say({ kind: 'began' });
    if (step === 'flush') {
      say({ kind: 'flushing' });
      await backend.flush();
      say({ kind: 'flushed' });
    } else if (step === 'compact') await backend.compact();
    else await backend.backup(join(life.backups, `${life.number}-${n}`));
    say({ kind: 'done' });
  }
}

async function live(): Promise<void> {
  await backend.open();
  const { tornTail, strays } = backend.opening!;
  say({ kind: 'opened', torn: tornTail !== undefined, strays: strays.length });
  await tellWhatIsThere();
  if (life.verifies) {
    const { problems, events } = await backend.verify();
    say({ kind: 'verified', problems, events });
  }
  await Promise.all(life.retries.map((attempt) => perform(attempt, true)));
  if (life.closes) {
    await backend.close();
    say({ kind: 'closed' });
    return;
  }
  await Promise.all([
    ...Array.from({ length: life.writers }, (_, writer) => write(writer)),
    ...(life.step === undefined ? [] : [repeat(life.step)]),
  ]);
}

live().catch((error: unknown) => {
  say({ kind: 'failed', what: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
