/** Sealing in its worker thread, as it is shipped: what it makes, what it costs, and what its death does. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtProgram, builtTree } from './built.js';

/** A process that runs longer hangs. */
const DEADLINE_MS = 60_000;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'allframe-worker-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Delay {
  readonly maxMs: number;
  readonly p99Ms: number;
}

interface Failure {
  readonly error: { readonly code: string; readonly message: string };
  readonly sealingFailures: string;
  readonly lastSealingError: string;
}

/** The lines that a process has written when it has ended by itself. */
async function node<T>(args: readonly string[]): Promise<T[]> {
  const options = { timeout: DEADLINE_MS, killSignal: 'SIGKILL' } as const;
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** What a case says, line by line. */
async function run<T>(name: string): Promise<T[]> {
  return node([await builtProgram('worker-cases'), name, join(root, 'store')]);
}

function only<T>(lines: readonly T[]): T {
  expect(lines).toHaveLength(1);
  return lines[0]!;
}

describe('sealing in a worker thread', () => {
  it('makes Parquet, and merges it', async () => {
    const [seen] = await run('flush');
    expect(seen).toEqual({
      workers: 4,
      seals: '3',
      merges: '1',
      sealedThrough: '3000',
      ok: true,
      events: 3000,
      files: 2,
      parquet: true,
    });
  });

  it('leaves the event loop alone while it seals 100,000 events', async () => {
    type Seen = { ms: number; quiet: Delay; busy: Delay; appended: number };
    const { ms, quiet, busy, appended } = only(await run<Seen>('delay'));
    process.stdout.write(
      `sealing 100,000 events takes ${ms.toFixed(0)} ms; the event loop waits at most ${quiet.maxMs.toFixed(1)} ms ` +
        `(p99 ${quiet.p99Ms.toFixed(1)}), and ${busy.maxMs.toFixed(1)} ms (p99 ${busy.p99Ms.toFixed(1)}) with ${appended} appended meanwhile\n`,
    );
    // How long is a question for the benchmarks; here it is whether sealing has happened elsewhere.
    expect(quiet.maxMs).toBeLessThan(ms / 10);
  });

  it('hurts nothing when the thread dies, says so, and is done again', async () => {
    const { seen, after } = only(await run<{ seen: readonly Failure[]; after: unknown }>('death'));
    expect(seen).toHaveLength(2);
    for (const [i, { error, sealingFailures, lastSealingError }] of seen.entries()) {
      expect(error).toEqual({
        code: 'StorageUnavailableError',
        message: expect.stringMatching(
          /sealing failed \(the worker thread ended with code \d\); it will be tried again/,
        ),
      });
      expect(sealingFailures).toBe(String(i + 1));
      expect(lastSealingError).toBe(error.message);
    }
    expect(after).toEqual({
      sealingFailures: '2',
      lastSealingError: '',
      sealedThrough: '50020',
      ok: true,
      events: 50_020,
    });
  });

  it('is given up when the store is closed, at once and without loss', async () => {
    type Seen = { ms: number; error: unknown; sealedThrough: string; ok: boolean; events: number };
    const { ms, error, sealedThrough, ok, events } = only(await run<Seen>('close'));
    process.stdout.write(`closing while 100,000 events are sealed takes ${ms.toFixed(0)} ms\n`);
    expect(error).toMatchObject({ code: 'StoreClosedError' });
    // Nothing was waited for: what was under way has made nothing.
    expect({ sealedThrough, ok, events }).toEqual({ sealedThrough: '0', ok: true, events: 100_000 });
  });

  it('does not keep the process from ending, where nobody waits for it', async () => {
    expect(await run('exit')).toEqual([{ sealing: true }, { sealedFiles: 0 }]);
  });

  it('that fails shows in the statistics and in flush(), and is done when it can be', async () => {
    const [seen] = await run('directory');
    const message = expect.stringMatching(/segments.*sealing failed \(ENOENT.*it will be tried again/);
    expect(seen).toEqual({
      error: { code: 'StorageUnavailableError', message },
      lastSealingError: message,
      sealingFailures: '1',
      sealedThrough: '0',
      head: 2000,
      after: { lastSealingError: '', ok: true, events: 2000 },
    });
  });

  it('ends a flush() and a compact() though appends never pause', async () => {
    expect(await run('endless')).toEqual([{ ok: true, isWhole: true, isThere: true }]);
  });

  it('works where the package was loaded by require()', async () => {
    const index = join(await builtTree(), 'lib/backends/allsource/index.js');
    const program = `
      const { AllSourceBackend } = require(process.argv[1]);
      (async () => {
        const backend = AllSourceBackend.production(process.argv[2]);
        await backend.open();
        const event = { id: '00000000-0000-7000-8000-000000000000', type: 'A', schemaVersion: 1, data: '1', metadata: '{}' };
        const streams = [{ streamId: 'a', expectedVersion: 'any', idsAreNew: true, events: [event] }];
        await backend.append({ recordedAt: Date.now(), records: [], streams });
        let workers = 0;
        process.on('worker', () => workers++);
        await backend.flush();
        console.log(JSON.stringify({ workers, files: backend.sealedFiles().length }));
        await backend.close();
      })();`;
    expect(await node(['--input-type=commonjs', '-e', program, index, join(root, 'store')])).toEqual([
      { workers: 1, files: 1 },
    ]);
  });
});
