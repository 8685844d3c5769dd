import { describe, expect, it } from 'vitest';
import { StorageUnavailableError } from '../../../../lib/backends/allsource/allsource.errors.js';
import { ensureDirectory } from '../../../../lib/backends/allsource/files/store-directory.js';
import { FailingFileSystem } from '../../../faults/failing-file-system.js';

/** Somebody else does the same at the same time, and is faster. */
class Contested extends FailingFileSystem {
  constructor(private readonly other: (files: FailingFileSystem, path: string) => void) {
    super();
  }

  override makeDirectory(path: string): void {
    this.other(this, path);
    super.makeDirectory(path);
  }
}

describe('making a directory', () => {
  it('takes the one that another process has made meanwhile, and makes its name durable', () => {
    const files = new Contested((inner, path) => FailingFileSystem.prototype.makeDirectory.call(inner, path));
    ensureDirectory(files, '/data/wal');
    expect(files.afterPowerLoss('nothing').stat('/data/wal')?.kind).toBe('directory');
  });

  it('does not take a file that another process has made meanwhile', () => {
    const files = new Contested((inner, path) => inner.open(path, 'create').close());
    expect(() => ensureDirectory(files, '/data')).toThrow(StorageUnavailableError);
  });
});
