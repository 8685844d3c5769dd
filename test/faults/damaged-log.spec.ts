/**
 * Every byte of a log cut and every bit of it flipped, once after a clean close and once after a crash: what was
 * acknowledged is there, or the store is refused with words about where and what; it is never silently shorter.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { StoreCorruptedError } from '../../lib/backends/allsource/allsource.errors.js';
import type { FileSystem, OpenFile } from '../../lib/backends/allsource/files/file-system.js';
import { type Frame, scanFrames } from '../../lib/backends/allsource/log/log-scan.js';
import {
  encodeSegmentHeader,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
} from '../../lib/backends/allsource/log/segment-header.js';
import { frameBytes } from '../../lib/backends/allsource/log/frame.js';
import { recoverLog } from '../../lib/backends/allsource/opening/log-recovery.js';
import { type Manifest, readManifest } from '../../lib/backends/allsource/sealed/manifest.js';
import { seeded, seededRandom } from '../store/seed.js';
import { CommitHistory, events } from './commit-history.js';
import { FailingFileSystem } from './failing-file-system.js';
import { contentAt, DIRECTORY, openOn, overwrite } from './simulated-store.js';

const LOG_BYTES = 64 * 1024;
const OPTIONS = { walSegmentBytes: LOG_BYTES };
/** Every so many bits. */
const SOME = 37;
const SAMPLES = 150;

interface Log {
  readonly files: FailingFileSystem;
  readonly history: CommitHistory;
  readonly manifest: Manifest;
  readonly path: string;
  readonly bytes: Buffer;
  readonly isClean: boolean;
  readonly frames: readonly Frame[];
  /** Where the last group begins: what stands before it was acknowledged before it was written. */
  readonly lastGroup: number;
}

/** A log of one file that is nearly full, of groups of two large commits: so few are recovered half a million times. */
async function logOf(endsBy: 'a clean close' | 'a crash'): Promise<Log> {
  const living = new FailingFileSystem();
  const history = new CommitHistory();
  const store = await openOn(living, OPTIONS);
  for (let group = 0; group < 10; group++) {
    await Promise.all(
      [0, 1].map((i) => history.append(store, { streams: { [`s-${i}`]: events(1, 3_000) } })),
    );
  }
  const files = endsBy === 'a crash' ? living.afterProcessDeath() : living;
  await store.close();
  const manifest = readManifest(files, DIRECTORY.manifest);
  const [name, ...others] = manifest?.log ?? [];
  if (manifest === undefined || name === undefined || others.length > 0)
    throw new Error('one file is wanted');
  const path = `${DIRECTORY.log}/${name}`;
  const bytes = contentAt(files, path);
  const start = readSegmentHeader(bytes);
  if (start === undefined) throw new Error('the header is wanted');
  const scanned = [...scanFrames(bytes, start)];
  const durable = Math.max(...scanned.map(({ header }) => header.durableThrough));
  const lastGroup = scanned.find(({ header }) => header.sequence > durable)?.offset ?? 0;
  const isClean = endsBy === 'a clean close';
  return { files, history, manifest, path, bytes, isClean, frames: scanned, lastGroup };
}

/** The same log after the commits before one of its frames have been sealed: what comes before costs no time then. */
function from(log: Log, index: number): { readonly log: Log; readonly shift: number } {
  const { manifest, bytes, frames, lastGroup } = log;
  const { header, offset } = frames[index] as Frame;
  const start = readSegmentHeader(bytes);
  if (start === undefined) throw new Error('the header is wanted');
  const shift = offset - SEGMENT_HEADER_BYTES;
  const { sequence, firstPosition, previousCrc } = header;
  const rest = Buffer.from(bytes.subarray(shift));
  const here = { ...start, firstSequence: sequence, firstPosition, previousCrc, capacity: rest.length };
  encodeSegmentHeader(here).copy(rest);
  const sealed = {
    ...manifest.sealed,
    sequence: sequence - 1,
    position: firstPosition - 1,
    crc: previousCrc,
  };
  return {
    log: {
      ...log,
      bytes: rest,
      manifest: { ...manifest, sealed },
      frames: frames.slice(index),
      lastGroup: lastGroup - shift,
    },
    shift,
  };
}

/** A file system of one file: half a million recoveries in seconds. */
function only(path: string, bytes: Buffer): FileSystem {
  const no = (): never => {
    throw new Error('recovery changes nothing');
  };
  const file: OpenFile = {
    path,
    size: () => bytes.length,
    read: (buffer, offset, length, position) => bytes.copy(buffer, offset, position, position + length),
    close: () => undefined,
    write: no,
    sync: no,
    writeOnThread: no,
    syncOnThread: no,
  };
  return {
    open: () => file,
    stat: () => ({ kind: 'file', size: bytes.length }),
    list: no,
    makeDirectory: no,
    rename: no,
    remove: no,
    removeOnThread: no,
    syncDirectory: no,
  };
}

const cases: Record<string, number> = {};
afterAll(() => process.stdout.write(`damaged log: ${JSON.stringify(cases)}\n`));

function count(what: string): void {
  cases[what] = (cases[what] ?? 0) + 1;
}

/** Recovers and says what came of it; fails if anything is lost without a word. */
function judge(
  log: Log,
  bytes: Buffer,
  firstDamage: number,
  how: 'flipped' | 'zeros to the end' = 'flipped',
): string {
  const { manifest, path, frames, lastGroup, isClean } = log;
  const crcs: number[] = [];
  let recovered: ReturnType<typeof recoverLog>;
  try {
    recovered = recoverLog(
      only(path, bytes),
      DIRECTORY.log,
      manifest,
      ({ header }) => crcs.push(header.crc),
      [],
    );
  } catch (error) {
    if (!(error instanceof StoreCorruptedError)) throw error;
    if (error.path !== path || error.offset < 0 || error.offset > firstDamage || error.lost === '') {
      throw new Error(`damage at ${firstDamage} is said to be elsewhere`, { cause: error });
    }
    return 'refused';
  }
  for (const { crc } of recovered.unproven?.headers ?? []) crcs.push(crc);
  if (crcs.some((crc, i) => crc !== frames[i]?.header.crc))
    throw new Error(`damage at ${firstDamage} gave other commits`);
  if (crcs.length === frames.length) return 'nothing lost';
  const isTold = recovered.torn !== undefined && recovered.torn.bytes.length > 0;
  if (how === 'zeros to the end') {
    // So a file looks that was never written any further: what comes before is kept, and a frame cut in two is told of.
    const before = frames.filter(({ header, offset }) => offset + frameBytes(header) <= firstDamage).length;
    const isBetween = frames.some(({ offset }) => offset === firstDamage);
    if (!isClean && crcs.length === before && (isTold || isBetween)) return 'tail cut';
  } else if (!isClean && firstDamage >= lastGroup && isTold) return 'tail cut';
  throw new Error(
    `damage at ${firstDamage}: ${crcs.length} of ${frames.length} commits are left, and nobody is told`,
  );
}

describe.each(['a clean close', 'a crash'] as const)('a log of 64 KiB after %s', (endsBy) => {
  const made = logOf(endsBy);

  it('holds groups, and the last of them is what a crash may cost', async () => {
    const { bytes, frames, lastGroup, manifest } = await made;
    expect(bytes.length).toBe(LOG_BYTES);
    expect(frames.length).toBe(20);
    expect(lastGroup).toBeGreaterThan(55_000);
    expect(manifest.durableThrough).toBe(endsBy === 'a crash' ? 0 : 20);
    expect(judge(await made, bytes, LOG_BYTES)).toBe('nothing lost');
  });

  it('flipped in every bit', async () => {
    const whole = await made;
    for (let index = -1; index < whole.frames.length; index++) {
      const { log, shift } = index === -1 ? { log: whole, shift: 0 } : from(whole, index);
      const bytes = Buffer.from(log.bytes);
      const end = whole.frames[index + 1]?.offset ?? LOG_BYTES;
      for (let at = whole.frames[index]?.offset ?? 0; at < end; at++) {
        for (let bit = 0; bit < 8; bit++) {
          bytes[at - shift] = (log.bytes[at - shift] as number) ^ (1 << bit);
          count(`${endsBy}, flipped, ${judge(log, bytes, at - shift)}`);
        }
        bytes[at - shift] = log.bytes[at - shift] as number;
      }
    }
  });

  it('flipped in some bits, read from its beginning', async () => {
    const log = await made;
    const bytes = Buffer.from(log.bytes);
    for (let i = 0; i < LOG_BYTES * 8; i += SOME) {
      const at = i >>> 3;
      bytes[at] = (log.bytes[at] as number) ^ (1 << (i & 7));
      count(`${endsBy}, flipped, read from the beginning, ${judge(log, bytes, at)}`);
      bytes[at] = log.bytes[at] as number;
    }
  });

  it('cut at every byte, is refused', async () => {
    const log = await made;
    for (let at = 0; at < LOG_BYTES; at++) {
      const outcome = judge(log, log.bytes.subarray(0, at), at);
      expect(outcome).toBe('refused');
      count(`${endsBy}, cut, ${outcome}`);
    }
  });

  it('zeros from every byte on', async () => {
    const log = await made;
    const bytes = Buffer.from(log.bytes);
    let firstChanged = LOG_BYTES;
    for (let at = LOG_BYTES - 1; at >= SEGMENT_HEADER_BYTES; at--) {
      if (bytes[at] !== 0) firstChanged = at;
      bytes[at] = 0;
      count(`${endsBy}, zeros from there on, ${judge(log, bytes, firstChanged, 'zeros to the end')}`);
    }
  });

  it('zeros in every sector', async () => {
    const log = await made;
    for (let at = 0; at < LOG_BYTES; at += 512) {
      const bytes = Buffer.from(log.bytes);
      bytes.fill(0, at, at + 512);
      count(`${endsBy}, a sector of zeros, ${judge(log, bytes, at)}`);
    }
  });

  it(seeded('opens as its recovery was judged'), async () => {
    const log = await made;
    const random = seededRandom();
    for (let i = 0; i < SAMPLES; i++) {
      // Half of them in the last group.
      const first = i % 2 === 0 ? 0 : log.lastGroup;
      const at = first + Math.floor(random() * (LOG_BYTES - first));
      const bytes = Buffer.from(log.bytes);
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
      const outcome = judge(log, bytes, at);
      const files = log.files.afterProcessDeath();
      overwrite(files, log.path, bytes);
      if (outcome === 'refused') {
        await expect(openOn(files, OPTIONS)).rejects.toThrow(StoreCorruptedError);
        expect(contentAt(files, log.path).equals(bytes)).toBe(true);
      } else {
        const store = await openOn(files, OPTIONS);
        const kept = await log.history.check(
          store,
          outcome === 'tail cut' ? log.history.tried - 2 : undefined,
        );
        const { tornTail } = store.opening ?? {};
        expect(kept === log.history.tried).toBe(outcome === 'nothing lost');
        if (outcome === 'tail cut') {
          // What was cut is kept aside, from the first damaged frame on.
          const copy = contentAt(files, tornTail?.copy ?? '');
          const { offset = 0 } = tornTail ?? {};
          expect(copy.equals(bytes.subarray(offset, offset + copy.length))).toBe(true);
          expect(offset + copy.length).toBeGreaterThan(at);
        }
        expect(await store.verify()).toMatchObject({ ok: true });
        await store.close();
      }
      count(`${endsBy}, opened, ${outcome}`);
    }
  });
});
