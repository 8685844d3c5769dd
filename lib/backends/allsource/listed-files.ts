/**
 * The sealed files of an open store, as its manifest lists them: puts what a job has made in the place of what it was made
 * of, and removes that once nobody reads it any more.
 */
import type { StoreFiles } from './files/store-files.js';
import type { JobResult } from './jobs/job.js';
import type { OpenedStore } from './opening/open-store.js';
import type { Manifest } from './sealed/manifest.js';
import { pathsOf, runPath, segmentPaths } from './sealed/sealed-names.js';
import { SealedSegment } from './sealed/sealed-segment.js';
import type { StoreManifest } from './sealed/store-manifest.js';
import { openSortedTable, type SortedTable } from './tables/sorted-table.js';

export class ListedFiles {
  readonly #holds = new Set<Promise<void>>();
  readonly #removals = new Set<Promise<void>>();

  constructor(
    private readonly files: StoreFiles,
    private readonly opened: Pick<OpenedStore, 'sealed' | 'records' | 'blocks'>,
    private readonly manifest: StoreManifest,
  ) {}

  /** Keeps the files of the moment on disk until `work` is done. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    const done = work();
    const hold = done.then(
      () => undefined,
      () => undefined,
    );
    this.#holds.add(hold);
    try {
      return await done;
    } finally {
      this.#holds.delete(hold);
    }
  }

  /** Resolves when nobody holds files any more, and what was to be removed is. */
  async settled(): Promise<void> {
    await Promise.all(this.#holds);
    await Promise.all(this.#removals);
  }

  /**
   * Readers find from now on what the manifest lists after `changes`, which is what a job has made in the place of what
   * it was made of. It is opened before it is listed: what could not be read must not count, or it would be made and
   * listed a second time. Resolves when what is no longer listed is closed.
   */
  replace(result: JobResult, changes: Partial<Manifest>): Promise<void> {
    const { segment, run } = result;
    const { sealed: files } = this.files;
    const { sealed, records, blocks } = this.opened;
    let made: SealedSegment | undefined;
    let table: SortedTable | undefined;
    try {
      if (segment !== undefined) {
        made = new SealedSegment(files, segmentPaths(this.files.directory, segment.name), segment, blocks);
      }
      if (run !== undefined) table = openSortedTable(files, runPath(this.files.directory, run.name), blocks);
      this.manifest.change(changes);
    } catch (error) {
      void made?.retire();
      table?.close();
      // Else the file may list it, and the next process would look for it.
      if (this.manifest.isCertain) this.#removeUnlisted(result);
      throw error;
    }
    const { segments, runs } = this.manifest.current;
    if (table !== undefined) {
      const paths = runs.map(({ name }) => runPath(this.files.directory, name));
      records.replaceRuns(inOrder(paths, [...records.runs, table], ({ path }) => path));
    }
    if (made === undefined) return Promise.resolve();
    const names = segments.map(({ name }) => name);
    return sealed.replace(inOrder(names, [...sealed.segments, made], ({ entry }) => entry.name));
  }

  /** A tool that reads the whole folder would find its events twice. At once, as the next job may use the name again. */
  #removeUnlisted({ segment, run }: JobResult): void {
    const paths = [
      ...(segment === undefined ? [] : pathsOf(segmentPaths(this.files.directory, segment.name))),
      ...(run === undefined ? [] : [runPath(this.files.directory, run.name)]),
    ];
    try {
      for (const path of paths) this.files.sealed.remove(path);
    } catch {
      // The next opening sets it aside.
    }
  }

  /** Removes files that nobody needs, once they are closed: the space of an open one is given back by this thread. */
  async remove(paths: readonly string[], which: 'log' | 'sealed', closed: Promise<void>): Promise<void> {
    const holds = [...this.#holds];
    const removed = Promise.allSettled([closed, ...holds]).then(async () => {
      // It is not listed any more, so nobody reads it; what is left of it, the next opening sets aside.
      for (const path of paths) await this.files[which].removeOnThread(path).catch(() => undefined);
      this.#removals.delete(removed);
    });
    this.#removals.add(removed);
    // Who holds the files may take its time, and may wait for this round itself.
    if (holds.length === 0) await removed;
  }
}

/** Those that are named, in the order of their names. */
function inOrder<T>(names: readonly string[], all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const named = new Map(all.map((one) => [nameOf(one), one]));
  return names.map((name) => named.get(name)).filter((one) => one !== undefined);
}
