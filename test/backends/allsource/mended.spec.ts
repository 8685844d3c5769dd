/** Faults that a reader of the code has found, each as it was reproduced. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import {
  StorageUnavailableError,
  StoreCorruptedError,
} from '../../../lib/backends/allsource/allsource.errors.js';
import type { AllSourceOptions } from '../../../lib/backends/allsource/allsource-options.js';
import { InvalidArgumentError } from '../../../lib/core/errors/input.errors.js';
import { StoreClosedError } from '../../../lib/core/errors/store.errors.js';
import { EventStore } from '../../../lib/store/event-store.js';

const root = mkdtempSync(join(tmpdir(), 'allframe-mended-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function open(name: string, options: AllSourceOptions = {}): Promise<EventStore> {
  return EventStore.open(
    new AllSourceBackend({ persistencePath: join(root, name), sealIn: 'process', ...options }),
  );
}

const notes = (count: number, type = 'noted') =>
  Array.from({ length: count }, (_, n) => ({ type, data: { n } }));
const numbersOf = (events: readonly { readonly data: unknown }[]): unknown[] =>
  events.map(({ data }) => (data as { n: number }).n);

describe('a store that closes while it is read', () => {
  it('gives the reader everything, or says that it was closed', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const store = await open('closing', { readCacheBytes: 0 });
      if (turn === 0) {
        for (let i = 0; i < 6; i++) {
          await store.append(`s-${i}`, [...notes(5_000), ...notes(10, 'hit')]);
          await store.flush();
        }
      }
      const read = (async () => {
        let seen = 0;
        for await (const event of store.readAll({ types: ['hit'] })) seen += event.type === 'hit' ? 1 : 0;
        return seen;
      })();
      for (let i = 0; i < turn * 3; i++) await new Promise((resolve) => setImmediate(resolve));
      await store.close();
      const outcome = await read.catch((error: unknown) => error);
      if (outcome instanceof StoreClosedError) continue;
      expect(outcome).toBe(60);
    }
  });
});

describe('appends that do not wait for each other', () => {
  it('keep their order, also where one of them brings ids', async () => {
    const store = await open('order');
    const ids = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
    await Promise.all([
      store.append('s', [{ type: 'noted', data: { n: 1 }, id: ids[0]! }]),
      store.append('s', [{ type: 'noted', data: { n: 2 } }]),
      store.append('s', [{ type: 'noted', data: { n: 3 }, id: ids[1]! }]),
      store.append('s', [{ type: 'noted', data: { n: 4 } }]),
    ]);
    await Promise.all([
      store.append('s', [{ type: 'noted', data: { n: 5 }, id: ids[2]! }]),
      store.append('s', [{ type: 'noted', data: { n: 6 } }]),
    ]);
    expect(numbersOf(await store.getEvents('s'))).toEqual([1, 2, 3, 4, 5, 6]);
    await store.close();
  });
});

describe('a damaged run of records', () => {
  it('refuses the snapshot that needs it, and nothing else', async () => {
    const store = await open('run');
    for (let i = 0; i < 300; i++) {
      await store.saveSnapshot(`s-${i}`, { version: 1, revision: 1, state: { text: 'x'.repeat(400) } });
    }
    await store.flush();
    await store.close();
    const folder = join(root, 'run', 'records');
    const path = join(folder, readdirSync(folder)[0]!);
    const bytes = readFileSync(path);
    for (let at = 500; at < 504; at++) bytes[at]! ^= 0xff;
    writeFileSync(path, bytes);

    const again = await open('run');
    await expect(again.saveSnapshot('s-0', { version: 2, revision: 1, state: {} })).rejects.toBeInstanceOf(
      StoreCorruptedError,
    );
    await again.append('s-0', notes(1));
    await again.close();
  });
});

describe('the directory of the log', () => {
  it('is not one that the store keeps other things in', () => {
    const persistencePath = join(root, 'own');
    for (const walPath of [
      persistencePath,
      join(persistencePath, 'segments'),
      join(persistencePath, 'aside'),
    ]) {
      expect(() => new AllSourceBackend({ persistencePath, walPath })).toThrow(InvalidArgumentError);
    }
  });

  it('is asked for where it was forgotten, and a repair changes nothing then', async () => {
    const walPath = join(root, 'log-of-apart');
    const store = await open('apart', { walPath });
    await store.append('s', notes(3));
    await store.close();
    await expect(open('apart')).rejects.toThrow('walPath');
    await expect(AllSourceBackend.repair(join(root, 'apart'))).rejects.toBeInstanceOf(
      StorageUnavailableError,
    );
    const again = await open('apart', { walPath });
    expect(await again.getAllEvents()).toHaveLength(3);
    await again.close();
  });

  it('is not made by a repair of a path that holds no store', async () => {
    await expect(AllSourceBackend.repair(join(root, 'nowhere'))).rejects.toThrow('no store to repair');
    expect(readdirSync(root)).not.toContain('nowhere');
  });
});

describe('a time that is longer than a timer can wait', () => {
  it('is not "at once"', async () => {
    const store = await open('never', { sealAfterMs: Number.MAX_SAFE_INTEGER });
    for (let i = 0; i < 5; i++) {
      await store.append('s', notes(1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await store.stats()).backendSpecific['seals']).toBe('0');
    await store.close();
  });
});

describe('a long stream that is in the log, in sealed files, or in both', () => {
  it('reads the same page by page in both directions while it grows', async () => {
    const store = await open('long', { streamCacheBytes: 0, walSegmentBytes: 16 * 1024 });
    let written = 0;
    for (const next of [700, 1, 600, 300]) {
      for (let i = 0; i < next; i++) {
        await store.append('other', notes(1));
        await store.append('long', [{ type: 'noted', data: { n: ++written } }]);
      }
      if (next === 600) await store.flush();
      const expected = Array.from({ length: written }, (_, i) => i + 1);
      expect(numbersOf(await store.getEvents('long'))).toEqual(expected);
      const backward: unknown[] = [];
      for await (const event of store.readStream('long', { direction: 'backward' })) {
        backward.push((event.data as { n: number }).n);
      }
      expect(backward).toEqual(expected.toReversed());
      expect(numbersOf(await store.getEventsAfter('long', written - 2))).toEqual([written - 1, written]);
    }
    await store.close();
  });
});

describe('a verification', () => {
  it('lets others have their turn, in the log, in sealed files and in records', async () => {
    const store = await open('patient', { sealAfterBytes: 2 ** 40, sealAfterEvents: 1e9 });
    const backend = store.backend as AllSourceBackend;
    const turnsOf = async (): Promise<number> => {
      let turns = 0;
      let isVerified = false;
      const turning = (async () => {
        while (!isVerified) {
          await new Promise((resolve) => setImmediate(resolve));
          turns++;
        }
      })();
      expect(await backend.verify()).toMatchObject({ ok: true });
      isVerified = true;
      await turning;
      return turns;
    };
    const empty = await turnsOf();
    // Of the kind that compression makes little smaller.
    const text = randomBytes(75_000).toString('base64');
    for (let i = 0; i < 80; i++) {
      await store.append('long', [{ type: 'noted', data: { n: i, text: text.slice(i) + text.slice(0, i) } }]);
    }
    // A turn for each megabyte at least.
    expect((await turnsOf()) - empty).toBeGreaterThanOrEqual(7);
    await store.flush();
    const sealed = await turnsOf();
    expect(sealed - empty).toBeGreaterThanOrEqual(7);
    for (let i = 0; i < 5_000; i += 100) {
      const records = Array.from({ length: 100 }, (_, k) => ({ collection: 'c', key: `${i + k}`, value: 1 }));
      await store.records.write(records);
    }
    await store.flush();
    expect((await turnsOf()) - sealed).toBeGreaterThanOrEqual(5);
    await store.close();
  });
});
