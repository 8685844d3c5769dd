/** Every bit of the other files of a store flipped, and every byte of them cut: refused, noticed, or never wrong. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  StoreCorruptedError,
  UnsupportedFormatError,
} from '../../lib/backends/allsource/allsource.errors.js';
import type { FileSystem } from '../../lib/backends/allsource/files/file-system.js';
import { checkFooter } from '../../lib/backends/allsource/sealed/file-entry.js';
import { type FileEntry, readManifest } from '../../lib/backends/allsource/sealed/manifest.js';
import { seeded, seededRandom } from '../store/seed.js';
import { CommitHistory, events } from './commit-history.js';
import { FailingFileSystem } from './failing-file-system.js';
import { contentAt, DIRECTORY, openOn, overwrite } from './simulated-store.js';

const SAMPLES = 60;
/** Every opening compares the last so many bytes of a file. */
const FOOTER_BYTES = 64 * 1024;

interface Sealed {
  readonly files: FailingFileSystem;
  readonly history: CommitHistory;
  /** What the manifest says of each file. */
  readonly entries: ReadonlyMap<string, FileEntry>;
}

/** A store whose events and records are sealed. */
async function sealedStore(commits: number, bytes: number): Promise<Sealed> {
  const files = new FailingFileSystem();
  const history = new CommitHistory();
  const store = await openOn(files, { walSegmentBytes: 1 << 20 });
  const random = seededRandom(1);
  for (let i = 0; i < commits; i++) {
    // Text that cannot be made smaller, so that files are as large as they look.
    const text = Array.from({ length: bytes }, () => Math.floor(random() * 36).toString(36)).join('');
    const streams = {
      [`s-${i % 5}`]: events(1).map((event) => ({ ...event, data: JSON.stringify({ text }) })),
    };
    await history.append(store, {
      streams,
      records: [{ collection: 'k', key: `${i}`, value: JSON.stringify(text) }],
    });
  }
  await store.flush();
  await store.close();
  const manifest = readManifest(files, DIRECTORY.manifest);
  const entries = new Map<string, FileEntry>();
  for (const { name, events: parquet, index } of manifest?.segments ?? []) {
    entries.set(`${DIRECTORY.segments}/${name}.parquet`, parquet);
    entries.set(`${DIRECTORY.index}/${name}.streams`, index);
  }
  for (const { name, file } of manifest?.runs ?? []) entries.set(`${DIRECTORY.records}/${name}.run`, file);
  return { files, history, entries };
}

/** A file system of one file. */
function only(path: string, bytes: Buffer): FileSystem {
  const file = {
    path,
    size: () => bytes.length,
    read: (buffer: Uint8Array, offset: number, length: number, position: number) =>
      bytes.copy(buffer, offset, position, position + length),
    close: () => undefined,
  };
  return { open: () => file, stat: () => ({ kind: 'file', size: bytes.length }) } as unknown as FileSystem;
}

function refusalOf(work: () => unknown): unknown {
  try {
    return { value: work() };
  } catch (error) {
    return error;
  }
}

const cases: Record<string, number> = {};
const count = (what: string): void => void (cases[what] = (cases[what] ?? 0) + 1);
afterAll(() => process.stdout.write(`damaged files: ${JSON.stringify(cases)}\n`));

describe('the manifest', () => {
  it('with any bit flipped or any end cut off is refused, or says the same', async () => {
    const { files } = await sealedStore(6, 20);
    const whole = contentAt(files, DIRECTORY.manifest);
    const said = readManifest(only('/m', whole), '/m');
    const judge = (bytes: Buffer, how: string): void => {
      const outcome = refusalOf(() => readManifest(only('/m', bytes), '/m'));
      const isRefused = outcome instanceof StoreCorruptedError || outcome instanceof UnsupportedFormatError;
      if (!isRefused) expect(outcome).toEqual({ value: said });
      count(`manifest ${how}, ${isRefused ? 'refused' : 'the same'}`);
    };
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        judge(bytes, 'flipped');
      }
      judge(whole.subarray(0, at), 'cut');
    }
  });
});

describe('sealed files', () => {
  it('that are small are refused at the opening with any bit flipped or any end cut off', async () => {
    const { entries, files } = await sealedStore(6, 20);
    expect(entries.size).toBe(3);
    for (const [path, entry] of entries) {
      const whole = contentAt(files, path);
      const kind = path.split('.').at(-1) ?? '';
      for (let at = 0; at < whole.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] as number) ^ (1 << bit);
          expect(refusalOf(() => checkFooter(only(path, bytes), path, entry, 'x'))).toBeInstanceOf(
            StoreCorruptedError,
          );
          count(`${kind} flipped, refused`);
        }
        const cut = only(path, whole.subarray(0, at));
        expect(refusalOf(() => checkFooter(cut, path, entry, 'x'))).toBeInstanceOf(StoreCorruptedError);
        count(`${kind} cut, refused`);
      }
    }
  });

  it(
    seeded(
      'that are large never give a wrong answer: it is the right one, or an error, and verify() finds them',
    ),
    async () => {
      const { entries, files, history } = await sealedStore(120, 1_500);
      const random = seededRandom();
      for (const [path, entry] of entries) {
        const kind = path.split('.').at(-1) ?? '';
        const whole = contentAt(files, path);
        for (let i = 0; i < SAMPLES; i++) {
          const isUnseen = entry.bytes > FOOTER_BYTES;
          const at = Math.floor(random() * (isUnseen ? entry.bytes - FOOTER_BYTES : entry.bytes));
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
          const damaged = files.afterProcessDeath();
          overwrite(damaged, path, bytes);
          const opened = await openOn(damaged).catch((error: unknown) => error);
          if (opened instanceof Error) {
            expect(opened).toBeInstanceOf(StoreCorruptedError);
            count(`large ${kind} flipped, refused`);
            continue;
          }
          const store = opened as Awaited<ReturnType<typeof openOn>>;
          expect(await store.verify()).toMatchObject({ ok: false });
          const outcome = await history.check(store).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(StoreCorruptedError);
          count(
            `large ${kind} flipped, ${outcome instanceof Error ? 'an error where it is read' : 'not read'}, found by verify()`,
          );
          await store.close();
        }
      }
    },
  );
});
