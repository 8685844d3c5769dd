/**
 * Callers that append without end while a database is cut off, killed or replaced, and what they have been told. Some give
 * ids and some do not, some expect a version and some do not; what may have failed they repeat, as the error says.
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import {
  AppendOutcomeUnknownError,
  type AppendResult,
  type EventStore,
  WrongExpectedVersionError,
} from '@allframe/nestjs';
import { eventually } from '../../eventually.js';
import type { Place } from './stored.js';

/** What is wanted of an append, the same at each try. */
interface Wanted {
  readonly tag: string;
  readonly streamId: string;
  readonly expectedVersion: 'any' | number;
  id: string | undefined;
}

const KINDS = ['any', 'any with ids', 'expected', 'expected with ids'] as const;

export class Load {
  /** What was accepted, by tag. */
  readonly acknowledged = new Map<string, Place>();
  /** Every tag that was ever tried. */
  readonly tried = new Set<string>();
  /** Appends of which the store could not say whether they happened. */
  unknown = 0;
  /** Appends to a stream of one's own that found another version than the one that was acknowledged. */
  conflicts = 0;
  /** What ended a caller that should have gone on. */
  readonly failures: unknown[] = [];
  #stopping = false;
  readonly #ended: Promise<unknown>;

  constructor(
    private readonly store: EventStore,
    callers: number,
  ) {
    const all = Array.from({ length: callers }, (_, caller) => this.#call(caller));
    this.#ended = Promise.all(all.map((one) => one.catch((error: unknown) => this.failures.push(error))));
  }

  /** Resolves when so many more have been accepted, counted from now. */
  async progresses(count = 100): Promise<void> {
    const wanted = this.acknowledged.size + count;
    await eventually(() => {
      expect(this.failures).toEqual([]);
      expect(this.acknowledged.size).toBeGreaterThan(wanted);
    });
  }

  /** Ends after the appends in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  /** Everything acknowledged is stored where it was said to be, and nothing that nobody has tried. */
  expectKept(stored: readonly Place[]): void {
    expect(this.failures).toEqual([]);
    const byTag = new Map(stored.map((place) => [place.tag, place]));
    const lost = [...this.acknowledged].filter(([tag, place]) => !isSame(byTag.get(tag), place));
    expect(lost).toEqual([]);
    expect(stored.filter(({ tag }) => !this.tried.has(tag))).toEqual([]);
  }

  async #call(caller: number): Promise<void> {
    const kind = KINDS[caller % KINDS.length] as (typeof KINDS)[number];
    const expects = kind.startsWith('expected');
    const streamId = expects ? `own-${caller}` : `shared-${caller % 3}`;
    let version = 0;
    for (let n = 1; !this.#stopping; n++) {
      const id = kind.endsWith('with ids') ? randomUUID() : undefined;
      const wanted = {
        tag: `${caller}.${n}`,
        streamId,
        expectedVersion: expects ? version : 'any',
        id,
      } as const;
      try {
        version = (await this.#append({ ...wanted })).version;
      } catch (error) {
        if (!(error instanceof WrongExpectedVersionError)) throw error;
        this.conflicts++;
        version = error.actual;
      }
    }
  }

  /** Again and again, with the ids that the error tells. */
  async #append(wanted: Wanted): Promise<AppendResult> {
    const { tag, streamId, expectedVersion } = wanted;
    this.tried.add(tag);
    for (;;) {
      const { id } = wanted;
      const event = { type: 'loaded', data: { tag }, ...(id === undefined ? {} : { id }) };
      try {
        const result = await this.store.append(streamId, [event], { expectedVersion });
        const { version, position } = result;
        this.acknowledged.set(tag, { tag, streamId, version, position });
        return result;
      } catch (error) {
        if (!(error instanceof AppendOutcomeUnknownError)) throw error;
        this.unknown++;
        wanted.id = error.eventIds[0];
      }
    }
  }
}

function isSame(one: Place | undefined, other: Place): boolean {
  return one?.position === other.position && one.streamId === other.streamId && one.version === other.version;
}
