/** What happens around the worker thread that seals; each case is a process of its own, and says what it saw in one line. */
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import { AllSourceBackend } from '../../../../lib/backends/allsource/allsource-backend.js';
import { uuidV7Source } from '../../../../lib/core/event-id.js';

const [, , name = '', persistencePath = ''] = process.argv;
const newId = uuidV7Source();
const backend = new AllSourceBackend({
  persistencePath,
  mergeFanIn: 2,
  ...(name === 'exit' ? { sealAfterEvents: 100_000 } : {}),
});

async function fill(events: number): Promise<void> {
  const batch = 1000;
  for (let at = 0; at < events; at += batch) {
    await backend.append({
      recordedAt: Date.now(),
      records: [],
      streams: [
        {
          streamId: `account-${at % 7}`,
          expectedVersion: 'any',
          idsAreNew: true,
          events: Array.from({ length: Math.min(batch, events - at) }, (_, i) => ({
            id: newId(Date.now()),
            type: 'MoneyPutIn',
            schemaVersion: 1,
            data: JSON.stringify({ amount: at + i, by: 'someone', note: 'x'.repeat(i % 100) }),
            metadata: '{}',
          })),
        },
      ],
    });
  }
}

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function errorOf(work: Promise<unknown>): Promise<{ code: unknown; message: string } | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { code, message } = error as Error & { code: unknown };
    return { code, message };
  }
}

/** The next worker thread that is started. */
async function nextWorker(): Promise<Worker> {
  const [worker] = (await once(process, 'worker')) as [Worker];
  return worker;
}

async function specific(): Promise<Readonly<Record<string, string>>> {
  return (await backend.stats()).backendSpecific;
}

/** `PAR1` at both ends. */
function isParquet(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const mark = Buffer.alloc(4);
    readSync(file, mark, 0, 4, 0);
    return mark.toString() === 'PAR1' && readFileSync(path).subarray(-4).toString() === 'PAR1';
  } finally {
    closeSync(file);
  }
}

const cases: Readonly<Record<string, () => Promise<unknown>>> = {
  flush: async () => {
    let workers = 0;
    process.on('worker', () => workers++);
    for (let i = 0; i < 3; i++) {
      await fill(1000);
      await backend.flush();
    }
    const files = backend.sealedFiles();
    const { seals, merges, sealedThrough } = await specific();
    const { ok, events } = await backend.verify();
    await backend.close();
    return {
      workers,
      seals,
      merges,
      sealedThrough,
      ok,
      events,
      files: files.length,
      parquet: files.every(isParquet),
    };
  },

  delay: async () => {
    await fill(100_000);
    const quiet = monitorEventLoopDelay({ resolution: 1 });
    const began = performance.now();
    quiet.enable();
    await backend.flush();
    quiet.disable();
    const ms = performance.now() - began;
    await fill(100_000);
    const busy = monitorEventLoopDelay({ resolution: 1 });
    busy.enable();
    let isSealing = true;
    const sealed = backend.flush().finally(() => (isSealing = false));
    let appended = 0;
    for (; isSealing; appended += 100) await fill(100);
    await sealed;
    busy.disable();
    await backend.close();
    const figures = (histogram: typeof quiet): unknown => ({
      maxMs: histogram.max / 1e6,
      p99Ms: histogram.percentile(99) / 1e6,
    });
    return { ms, quiet: figures(quiet), busy: figures(busy), appended };
  },

  death: async () => {
    await fill(50_000);
    const seen = [];
    for (const moment of ['at once', 'when it runs'] as const) {
      const flush = errorOf(backend.flush());
      const worker = await nextWorker();
      if (moment === 'when it runs') await once(worker, 'online');
      await worker.terminate();
      const error = await flush;
      await fill(10);
      const { sealingFailures, lastSealingError } = await specific();
      seen.push({ error, sealingFailures, lastSealingError });
    }
    await backend.flush();
    const { sealingFailures, lastSealingError, sealedThrough } = await specific();
    const { ok, events } = await backend.verify();
    await backend.close();
    return { seen, after: { sealingFailures, lastSealingError, sealedThrough, ok, events } };
  },

  close: async () => {
    await fill(100_000);
    const flush = errorOf(backend.flush());
    await once(await nextWorker(), 'online');
    const began = performance.now();
    await backend.close();
    const ms = performance.now() - began;
    const error = await flush;
    await backend.open();
    const { sealedThrough } = await specific();
    const { ok, events } = await backend.verify();
    await backend.close();
    return { ms, error, sealedThrough, ok, events };
  },

  // Nobody waits for it, and nobody closes it: the process has to end all the same.
  exit: async () => {
    const hold = setInterval(() => undefined, 1000);
    const sealing = nextWorker();
    await fill(100_000);
    await once(await sealing, 'online');
    clearInterval(hold);
    process.once('exit', () => say({ sealedFiles: backend.sealedFiles().length }));
    return { sealing: true };
  },

  directory: async () => {
    await fill(1000);
    const segments = join(persistencePath, 'segments');
    renameSync(segments, `${segments}-away`);
    const error = await errorOf(backend.flush());
    const { lastSealingError, sealingFailures, sealedThrough } = await specific();
    await fill(1000);
    const head = await backend.head();
    mkdirSync(segments);
    await backend.flush();
    const after = await specific();
    const { ok, events } = await backend.verify();
    await backend.close();
    rmSync(`${segments}-away`, { recursive: true });
    return {
      error,
      lastSealingError,
      sealingFailures,
      sealedThrough,
      head,
      after: { lastSealingError: after['lastSealingError'], ok, events },
    };
  },

  // Appends never pause, and are faster than sealing.
  endless: async () => {
    await backend.close();
    const small = new AllSourceBackend({ persistencePath, walSegmentBytes: 4096, sealAfterEvents: 1 });
    await small.open();
    let isFlushed = false;
    const write = async (writer: number): Promise<void> => {
      for (let i = 0; !isFlushed; i++) {
        const data = JSON.stringify({ i, text: 'x'.repeat(500) });
        const event = { id: newId(Date.now()), type: 'Noted', schemaVersion: 1, data, metadata: '{}' };
        await small.append({
          recordedAt: Date.now(),
          records: [],
          streams: [
            { streamId: `writer-${writer}`, expectedVersion: 'any', idsAreNew: true, events: [event] },
          ],
        });
      }
    };
    const writers = Array.from({ length: 8 }, (_, writer) => write(writer));
    for (let i = 0; i < 3; i++) {
      const head = await small.head();
      await small.flush();
      const { sealedThrough } = (await small.stats()).backendSpecific;
      if (Number(sealedThrough) < head) throw new Error(`sealed through ${sealedThrough}, and not ${head}`);
    }
    await small.compact();
    isFlushed = true;
    await Promise.all(writers);
    const { ok, events } = await small.verify();
    const head = await small.head();
    await small.close();
    return { ok, isWhole: events === head, isThere: existsSync(join(persistencePath, 'MANIFEST')) };
  },
};

await backend.open();
say(await cases[name]?.());
