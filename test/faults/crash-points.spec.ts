/** The power goes, or the process dies, at every operation of everything that a store does to its disk. */
import { afterAll, describe, expect, it } from 'vitest';
import type { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import { StoreCorruptedError } from '../../lib/backends/allsource/allsource.errors.js';
import { SNAPSHOT_COLLECTION } from '../../lib/core/commit.js';
import { seed, seeded } from '../store/seed.js';
import { CommitHistory, events } from './commit-history.js';
import { FailingFileSystem, type PowerLossChoice } from './failing-file-system.js';
import { DISKS, openOn } from './simulated-store.js';

const BACKUP = '/backup';
/** Random power losses per crash point; `ALLFRAME_RUNS=20` tries more. */
const SEEDS = Number(process.env['ALLFRAME_RUNS'] ?? 2);
const PARTS = 6;

interface Life {
  readonly files: FailingFileSystem;
  readonly history: CommitHistory;
  store: AllSourceBackend | undefined;
  /** How many commits the backup has to hold, once it was begun; and whether it is finished. */
  backup: { readonly commits: number; isDone: boolean } | undefined;
}

/** Everything that a store does to its disk, in one life or as much of it as there is power for. */
async function live(life: Life): Promise<void> {
  const { files, history } = life;
  const open = async (): Promise<AllSourceBackend> => (life.store = await openOn(files));
  const append = (tried: Parameters<CommitHistory['append']>[1]): Promise<void> =>
    history.append(life.store as AllSourceBackend, tried);
  const all = async (work: readonly Promise<void>[]): Promise<void> => {
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  };

  let store = await open();
  await append({ streams: { 'a-1': events(1) } });
  await append({ streams: { 'a-1': events(2) }, expectedVersion: 1 });
  await all(Array.from({ length: 5 }, (_, i) => append({ streams: { [`b-${i % 2}`]: events(2) } })));
  await append({
    streams: { 'c-1': events(2), 'c-2': events(3), 'a-1': events(1) },
    records: [{ collection: 'k', key: 'x', value: '1', expected: null }],
  });
  await store.flush();
  await append({
    streams: {},
    records: [
      { collection: 'k', key: 'x', value: '2', expected: '1' },
      { collection: 'k', key: 'y', value: '"y"' },
      { collection: SNAPSHOT_COLLECTION, key: 'a-1', value: '{"version":4}' },
    ],
  });
  await all([
    store.flush(),
    append({ streams: { 'a-1': events(1) } }),
    append({ streams: { 'd-1': events(1) } }),
  ]);
  life.backup = { commits: history.tried, isDone: false };
  await store.backup(BACKUP);
  life.backup.isDone = true;
  await append({ streams: { 'd-1': events(4) } });
  await store.compact();
  await store.close();

  store = await open();
  await append({
    streams: { 'big-1': events(5, 900) },
    records: [{ collection: 'k', key: 'y', value: null }],
  });
  await all(Array.from({ length: 6 }, (_, i) => append({ streams: { [`a-${i}`]: events(1, 1_500) } })));
  await append({
    streams: { 'a-1': events(1) },
    records: [{ collection: 'checkpoints', key: 'p', value: '7' }],
  });
  await all([store.compact(), append({ streams: { 'e-1': events(3, 400) } })]);
  await append({ streams: { 'e-1': events(1) } });
  await store.close();
  store = await open();
  await append({ streams: { 'e-1': events(1) } });
}

async function run(
  syncMs: number,
  prepare: (files: FailingFileSystem) => void = () => undefined,
): Promise<Life> {
  const files = new FailingFileSystem(syncMs);
  const life: Life = { files, history: new CommitHistory(), store: undefined, backup: undefined };
  prepare(files);
  await live(life).catch((error: unknown) => {
    // Whatever it is called up there, it is the power that went.
    if (!isOff(files)) throw error;
  });
  return life;
}

function isOff(files: FailingFileSystem): boolean {
  try {
    files.list('/');
    return false;
  } catch {
    return true;
  }
}

async function end(life: Life): Promise<void> {
  await life.store?.close().catch(() => undefined);
}

/** The store opens, holds what it has to, is in order, goes on, and holds the same when it is opened again. */
async function checkStore(files: FailingFileSystem, life: Life): Promise<void> {
  let store = await openOn(files);
  const count = await life.history.check(store);
  expect(await store.verify()).toMatchObject({ ok: true, problems: [] });
  const branch = life.history.branch(count);
  await branch.append(store, { streams: { 'a-1': events(1), 'after-1': events(1) } });
  if (count % 3 === 0) await store.flush();
  await store.close();
  store = await openOn(files);
  await branch.check(store, count + 1);
  await store.close();
}

/** The copy is whole, or whoever opens it is told that it is none. */
async function checkBackup(files: FailingFileSystem, { backup, history }: Life): Promise<void> {
  if (backup === undefined) return;
  const isEmpty =
    files.stat(BACKUP) === undefined || files.list(BACKUP).every((name) => name.endsWith('.tmp'));
  if (isEmpty) {
    expect(backup.isDone).toBe(false);
    return;
  }
  try {
    const copy = await openOn(files, { persistencePath: BACKUP });
    await history.check(copy, backup.commits, backup.commits);
    expect(await copy.verify()).toMatchObject({ ok: true });
    await copy.close();
  } catch (error) {
    if (!(error instanceof StoreCorruptedError) || backup.isDone) throw error;
    expect(error.message).toContain('backup that was never finished');
  }
}

function choices(at: number): readonly PowerLossChoice[] {
  const random = Array.from({ length: SEEDS }, (_, i) => ({ seed: (seed + at * 1_000 + i) >>> 0 }));
  return ['nothing', 'everything', ...random];
}

async function explained(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(
      `${what} (ALLFRAME_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

const cases = { points: 0, powerLosses: 0, processDeaths: 0, nested: 0 };
// The report of the run: how many cases the oracle has judged.
afterAll(() => process.stdout.write(`crash points: ${JSON.stringify(cases)}\n`));

interface DiskKind {
  readonly disk: string;
  readonly syncMs: number;
  readonly whole: Life;
  /** Operations of a life that nothing ends. */
  readonly points: number;
}

async function diskKind([disk, syncMs]: (typeof DISKS)[number]): Promise<DiskKind> {
  const whole = await run(syncMs);
  const points = whole.files.operations;
  await end(whole);
  return { disk, syncMs, whole, points };
}

const KINDS: DiskKind[] = [];
for (const disk of DISKS) KINDS.push(await diskKind(disk));

describe('a life that nothing ends', () => {
  it.each(KINDS)('does everything to the disk that a store can do: $disk', ({ whole }) => {
    expect(whole.history.acknowledged).toBe(whole.history.tried);
    const done = new Set(
      whole.files.log.map(({ kind, path, to }) => {
        const name = (to ?? path).replace(/[\d-]{8,}/g, '#');
        return `${kind} ${name}`;
      }),
    );
    for (const operation of [
      'create /data/wal/spare-1.tmp',
      'rename /data/wal/#.wal',
      'remove /data/wal/#.wal',
      'rename /data/MANIFEST',
      'rename /data/segments/#.parquet',
      'remove /data/segments/#.parquet',
      'rename /data/records/#.run',
      'remove /data/records/#.run',
      'rename /backup/MANIFEST',
    ]) {
      expect(done).toContain(operation);
    }
  });
});

describe.each(
  KINDS.flatMap((kind) => [
    { ...kind, torn: false },
    { ...kind, torn: true },
  ]),
)('power loss at every operation of $disk, torn: $torn', ({ syncMs, points, torn }) => {
  it.each(Array.from({ length: PARTS }, (_, i) => i))(seeded('part %i'), async (part) => {
    for (let at = 1 + part; at <= points; at += PARTS) {
      const life = await run(syncMs, (files) => files.losePowerAt(at, { torn }));
      expect(isOff(life.files), `the power is off after operation ${at}`).toBe(true);
      cases.points++;
      for (const choice of choices(at)) {
        const files = life.files.afterPowerLoss(choice);
        await explained(`power loss at ${at}, torn ${torn}, then ${JSON.stringify(choice)}`, async () => {
          await checkBackup(files, life);
          await checkStore(files, life);
        });
        cases.powerLosses++;
      }
      if (!torn) {
        // A killed process leaves what it wrote in the page cache, where the next one finds it, until the power goes, too.
        const files = life.files.afterProcessDeath();
        await explained(`process death at ${at}`, () => checkStore(files, life));
        const [, , random = 'nothing'] = choices(at);
        await explained(`process death at ${at}, later power loss`, async () => {
          const later = life.files.afterProcessDeath();
          const store = await openOn(later);
          const count = await life.history.check(store);
          const lost = later.afterPowerLoss(random);
          await store.close();
          const again = await openOn(lost);
          // Whoever read it after the first opening has seen it: it must not go away any more.
          await life.history.check(again, count, count);
          await again.close();
        });
        cases.processDeaths += 2;
      }
      await end(life);
    }
  });
});

describe.each(KINDS)('power loss while a crashed store is opened: $disk', ({ syncMs, points }) => {
  it.each(Array.from({ length: PARTS }, (_, i) => i))(seeded('part %i'), async (part) => {
    for (let at = 3 + part * 5; at <= points; at += PARTS * 5) {
      const life = await run(syncMs, (files) => files.losePowerAt(at, { torn: at % 2 === 0 }));
      expect(isOff(life.files), `the power is off after operation ${at}`).toBe(true);
      for (const first of [{ seed: (seed + at) >>> 0 }, 'process death'] as const) {
        const crashed = (): FailingFileSystem =>
          first === 'process death' ? life.files.afterProcessDeath() : life.files.afterPowerLoss(first);
        const tried = crashed();
        const opened = await openOn(tried);
        const operations = tried.operations;
        const count = await life.history.check(opened);
        await opened.close();
        for (let nested = 1; nested <= operations; nested++) {
          const files = crashed();
          files.losePowerAt(nested, { torn: nested % 2 === 0 });
          await openOn(files).then(
            (store) => store.close().catch(() => undefined),
            () => undefined,
          );
          for (const choice of choices(at + nested).slice(0, 3)) {
            await explained(
              `power loss at ${at}, ${JSON.stringify(first)}, at ${nested} of the opening, then ${JSON.stringify(choice)}`,
              async () => {
                const store = await openOn(files.afterPowerLoss(choice));
                // Of a killed process's page cache a power loss may leave less.
                await life.history.check(
                  store,
                  life.history.acknowledged,
                  first === 'process death' ? undefined : count,
                );
                await store.close();
              },
            );
            cases.nested++;
          }
        }
      }
      await end(life);
    }
  });
});
