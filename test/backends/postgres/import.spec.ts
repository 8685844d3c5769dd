/** Copying another store's events: all of them, once, in their order. */
import {
  DuplicateEventError,
  EventStore,
  InMemoryBackend,
  Limits,
  type RecordedEvent,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectionLost, FaultyPool } from '../../postgres/faulty-pool.js';
import { newSchema, serverUrl } from '../../postgres/schemas.js';

const plain = ({ id, streamId, version, type, data, metadata, recordedAt }: RecordedEvent): unknown => [
  id,
  streamId,
  version,
  type,
  data,
  metadata,
  recordedAt.getTime(),
];

async function opened<B extends InMemoryBackend | PostgresBackend>(backend: B): Promise<[EventStore, B]> {
  const store = await EventStore.open(backend);
  onTestFinished(() => store.close());
  return [store, backend];
}

/** A store in memory with so many events over seven streams. */
async function filled(count: number): Promise<[EventStore, InMemoryBackend]> {
  const [store, backend] = await opened(new InMemoryBackend());
  for (let i = 0; i < count; i += 100) {
    const events = Array.from({ length: Math.min(100, count - i) }, (_, n) => ({
      type: 'counted',
      data: { n: i + n },
    }));
    await store.append(`s-${(i / 100) % 7}`, events, { metadata: { i } });
  }
  return [store, backend];
}

const inNewSchema = () => opened(new PostgresBackend({ connectionString: serverUrl(), schema: newSchema() }));

describe('import', () => {
  it('copies everything in its order, over several steps, and once', async () => {
    const count = Limits.importChunkEvents * 2 + 350;
    const [source, from] = await filled(count);
    const [target, into] = await inNewSchema();
    const told: number[] = [];
    const report = await into.import(from, { onProgress: ({ through }) => told.push(through) });
    expect(report).toEqual({ imported: count, skipped: 0, through: count });
    expect(told).toEqual([Limits.importChunkEvents, Limits.importChunkEvents * 2, count]);
    expect((await target.getAllEvents()).map(plain)).toEqual((await source.getAllEvents()).map(plain));
    expect(await target.stats()).toMatchObject({ totalEvents: count, totalAggregates: 7 });

    await source.append('s-0', [{ type: 'counted', data: { n: -1 } }]);
    expect(await into.import(from)).toEqual({ imported: 1, skipped: count, through: count + 1 });
    const again = await target.append('s-0', [{ type: 'counted', data: {} }], {
      expectedVersion: 'streamExists',
    });
    expect(again.position).toBe(count + 2);
  });

  it('keeps every sign of a text', async () => {
    const [source, from] = await opened(new InMemoryBackend());
    const text = 'tab\t newline\n return\r backslash\\ \\N \\. quote" \u0000 \u0001 \ud800 é 漢 😀';
    await source.append('s-\\N \\. \t\n\r é', [{ type: 'tab\there', data: { text, '\t': ['\\t'] } }]);
    await source.append('\\.', [{ type: '\\N', data: '\\.' }], { metadata: { text } });
    const [target, into] = await inNewSchema();
    await into.import(from);
    expect((await target.getAllEvents()).map(plain)).toEqual((await source.getAllEvents()).map(plain));
  });

  it('is delivered to those who follow', async () => {
    const [, from] = await filled(300);
    const [target, into] = await inNewSchema();
    const seen: number[] = [];
    const done = new Promise<void>((resolve) => {
      target.subscribe(({ position }) => void (seen.push(position) === 300 && resolve()), { after: 0 });
    });
    await into.import(from);
    await done;
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  });

  it('goes on where a lost connection has cut it off', async () => {
    const pool = new FaultyPool({ connectionString: serverUrl(), max: 4 });
    onTestFinished(() => pool.end());
    const [source, from] = await filled(250);
    const [target, into] = await opened(new PostgresBackend({ pool, schema: newSchema() }));
    pool.next(
      ({ text }) => text === 'commit',
      async (proceed) => {
        await proceed();
        throw connectionLost();
      },
    );
    expect(await into.import(from)).toMatchObject({ through: 250 });
    expect((await target.getAllEvents()).map(plain)).toEqual((await source.getAllEvents()).map(plain));
  });

  it('leaves nothing of a step that does not fit', async () => {
    const [source, from] = await filled(200);
    const [target, into] = await inNewSchema();
    await target.append('s-1', [{ type: 'own', data: {} }]);
    await expect(into.import(from)).rejects.toMatchObject({
      code: 'PostgresRequestError',
      sqlState: '23505',
    });
    expect(await target.head()).toBe(1);

    const [first] = await source.getEvents('s-0');
    const [elsewhere, there] = await inNewSchema();
    await elsewhere.append('other', [{ type: 'counted', data: {}, id: first!.id }]);
    await expect(there.import(from)).rejects.toBeInstanceOf(DuplicateEventError);
    expect(await elsewhere.head()).toBe(1);
  });

  it('refuses a source whose stream begins behind its own beginning', async () => {
    const [, from] = await filled(100);
    const [target, into] = await inNewSchema();
    const readAll = from.readAll.bind(from);
    from.readAll = async (query) => readAll({ ...query, after: Math.max(query.after, 2) });
    const refused = into.import(from);
    await expect(refused).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({ streamId: 's-0', expected: 2, actual: 0 });
    expect(await target.head()).toBe(0);
  });
});
