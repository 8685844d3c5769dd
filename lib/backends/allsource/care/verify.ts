/**
 * Reads a whole store and compares everything that can be compared: files with the manifest, Parquet with its index,
 * frames with their chain, positions and versions with those before.
 */
import { setImmediate } from 'node:timers/promises';
import type { StoredEvent } from '../../../core/stored-event.js';
import { StorageUnavailableError, StoreCorruptedError } from '../allsource.errors.js';
import type { AllSourceStore } from '../allsource-store.js';
import { readWhole, storageError } from '../files/store-directory.js';
import { acknowledgedFrames } from '../log/acknowledged-frames.js';
import { eventsOf } from '../log/frame-contents.js';
import { EventDigest } from '../sealed/event-digest.js';
import { checkWhole } from '../sealed/file-entry.js';
import { runPath } from '../sealed/sealed-names.js';
import { SealedSegment } from '../sealed/sealed-segment.js';
import { ByteCache } from '../tables/byte-cache.js';
import { openSortedTable } from '../tables/sorted-table.js';

/** How much is checked before others have their turn. */
const LOG_BYTES_AT_ONCE = 1024 * 1024;
const RECORDS_AT_ONCE = 1_000;

/**
 * What a verification found.
 * @publicApi
 */
export interface VerificationReport {
  /** Nothing is wrong. */
  readonly ok: boolean;
  /** What is wrong, a line for each place. */
  readonly problems: readonly string[];
  /** Events that were read. */
  readonly events: number;
  readonly streams: number;
  /** Sealed records that were read; those of the log are checked with its frames, and not counted. */
  readonly records: number;
  readonly files: number;
  /** CRC32 over all events in their order: a copy of the store has the same. */
  readonly digest: string;
}

/** The store is read as it is at the call; its files have to stay on disk meanwhile, and it may grow. */
export async function verifyStore(store: AllSourceStore): Promise<VerificationReport> {
  const verification = new Verification(store);
  await verification.run();
  return verification.report();
}

class Verification {
  readonly #problems: string[] = [];
  readonly #digest = new EventDigest();
  readonly #versions = new Map<string, number>();
  #position = 0;
  #records = 0;
  #files = 0;

  constructor(private readonly store: AllSourceStore) {}

  async run(): Promise<void> {
    const { opened, manifest, log, files } = this.store;
    // Taken together, before anything is awaited, so that they describe one moment.
    const segments = opened.sealed.segments;
    const logged = log.segments.map((segment) => ({
      path: segment.file.path,
      through: segment.end.sequence,
    }));
    const { runs } = manifest.current;
    // Read through files of their own: what is merged meanwhile is closed, and stays on disk until this is done.
    for (const { paths, entry } of segments) {
      await this.#attempt(async () => {
        const lost = `events at positions ${entry.from} to ${entry.to}`;
        this.#files += 2;
        await checkWhole(files.sealed, paths.events, entry.events, lost);
        await checkWhole(files.sealed, paths.index, entry.index, `the index of ${lost}`);
        const segment = new SealedSegment(files.sealed, paths, entry, new ByteCache(0));
        try {
          await this.#checkSegment(segment);
        } finally {
          await segment.retire();
        }
      });
    }
    for (const { name, records, file } of runs) {
      await this.#attempt(async () => {
        this.#files++;
        const path = runPath(files.directory, name);
        await checkWhole(files.sealed, path, file, `${records} records`);
        const table = openSortedTable(files.sealed, path, new ByteCache(0));
        try {
          for (const _record of table.entries()) {
            if (++this.#records % RECORDS_AT_ONCE === 0) await this.#pause();
          }
        } finally {
          table.close();
        }
      });
    }
    for (const { path, through } of logged) await this.#attempt(() => this.#checkLog(path, through));
  }

  report(): VerificationReport {
    return {
      ok: this.#problems.length === 0,
      problems: this.#problems,
      events: this.#digest.events,
      streams: this.#versions.size,
      records: this.#records,
      files: this.#files,
      digest: this.#digest.value.toString(16).padStart(8, '0'),
    };
  }

  async #attempt(check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      const problem = storageError(error, this.store.files.directory.path, 'a file cannot be read');
      if (!(problem instanceof StoreCorruptedError || problem instanceof StorageUnavailableError))
        throw error;
      this.#problems.push(error instanceof Error ? error.message : String(error));
    }
    await this.#pause();
  }

  /** Others have their turn. @throws StoreClosedError if closing was one of them */
  async #pause(): Promise<void> {
    await setImmediate();
    this.store.assertOpen('verify');
  }

  async #checkSegment(segment: SealedSegment): Promise<void> {
    const { entry, paths } = segment;
    const indexed = new Map<string, number>();
    for (const { streamId, lastVersion } of segment.heads()) indexed.set(streamId, lastVersion);
    for await (const events of segment.groups()) {
      for (const event of events) this.#checkEvent(event, paths.events);
      await this.#pause();
    }
    for (const [streamId, lastVersion] of indexed) {
      if (this.#versions.get(streamId) === lastVersion) continue;
      throw new StoreCorruptedError(
        paths.index,
        0,
        `it ends stream "${streamId}" elsewhere than the events do`,
        `events at positions ${entry.from} to ${entry.to}`,
      );
    }
  }

  async #checkLog(path: string, through: number): Promise<void> {
    this.#files++;
    const bytes = readWhole(this.store.files.log, path);
    let pauseAt = LOG_BYTES_AT_ONCE;
    for (const { header, body, offset } of acknowledgedFrames(path, bytes, through)) {
      for (const event of eventsOf(header, body)) this.#checkEvent(event, path);
      if (offset < pauseAt) continue;
      pauseAt = offset + LOG_BYTES_AT_ONCE;
      await this.#pause();
    }
  }

  #checkEvent(event: StoredEvent, path: string): void {
    const { position, streamId, version } = event;
    const before = this.#versions.get(streamId) ?? 0;
    this.#versions.set(streamId, version);
    this.#digest.add(event);
    const wrong = position <= this.#position || version !== before + 1;
    const last = this.#position;
    this.#position = position;
    if (!wrong) return;
    throw new StoreCorruptedError(
      path,
      0,
      `position ${position} (version ${version} of "${streamId}") follows position ${last} (version ${before})`,
      'events between them',
    );
  }
}
