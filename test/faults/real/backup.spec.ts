/** Backups of a store that is written to all the time, and what can be done with them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitTo, RemoteBackend } from './remote-backend.js';

/** So small that sealing, merging and new files of the log go on all the time. */
const BUSY = { walSegmentBytes: 16 * 1024, sealAfterEvents: 200, mergeFanIn: 2 };
const WRITERS = 8;

let root: string;
let store: string;
let backend: RemoteBackend;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'allframe-backup-'));
  store = join(root, 'store');
  backend = await RemoteBackend.open({ persistencePath: store, ...BUSY });
});
afterEach(async () => {
  await backend.kill();
  rmSync(root, { recursive: true, force: true });
});

/** Appends without a pause until it is ended. */
class Writers {
  readonly acknowledged: string[] = [];
  #isEnding = false;
  readonly #all: Promise<unknown>;
  #reached: { count: number; resolve: () => void } | undefined;

  constructor() {
    this.#all = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
  }

  /** Resolves when so many more events are acknowledged. */
  async more(events: number): Promise<void> {
    await Promise.race([
      this.#all,
      new Promise<void>((resolve) => {
        this.#reached = { count: this.acknowledged.length + events, resolve };
      }),
    ]);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#all;
  }

  async #write(writer: number): Promise<void> {
    for (let n = 1; !this.#isEnding; n++) {
      const ids = Array.from({ length: 1 + (n % 5) }, () => randomUUID());
      await backend.append({
        ...commitTo(`writer-${writer}`, ids, false, 100),
        records: [{ collection: 'snapshots', key: `writer-${writer}`, value: String(n) }],
      });
      this.acknowledged.push(...ids);
      if (this.#reached !== undefined && this.acknowledged.length >= this.#reached.count) {
        this.#reached.resolve();
        this.#reached = undefined;
      }
    }
  }
}

describe('a backup', () => {
  it('made while 8 writers append opens, is whole, and holds everything acknowledged before', async () => {
    const writers = new Writers();
    await writers.more(500);
    const taken = [];
    for (let n = 1; n <= 5; n++) {
      const acknowledged = [...writers.acknowledged];
      const report = await backend.backup(join(root, `copy-${n}`));
      taken.push({ acknowledged, report });
      await writers.more(200);
    }
    await writers.end();
    const original = await backend.events();
    const { merges } = (await backend.stats()).backendSpecific;
    process.stdout.write(
      `${taken.length} backups while ${original.length} events were appended, ${merges} merges\n`,
    );
    expect(original.length).toBe(writers.acknowledged.length);

    for (const { acknowledged, report } of taken) {
      const copy = await RemoteBackend.open({ persistencePath: report.directory });
      try {
        const events = await copy.events();
        expect(await copy.verify()).toMatchObject({ ok: true, problems: [], events: events.length });
        // Exactly the beginning of the original, as far as the report says.
        expect(events).toEqual(original.slice(0, events.length));
        expect(events.at(-1)?.position).toBe(report.position);
        const ids = new Set(events.map(({ id }) => id));
        expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
        expect((await copy.stats()).totalSnapshots).toBe(WRITERS);
      } finally {
        await copy.kill();
      }
    }
  });

  it('of a store at rest has the same digest', async () => {
    const writers = new Writers();
    await writers.more(1000);
    await writers.end();
    const { digest, events, streams, records } = await backend.verify();
    const { directory } = await backend.backup(join(root, 'copy'));
    const copy = await RemoteBackend.open({ persistencePath: directory });
    try {
      expect(await copy.verify()).toMatchObject({ ok: true, digest, events, streams, records });
    } finally {
      await copy.kill();
    }
  });

  it('takes the place of the store it was made of, and is written to', async () => {
    const writers = new Writers();
    await writers.more(500);
    const before = [...writers.acknowledged];
    await backend.backup(join(root, 'copy'));
    await writers.end();
    await backend.kill();
    rmSync(store, { recursive: true });
    renameSync(join(root, 'copy'), store);
    backend = await RemoteBackend.open({ persistencePath: store, ...BUSY });
    const restored = await backend.events();
    expect(restored.map(({ id }) => id)).toEqual(expect.arrayContaining(before));
    const more = new Writers();
    await more.more(500);
    await more.end();
    expect(await backend.verify()).toMatchObject({
      ok: true,
      events: restored.length + more.acknowledged.length,
    });
    await backend.kill();
    backend = await RemoteBackend.open({ persistencePath: store, ...BUSY });
    expect((await backend.events()).slice(0, restored.length)).toEqual(restored);
  });

  it('is refused where something is already, which stays as it is', async () => {
    const target = join(root, 'target');
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'content');
    const refused = backend.backup(target);
    await expect(refused).rejects.toMatchObject({ code: 'StorageUnavailableError' });
    await expect(refused).rejects.toThrow(
      /a backup needs an empty directory, and there is mine; give another path/,
    );
    expect(readdirSync(target)).toEqual(['mine']);
    for (const path of [store, join(store, 'segments', '..')]) {
      await expect(backend.backup(path)).rejects.toThrow(/a backup needs an empty directory/);
    }
    await expect(backend.backup(join(target, 'mine'))).rejects.toThrow(/a directory is wanted here/);
    await expect(backend.backup('postgres://me:hunter2@db')).rejects.toThrow(/PostgresBackend/);
  });

  it('goes into a directory that has to be made, or is empty', async () => {
    mkdirSync(join(root, 'empty'));
    for (const target of [join(root, 'empty'), join(root, 'a', 'b', 'c')]) {
      expect(await backend.backup(target)).toMatchObject({ directory: target, position: 0 });
    }
  });
});

describe('verify()', () => {
  it('finds nothing wrong while 8 writers append, seal and merge', async () => {
    const writers = new Writers();
    let events = 0;
    for (let n = 1; n <= 5; n++) {
      await writers.more(300);
      const { length } = writers.acknowledged;
      const report = await backend.verify();
      expect(report.problems).toEqual([]);
      expect(report.events).toBeGreaterThanOrEqual(length);
      events = report.events;
    }
    await writers.end();
    expect((await backend.verify()).events).toBeGreaterThan(events);
  });
});
