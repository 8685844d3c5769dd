/** Proves that the file system of the crash tests fails, loses power and waits as it is told. */
import { describe, expect, it } from 'vitest';
import {
  contentOf,
  durableFile,
  namesOf,
  outcomes,
  writeText as write,
} from '../backends/allsource/files/power-losses.js';
import { FailingFileSystem, type Operation, PowerLoss, type PowerLossChoice } from './failing-file-system.js';

describe('operations', () => {
  it('are numbered and logged, the changing calls only', async () => {
    const files = new FailingFileSystem();
    files.makeDirectory('/d');
    const file = files.open('/d/a', 'create');
    write(file, 'x');
    await file.writeOnThread(Buffer.from('y'), 0, 1, 1);
    file.sync();
    await file.syncOnThread();
    files.rename('/d/a', '/d/b');
    files.syncDirectory('/d');
    contentOf(files, '/d/b');
    files.list('/d');
    files.stat('/d/b');
    files.remove('/d/b');
    file.close();
    expect(files.log.map(({ kind, path, to }) => [kind, path, ...(to === undefined ? [] : [to])])).toEqual([
      ['makeDirectory', '/d'],
      ['create', '/d/a'],
      ['write', '/d/a'],
      ['write', '/d/a'],
      ['sync', '/d/a'],
      ['sync', '/d/a'],
      ['rename', '/d/a', '/d/b'],
      ['syncDirectory', '/d'],
      ['remove', '/d/b'],
    ]);
    expect(files.log.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(files.operations).toBe(9);
  });

  it('are what a file system does while nothing fails', () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    write(file, 'text');
    expect(() => files.open('/a', 'create')).toThrow(/^EEXIST/);
    expect(() => files.rename('/none', '/b')).toThrow(/^ENOENT.*rename '\/none' -> '\/b'/);
    expect(() => files.makeDirectory('/none/d')).toThrow(/^ENOENT/);
    files.rename('/a', '/b');
    expect(contentOf(files, '/b')).toBe('text');
    expect(files.stat('/b')).toEqual({ kind: 'file', size: 4 });
    files.remove('/b');
    expect(files.list('/')).toEqual([]);
  });
});

describe('failAt', () => {
  it('fails the operation of a number, once or several times', () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    files.failAt(3, { code: 'EIO' }, { times: 2 });
    write(file, 'a');
    expect(() => write(file, 'b')).toThrow(/^EIO: i\/o error, write '\/a'$/);
    expect(() => files.rename('/a', '/b')).toThrow(/^EIO: i\/o error, rename '\/a' -> '\/b'$/);
    write(file, 'c');
    expect(contentOf(files, '/a')).toBe('ac');
    expect(() => files.failAt(5, { code: 'EIO' })).toThrow('operation 5 is over');
  });

  it('fails the operation of a number, even where a later one happens before it', async () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    files.failAt(2, { code: 'EIO' });
    const written = file.writeOnThread(Buffer.from('x'), 0, 1, 0);
    files.rename('/a', '/b');
    await expect(written).rejects.toMatchObject({ code: 'EIO' });
    expect(files.list('/')).toEqual(['b']);
  });

  it('takes the time of its syncs, before and after a power loss', async () => {
    const files = new FailingFileSystem(3);
    const file = files.open('/a', 'create');
    file.sync();
    await file.syncOnThread();
    expect(files.elapsedMs).toBe(6);
    files.syncDirectory('/');
    const later = files.afterPowerLoss('nothing');
    later.open('/a', 'write').sync();
    expect(later.elapsedMs).toBe(3);
    expect(new FailingFileSystem().elapsedMs).toBe(0);
  });

  it('fails the operations that a function chooses', async () => {
    const files = new FailingFileSystem();
    const one = files.open('/one', 'create');
    const two = files.open('/two', 'create');
    files.failAt(
      ({ kind, path }) => kind === 'sync' && path === '/two',
      { code: 'EIO' },
      { times: Infinity },
    );
    one.sync();
    expect(() => two.sync()).toThrow(expect.objectContaining({ code: 'EIO', syscall: 'fdatasync' }));
    await expect(two.syncOnThread()).rejects.toMatchObject({ code: 'EIO' });
  });

  it.each([
    ['create', (files: FailingFileSystem) => void files.open('/x', 'create'), ['a', 'd']],
    ['makeDirectory', (files: FailingFileSystem) => files.makeDirectory('/x'), ['a', 'd']],
    ['rename', (files: FailingFileSystem) => files.rename('/a', '/x'), ['a', 'd']],
    ['remove', (files: FailingFileSystem) => files.remove('/a'), ['a', 'd']],
    ['syncDirectory', (files: FailingFileSystem) => files.syncDirectory('/'), ['a', 'd']],
  ])('leaves everything as it was when it fails a %s', (kind, act, names) => {
    const files = new FailingFileSystem();
    files.open('/a', 'create');
    files.makeDirectory('/d');
    files.failAt((operation: Operation) => operation.kind === kind, { code: 'EIO' });
    expect(() => act(files)).toThrow(/^EIO/);
    expect(files.list('/')).toEqual(names);
    expect(namesOf(files.afterPowerLoss('nothing'))).toBe('');
    act(files);
  });

  it('can have written a part', async () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    files.failAt(2, { code: 'EIO' }, { times: 2, partial: 3 });
    expect(() => write(file, 'abcdef')).toThrow(/^EIO/);
    await expect(file.writeOnThread(Buffer.from('xy'), 0, 2, 3)).rejects.toMatchObject({ code: 'EIO' });
    expect(contentOf(files, '/a')).toBe('abcxy');
    files.syncDirectory('/');
    expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('abcxy');
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('');
  });

  it('fills the disk until space is freed', async () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    write(file, 'kept');
    files.failAt(3, { code: 'ENOSPC' }, { partial: 1, untilSpaceIsFreed: true });
    expect(() => write(file, 'xyz')).toThrow(/^ENOSPC: no space left on device, write '\/a'$/);
    expect(() => write(file, 'z')).toThrow(/^ENOSPC/);
    await expect(file.writeOnThread(Buffer.from('z'), 0, 1, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(() => files.open('/b', 'create')).toThrow(/^ENOSPC/);
    expect(() => files.makeDirectory('/d')).toThrow(/^ENOSPC/);
    file.sync();
    files.rename('/a', '/c');
    files.syncDirectory('/');
    expect(contentOf(files, '/c')).toBe('keptx');
    files.freeSpace();
    write(file, 'yz');
    expect(contentOf(files, '/c')).toBe('keptxyz');
  });

  it('ends other failures for want of space, too, when space is freed', () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    files.failAt(({ kind }) => kind === 'write', { code: 'ENOSPC' }, { times: Infinity });
    files.failAt(({ kind }) => kind === 'sync', { code: 'EIO' });
    expect(() => write(file, 'x')).toThrow(/^ENOSPC/);
    files.freeSpace();
    write(file, 'x');
    expect(() => file.sync()).toThrow(/^EIO/);
  });

  it.each(['sync', 'syncOnThread'] as const)(
    'lets a %s after a failed one succeed and save nothing',
    async (form) => {
      const files = new FailingFileSystem();
      const file = durableFile(files, '/a', 'old ');
      write(file, 'lost ');
      files.failAt(files.operations + 1, { code: 'EIO' });
      await expect((async () => file[form]())()).rejects.toMatchObject({ code: 'EIO' });
      await file[form]();
      expect(contentOf(files, '/a')).toBe('old lost ');
      expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('old ');
      expect(contentOf(files.afterProcessDeath(), '/a')).toBe('old lost ');
      // Another process does not save it either.
      const next = files.afterProcessDeath();
      next.open('/a', 'write').sync();
      expect(contentOf(next.afterPowerLoss('nothing'), '/a')).toBe('old ');

      write(file, 'more');
      await file[form]();
      expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('old \0\0\0\0\0more');
      expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('old lost more');
    },
  );

  it('never lets a lost write come back over a later one that was synced', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '....');
    write(file, 'lost', 0);
    files.failAt(files.operations + 1, { code: 'EIO' });
    expect(() => file.sync()).toThrow(/^EIO/);
    write(file, 'ok', 1);
    file.sync();
    expect(outcomes(files, (after) => contentOf(after, '/a'))).toEqual(new Set(['.ok.', 'lokt']));
  });
});

describe('losePowerAt', () => {
  it('turns everything off before the operation has done anything', async () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    write(file, 'x');
    files.losePowerAt(3);
    expect(contentOf(files, '/a')).toBe('x');
    expect(() => write(file, 'y')).toThrow(new PowerLoss({ number: 3, kind: 'write', path: '/a' }));
    const buffer = Buffer.alloc(1);
    for (const act of [
      () => write(file, 'y', 0),
      () => file.sync(),
      () => file.size(),
      () => file.read(buffer, 0, 1, 0),
      () => file.close(),
      () => files.open('/a', 'read'),
      () => files.open('/b', 'create'),
      () => files.list('/'),
      () => files.stat('/'),
      () => files.makeDirectory('/d'),
      () => files.rename('/a', '/b'),
      () => files.remove('/a'),
      () => files.syncDirectory('/'),
    ])
      expect(act).toThrow(PowerLoss);
    await expect(file.writeOnThread(buffer, 0, 1, 0)).rejects.toThrow(PowerLoss);
    await expect(file.syncOnThread()).rejects.toThrow(PowerLoss);
    expect(files.operations).toBe(3);
    expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('x');
  });

  it('stops what was under way on a thread', async () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', 'x');
    const pending = file.writeOnThread(Buffer.from('y'), 0, 1, 1);
    files.losePower();
    await expect(pending).rejects.toThrow('the power is off');
    expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('x');
  });

  it('can tear a write between sectors', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '.'.repeat(100));
    files.losePowerAt(files.operations + 1, { torn: true });
    expect(() => write(file, 'x'.repeat(1500))).toThrow(PowerLoss);
    expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('.'.repeat(100) + 'x'.repeat(924));
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('.'.repeat(100));
  });

  it('can tear a sync between writes', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '.');
    for (const text of ['1', '2', '3', '4']) write(file, text);
    files.losePowerAt(files.operations + 1, { torn: true });
    expect(() => file.sync()).toThrow(PowerLoss);
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('.12');
  });

  it('can leave a name operation that never returned', () => {
    const run = (torn: boolean, choice: PowerLossChoice): string => {
      const files = new FailingFileSystem();
      durableFile(files, '/a', '');
      files.losePowerAt(files.operations + 1, { torn });
      expect(() => files.rename('/a', '/b')).toThrow(PowerLoss);
      return namesOf(files.afterPowerLoss(choice));
    };
    expect(run(false, 'everything')).toBe('a');
    expect(run(true, 'everything')).toBe('b');
    expect(run(true, 'nothing')).toBe('a');
  });
});

describe('calls on a thread', () => {
  it('take effect when they settle', async () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '');
    const buffer = Buffer.from('abc');
    const writing = file.writeOnThread(buffer, 0, 3, 0);
    expect(file.size()).toBe(0);
    expect(files.log.at(-1)).toMatchObject({ kind: 'write', path: '/a' });
    // A buffer that is used again too early is a fault of the caller, and is to be seen.
    buffer.fill('x');
    await writing;
    expect(contentOf(files, '/a')).toBe('xxx');
    const syncing = file.syncOnThread();
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('');
    await syncing;
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('xxx');
  });

  it('sync what was written before they began, not what came meanwhile', async () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '');
    write(file, 'before ');
    const syncing = file.syncOnThread();
    write(file, 'meanwhile');
    await syncing;
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('before ');
    file.sync();
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('before meanwhile');
  });

  it('never save by one sync what another one has lost, nor lose what another has saved', async () => {
    for (const failing of [1, 2]) {
      const files = new FailingFileSystem();
      const file = durableFile(files, '/a', '');
      const holds = [files.holdNextSync(), files.holdNextSync()];
      write(file, 'text');
      const syncs = [file.syncOnThread(), file.syncOnThread()];
      const seen: Operation[] = [];
      files.failAt((operation) => seen.push(operation) === failing, { code: 'EIO' });
      for (const hold of holds) hold.release();
      const results = await Promise.allSettled(syncs);
      expect(results.map(({ status }) => status === 'rejected')).toEqual([failing === 1, failing === 2]);
      expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe(failing === 1 ? '' : 'text');
    }
  });

  it('can be held at the next sync, one hold for one sync', async () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '');
    const [first, second] = [files.holdNextSync(), files.holdNextSync()];
    file.sync();
    write(file, '1');
    const one = file.syncOnThread();
    await first.reached;
    write(file, '2');
    const two = file.syncOnThread();
    await second.reached;
    await file.writeOnThread(Buffer.from('3'), 0, 1, 2);
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('');
    first.release();
    await one;
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('1');
    files.failAt(({ kind }) => kind === 'sync', { code: 'EIO' });
    second.release();
    await expect(two).rejects.toMatchObject({ code: 'EIO' });
    await file.syncOnThread();
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('1\u00003');
  });
});
