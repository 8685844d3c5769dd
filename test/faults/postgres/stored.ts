/** What a store really holds, read with plain SQL, and what has to be true of it whatever has happened. */
import { expect } from 'vitest';
import pg from 'pg';
import type { PostgresServer } from '../../postgres/server.js';

/** An event as it is compared in these tests. */
export interface Place {
  readonly position: number;
  readonly streamId: string;
  readonly version: number;
  /** What its data says it is called. */
  readonly tag: string;
}

/** Every event of the store, by position. */
export async function storedPlaces(server: PostgresServer, schema: string): Promise<readonly Place[]> {
  const rows = await server.query(
    `select e.position::text, stream_id, e.version::text, data->>'tag' as tag
     from ${pg.escapeIdentifier(schema)}.events e order by e.position`,
  );
  return rows.map(({ position, stream_id, version, tag }) => ({
    position: Number(position),
    streamId: stream_id as string,
    version: Number(version),
    tag: tag as string,
  }));
}

/** Versions count from 1 in each stream, no tag stands twice, and positions count from 1 as well, or go up at least. */
export function expectSound(places: readonly Place[], positions: 'gapless' | 'rising'): void {
  const versions = new Map<string, number>();
  const wrong: string[] = [];
  let last = 0;
  for (const { position, streamId, version } of places) {
    const before = versions.get(streamId) ?? 0;
    if (version !== before + 1) wrong.push(`version ${version} of ${streamId} follows ${before}`);
    versions.set(streamId, version);
    const isNext = positions === 'gapless' ? position === last + 1 : position > last;
    if (!isNext) wrong.push(`position ${position} follows ${last}`);
    last = position;
  }
  expect(wrong).toEqual([]);
  const seen = new Set<string>();
  expect(places.filter(({ tag }) => seen.size === seen.add(tag).size)).toEqual([]);
}
