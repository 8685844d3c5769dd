/** What becomes of the appends to a store whose disk fails, and what has to be true of each afterwards. */
import { expect } from 'vitest';
import type { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import type { Commit } from '../../lib/core/commit.js';
import { AppendOutcomeUnknownError } from '../../lib/core/errors/append.errors.js';
import { commitOf } from '../../lib/testing/contract/sample-events.js';
import { events, eventsOf } from './commit-history.js';

export class Appends {
  readonly tried: Commit[] = [];
  readonly accepted: string[] = [];
  readonly unknown: string[] = [];
  readonly refused: { readonly ids: readonly string[]; readonly error: unknown }[] = [];

  async append(store: AllSourceBackend, streamId: string, count = 1, bytes = 20): Promise<void> {
    const commit = commitOf({ [streamId]: events(count, bytes) });
    this.tried.push(commit);
    await this.again(store, commit);
  }

  async again(store: AllSourceBackend, commit: Commit): Promise<void> {
    const ids = idsOf(commit);
    try {
      await store.append(commit);
      this.accepted.push(...ids);
    } catch (error) {
      if (error instanceof AppendOutcomeUnknownError) {
        expect(error.eventIds).toEqual(ids);
        this.unknown.push(...ids);
      } else this.refused.push({ ids, error });
    }
  }

  /** What is there is what was accepted, and perhaps what is unknown, and each of it once. */
  async check(store: AllSourceBackend): Promise<void> {
    const found = await eventsOf(store);
    const ids = found.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(this.accepted.filter((id) => !ids.includes(id))).toEqual([]);
    const maybe = new Set([...this.accepted, ...this.unknown]);
    expect(ids.filter((id) => !maybe.has(id))).toEqual([]);
    const versions = new Map<string, number>();
    for (const [i, { streamId, version, position }] of found.entries()) {
      expect(version).toBe((versions.get(streamId) ?? 0) + 1);
      versions.set(streamId, version);
      expect(position).toBe(i + 1);
    }
    expect(await store.verify()).toMatchObject({ ok: true });
  }
}

export function idsOf(commit: Commit): string[] {
  return commit.streams.flatMap((stream) => stream.events.map(({ id }) => id));
}

/** Appends one by one and together, with changes of the file, sealing and merging in between. */
export async function work(store: AllSourceBackend, appends: Appends): Promise<void> {
  const flush = (): Promise<void> => store.compact().catch(() => undefined);
  for (let round = 0; round < 4; round++) {
    await appends.append(store, 's-1');
    await Promise.all(Array.from({ length: 5 }, (_, i) => appends.append(store, `s-${i}`, 2)));
    await appends.append(store, 's-1', 1, 1_500);
    await appends.append(store, 's-1', 1, 1_500);
    if (round % 2 === 1) await Promise.all([flush(), appends.append(store, 's-9')]);
  }
}
