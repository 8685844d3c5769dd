/** Openings that a disk lets fail: they say so, change nothing, and can be tried again. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  StorageUnavailableError,
  StoreCorruptedError,
} from '../../lib/backends/allsource/allsource.errors.js';
import { systemError } from '../../lib/backends/allsource/files/memory-file-system.js';
import { AllFrameError } from '../../lib/core/errors/allframe.error.js';
import { Appends, work } from './appends.js';
import { FailingFileSystem } from './failing-file-system.js';
import { backendOn, openOn } from './simulated-store.js';

let openings = 0;
afterAll(() => process.stdout.write(`failing openings: ${openings}\n`));

describe('an opening', () => {
  it('that meets a full or broken disk says so and can be tried again', async () => {
    const living = new FailingFileSystem();
    const store = await openOn(living);
    const appends = new Appends();
    await work(store, appends);
    const crashed = living.afterProcessDeath();
    await store.close();
    const sound = await openOn(crashed);
    const operations = crashed.operations;
    await sound.close();
    for (const code of ['ENOSPC', 'EIO']) {
      for (let at = 1; at <= operations; at++) {
        const files = living.afterProcessDeath();
        files.failAt(at, { code });
        const backend = backendOn(files);
        await backend.open().catch((error: unknown) => {
          expect(error).toBeInstanceOf(AllFrameError);
          expect(error).not.toBeInstanceOf(StoreCorruptedError);
        });
        if (!backend.isOpen) await backend.open();
        await appends.check(backend);
        await backend.close();
        openings++;
      }
    }
  });

  it('that cannot read does not take what it cannot read for missing', async () => {
    const files = new FailingFileSystem();
    const store = await openOn(files);
    const appends = new Appends();
    await work(store, appends);
    await store.close();
    for (let at = 1, isDone = false; !isDone; at++) {
      const left = files.afterProcessDeath();
      let reads = 0;
      left.readFailure = (path) => (++reads === at ? systemError('EIO', 'read', path) : undefined);
      const backend = backendOn(left);
      const error = await backend.open().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      isDone = error === undefined;
      left.readFailure = () => undefined;
      if (!isDone) expect(error).toBeInstanceOf(StorageUnavailableError);
      if (!backend.isOpen) await backend.open();
      await appends.check(backend);
      await backend.close();
      openings++;
    }
  });
});
