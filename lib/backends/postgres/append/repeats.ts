/** What it means that ids of a commit are known: the same commit again, or a mistake. */
import type { AppendResult, Commit, StreamCommit } from '../../../core/commit.js';
import { DuplicateEventError } from '../../../core/errors/append.errors.js';
import { expectedPlace } from '../../../core/expected-version.js';
import { uuidArray } from '../binary-array.js';
import type { Rows } from '../database.js';

interface Place {
  readonly streamId: string;
  readonly version: number;
  readonly position: number;
}

export const placesQuery = (schema: string): string =>
  `select id, stream_id, version, position from ${schema}.events where id = any($1)`;

export function placesValues({ streams }: Commit): readonly unknown[] {
  const ids = uuidArray();
  for (const { events } of streams) for (const { id } of events) ids.push(id);
  return [ids.end()];
}

/**
 * The first results, if every event of the commit is already at its place.
 * @param rows where ids of the commit stand, as `placesQuery` gives it
 * @throws DuplicateEventError if only some of the ids are known, or known elsewhere
 */
export function firstResults({ streams }: Commit, rows: Rows): readonly AppendResult[] {
  const places = new Map(
    rows.map(([id, streamId, version, position]) => [
      id as string,
      { streamId: streamId as string, version: Number(version), position: Number(position) },
    ]),
  );
  const results = streams.map((stream) => resultOf(stream, places));
  if (results.every((result) => result !== undefined)) return results;
  for (const { streamId, events } of streams) {
    const known = events.map(({ id }) => id).filter((id) => places.has(id));
    if (known.length > 0) throw new DuplicateEventError(streamId, known);
  }
  throw new Error('the ids of a commit were known, and are so no longer: events have been deleted by hand');
}

/** Where exactly these ids stand in this stream, one behind the other, if they stand where they are expected. */
function resultOf(
  { streamId, expectedVersion, events }: StreamCommit,
  places: ReadonlyMap<string, Place>,
): AppendResult | undefined {
  const found = events.map(({ id }) => places.get(id));
  const fromVersion = found[0]?.version ?? 0;
  const expected = expectedPlace(expectedVersion);
  if (expected !== undefined && fromVersion !== expected + 1) return undefined;
  const isThere = found.every(
    (place, i) => place?.streamId === streamId && place.version === fromVersion + i,
  );
  if (!isThere) return undefined;
  const { version, position } = found.at(-1) as Place;
  return { streamId, fromVersion, version, position, idempotent: true };
}
