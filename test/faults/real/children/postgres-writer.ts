/**
 * A process full of writers to a store in PostgreSQL: some append where they please, some to streams of their own with
 * the version they know, some race for streams that others want as well, and lose. It tells what was accepted.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { PostgresBackend } from '../../../../lib/backends/postgres/postgres-backend.js';
import { WrongExpectedVersionError } from '../../../../lib/core/errors/append.errors.js';
import type { ExpectedVersion } from '../../../../lib/core/expected-version.js';
import { EventStore } from '../../../../lib/store/event-store.js';
import { seededRandom } from '../../../store/seed.js';

/** What the process is told at its start. */
export interface WriterLife {
  readonly url: string;
  readonly schema: string;
  readonly number: number;
  readonly seed: number;
  readonly writers: number;
  readonly appendsEach: number;
}

/** What it says when it has written: everything that was accepted, by place, and how often it lost. */
export interface WriterReport {
  readonly accepted: readonly AcceptedEvent[];
  readonly lost: number;
}

/** Its position is known only of the last event of an append. */
export interface AcceptedEvent {
  readonly tag: string;
  readonly streamId: string;
  readonly version: number;
}

const life = JSON.parse(process.argv[2] ?? '') as WriterLife;
const random = seededRandom(life.seed + life.number);
const accepted: AcceptedEvent[] = [];
/** Versions as this process knows them: of its own streams exactly, of contended ones perhaps. */
const versions = new Map<string, number>();
let lost = 0;

function upTo(most: number): number {
  return Math.floor(random() * most) + 1;
}

function nextPlace(writer: number): readonly [streamId: string, expectedVersion: ExpectedVersion] {
  const chance = random();
  if (chance < 0.4) return [`shared-${upTo(5)}`, 'any'];
  const streamId = chance < 0.7 ? `own-${life.number}-${writer}` : `contended-${upTo(4)}`;
  return [streamId, versions.get(streamId) ?? 'noStream'];
}

async function write(store: EventStore, writer: number): Promise<void> {
  for (let n = 1; n <= life.appendsEach; n++) {
    const [streamId, expectedVersion] = nextPlace(writer);
    const count = random() < 0.7 ? 1 : upTo(4);
    // Both ways an event gets its id: those that are given are looked up.
    const given = random() < 0.5;
    const tags = Array.from({ length: count }, (_, i) => `${life.number}.${writer}.${n}.${i}`);
    const events = tags.map((tag) => ({
      type: 'written',
      data: { tag },
      ...(given ? { id: randomUUID() } : {}),
    }));
    try {
      const { fromVersion, version } = await store.append(streamId, events, { expectedVersion });
      tags.forEach((tag, i) => accepted.push({ tag, streamId, version: fromVersion + i }));
      versions.set(streamId, Math.max(version, versions.get(streamId) ?? 0));
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError) || streamId.startsWith('own')) throw error;
      lost++;
      versions.set(streamId, Math.max(error.actual, versions.get(streamId) ?? 0));
    }
  }
}

async function live(): Promise<void> {
  const { url, schema, writers } = life;
  const store = await EventStore.open(new PostgresBackend({ connectionString: url, schema }));
  process.send?.('ready');
  await once(process, 'message');
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(store, writer)));
  await store.close();
  const report: WriterReport = { accepted, lost };
  await new Promise((resolve) => process.send?.(report, resolve));
  process.disconnect();
}

await live();
