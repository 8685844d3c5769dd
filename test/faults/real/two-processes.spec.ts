/** One directory, two who want it: the second is refused and told who has it, until the first is gone. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { StoreLockedError } from '../../../lib/backends/allsource/allsource.errors.js';
import type { AllSourceOptions } from '../../../lib/backends/allsource/allsource-options.js';
import { builtTree } from './built.js';
import { commitTo, RemoteBackend } from './remote-backend.js';

let root: string;
let first: RemoteBackend | undefined;
beforeEach(async () => {
  await builtTree();
  root = mkdtempSync(join(tmpdir(), 'allframe-two-'));
});
afterEach(async () => {
  await first?.kill();
  first = undefined;
  rmSync(root, { recursive: true, force: true });
});

async function refusal(options: AllSourceOptions): Promise<StoreLockedError> {
  const second = new AllSourceBackend({ ...options, sealIn: 'process' });
  const error: unknown = await second.open().then(
    () => second.close(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreLockedError);
  return error as StoreLockedError;
}

async function opens(options: AllSourceOptions): Promise<number> {
  const backend = new AllSourceBackend({ ...options, sealIn: 'process' });
  await backend.open();
  const head = await backend.head();
  await backend.close();
  return head;
}

describe('a second process', () => {
  it('is refused with the number of the first, and opens at once when that is killed', async () => {
    const persistencePath = join(root, 'store');
    first = await RemoteBackend.open({ persistencePath });
    await first.append(commitTo('a', [randomUUID()]));
    const error = await refusal({ persistencePath });
    expect(error.owner).toContain(`process ${first.pid} on `);
    expect(error.message).toContain(`${persistencePath} is open already, by process ${first.pid}`);
    expect(error.message).toContain('stop the other one, or give this one a directory of its own');
    await expect(RemoteBackend.open({ persistencePath })).rejects.toMatchObject({
      code: 'StoreLockedError',
      owner: expect.stringContaining(`process ${first.pid}`),
    });
    // The first has not noticed.
    await first.append(commitTo('a', [randomUUID()]));
    await first.kill();
    expect(await opens({ persistencePath })).toBe(2);
  });

  it('is one of ten that start at once', async () => {
    const persistencePath = join(root, 'store');
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        RemoteBackend.open({ persistencePath }).catch((error: unknown) => error),
      ),
    );
    const opened = all.filter((one) => one instanceof RemoteBackend);
    [first] = opened;
    expect(opened).toHaveLength(1);
    for (const one of all) if (one !== first) expect(one).toMatchObject({ code: 'StoreLockedError' });
  });

  it('may not repair either', async () => {
    const persistencePath = join(root, 'store');
    first = await RemoteBackend.open({ persistencePath });
    await expect(AllSourceBackend.repair(persistencePath)).rejects.toThrow(StoreLockedError);
  });

  it('is refused through a symbolic link', async () => {
    first = await RemoteBackend.open({ persistencePath: join(root, 'store') });
    symlinkSync(join(root, 'store'), join(root, 'link'));
    expect((await refusal({ persistencePath: join(root, 'link') })).owner).toContain(`process ${first.pid}`);
  });

  it('is refused where only the directory of the log is the same', async () => {
    const walPath = join(root, 'log');
    first = await RemoteBackend.open({ persistencePath: join(root, 'one'), walPath });
    const error = await refusal({ persistencePath: join(root, 'two'), walPath });
    expect(error.directory).toBe(walPath);
    expect(error.owner).toContain(`process ${first.pid}`);
    // What it had locked before is free again.
    expect(await opens({ persistencePath: join(root, 'two') })).toBe(0);
  });

  it('is refused where its log is in a directory whose name begins with its own', async () => {
    const walPath = join(root, 'store-log');
    first = await RemoteBackend.open({ persistencePath: join(root, 'store'), walPath });
    await refusal({ persistencePath: join(root, 'other'), walPath });
  });
});

describe('a second backend of the same process', () => {
  it('is refused, and told that it is this process', async () => {
    const persistencePath = join(root, 'store');
    const backend = new AllSourceBackend({ persistencePath, sealIn: 'process' });
    await backend.open();
    expect((await refusal({ persistencePath })).message).toContain(`by this process (${process.pid})`);
    await backend.close();
    expect(await opens({ persistencePath })).toBe(0);
  });
});

describe('a lock file that was left behind', () => {
  it.each([
    ['names a process that is another one by now', () => ({ pid: process.ppid, started: '1' })],
    ['names a process that is gone', () => ({ pid: 2 ** 22 - 1, started: '1' })],
    ['is from before the machine was started anew', () => ({ pid: process.ppid, boot: 'another' })],
    ['names this process', () => ({ pid: process.pid })],
  ])('does not count where it %s', async (_, change) => {
    const persistencePath = join(root, 'store');
    const earlier = await RemoteBackend.open({ persistencePath });
    await earlier.kill();
    const path = join(persistencePath, 'LOCK');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change() }));
    expect(await opens({ persistencePath })).toBe(0);
  });

  it.each(['', '{', 'null', '[]', '{"pid":"x"}'])('does not count where it holds %j', async (content) => {
    const persistencePath = join(root, 'store');
    mkdirSync(persistencePath);
    writeFileSync(join(persistencePath, 'LOCK'), content);
    expect(await opens({ persistencePath })).toBe(0);
  });

  it('counts where its process is alive, though its socket cannot be seen', async () => {
    const persistencePath = join(root, 'store');
    first = await RemoteBackend.open({ persistencePath });
    // As from a container of its own: the same directory by another real path.
    const copy = join(root, 'copy');
    mkdirSync(copy);
    writeFileSync(join(copy, 'LOCK'), readFileSync(join(persistencePath, 'LOCK')));
    expect((await refusal({ persistencePath: copy })).owner).toContain(`process ${first.pid}`);
  });
});
