/** Proves what the crash tests rest on: a power loss leaves each thing that a disk may leave, and nothing else. */
import { describe, expect, it } from 'vitest';
import { FailingFileSystem, PowerLoss } from '../../../faults/failing-file-system.js';
import { contentOf, durableFile, namesOf, outcomes, seeds, writeText as write } from './power-losses.js';

describe('afterPowerLoss', () => {
  it('keeps what was synced, by any choice', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', 'one ');
    write(file, 'two');
    file.sync();
    for (const choice of ['nothing', 'everything', ...seeds] as const) {
      expect(contentOf(files.afterPowerLoss(choice), '/a')).toBe('one two');
    }
  });

  it('gives one more file system, which runs and fails by itself', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', 'old');
    write(file, 'new');
    const after = files.afterPowerLoss('nothing');
    expect(after.operations).toBe(0);
    write(after.open('/a', 'write'), ' and other');
    write(file, 'er');
    expect(contentOf(files, '/a')).toBe('oldnewer');
    expect(contentOf(after, '/a')).toBe('old and other');
    expect(contentOf(after.afterPowerLoss('nothing'), '/a')).toBe('old');
  });

  it('keeps, drops and tears unsynced writes each by itself', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '.'.repeat(2048));
    write(file, 'x'.repeat(1024), 0);
    write(file, 'y'.repeat(1024), 1024);
    const found = outcomes(files, (after) =>
      contentOf(after, '/a').replaceAll(/(.)\1{511}/g, (_match, letter: string) => letter),
    );
    expect(found).toEqual(
      new Set(
        ['..', 'x.', '.x', 'xx'].flatMap((first) => ['..', 'y.', '.y', 'yy'].map((second) => first + second)),
      ),
    );
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('.'.repeat(2048));
    expect(contentOf(files.afterPowerLoss('everything'), '/a')).toBe('x'.repeat(1024) + 'y'.repeat(1024));
  });

  it('never tears a sector, and lets the later of two writes win', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '..........');
    write(file, 'xxxxxx', 0);
    write(file, 'yyyy', 4);
    expect(outcomes(files, (after) => contentOf(after, '/a'))).toEqual(
      new Set(['..........', 'xxxxxx....', '....yyyy..', 'xxxxyyyy..']),
    );
  });

  it('may keep the size of a file without its data', () => {
    const files = new FailingFileSystem();
    write(files.open('/a', 'create'), 'text');
    files.syncDirectory('/');
    expect(outcomes(files, (after) => contentOf(after, '/a'))).toEqual(new Set(['', '\0\0\0\0', 'text']));
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('');
  });

  it('may lose a synced file whose directory was not synced', () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    write(file, 'text');
    file.sync();
    expect(outcomes(files, namesOf)).toEqual(new Set(['', 'a']));
    files.syncDirectory('/');
    expect(outcomes(files, namesOf)).toEqual(new Set(['a']));
    expect(outcomes(files, (after) => contentOf(after, '/a'))).toEqual(new Set(['text']));
  });

  it('leaves the old or the new name of a rename that was not synced, and a removed file may be back', () => {
    const files = new FailingFileSystem();
    durableFile(files, '/a', 'new');
    durableFile(files, '/b', 'old');
    files.rename('/a', '/b');
    const look = (after: FailingFileSystem): string => `${namesOf(after)}: ${contentOf(after, '/b')}`;
    expect(outcomes(files, look)).toEqual(new Set(['a b: old', 'b: new']));
    files.remove('/b');
    expect(outcomes(files, namesOf)).toEqual(new Set(['a b', 'b', '']));
    files.syncDirectory('/');
    expect(outcomes(files, namesOf)).toEqual(new Set(['']));
  });

  it('keeps the operations of a directory in order', () => {
    const files = new FailingFileSystem();
    for (const name of ['1', '2', '3']) files.open(`/${name}`, 'create');
    files.remove('/1');
    expect(outcomes(files, namesOf)).toEqual(new Set(['', '1', '1 2', '1 2 3', '2 3']));
  });

  it('may lose a directory with all that was synced in it', () => {
    const files = new FailingFileSystem();
    files.makeDirectory('/d');
    files.open('/d/a', 'create').sync();
    files.syncDirectory('/d');
    const look = (after: FailingFileSystem): string =>
      after.stat('/d') ? `d/${after.list('/d').join()}` : 'gone';
    expect(outcomes(files, look)).toEqual(new Set(['gone', 'd/a']));
    files.syncDirectory('/');
    expect(outcomes(files, look)).toEqual(new Set(['d/a']));
  });

  it('never has a file that moves between directories twice or not at all', () => {
    const files = new FailingFileSystem();
    files.makeDirectory('/x');
    files.makeDirectory('/y');
    files.syncDirectory('/');
    files.open('/x/a', 'create');
    files.syncDirectory('/x');
    files.rename('/x/a', '/y/b');
    files.open('/x/c', 'create');
    const look = (after: FailingFileSystem): string =>
      `${after.list('/x').join()}|${after.list('/y').join()}`;
    expect(outcomes(files, look)).toEqual(new Set(['a|', '|b', 'c|b']));
    files.syncDirectory('/x');
    expect(outcomes(files, look)).toEqual(new Set(['c|b']));
    files.open('/x/d', 'create');
    files.rename('/x/d', '/y/e');
    files.syncDirectory('/y');
    expect(outcomes(files, look)).toEqual(new Set(['c|b,e']));
  });

  it('chooses the same for the same seed', () => {
    const files = new FailingFileSystem();
    write(durableFile(files, '/a', ''), 'x'.repeat(10_000));
    for (const choice of seeds.slice(0, 20)) {
      const [one, other] = [files.afterPowerLoss(choice), files.afterPowerLoss(choice)];
      expect(contentOf(one, '/a')).toBe(contentOf(other, '/a'));
    }
  });

  it('keeps its own copy of what was written', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', '');
    const buffer = Buffer.from('abc');
    file.write(buffer, 0, 3, 0);
    buffer.fill('x');
    file.sync();
    expect(contentOf(files.afterPowerLoss('nothing'), '/a')).toBe('abc');
  });
});

describe('afterProcessDeath', () => {
  it('finds all that was written, as unsynced as it was', () => {
    const files = new FailingFileSystem();
    const file = durableFile(files, '/a', 'synced ');
    write(file, 'written');
    files.rename('/a', '/b');
    files.makeDirectory('/d');
    files.open('/d/new', 'create');
    const after = files.afterProcessDeath();
    write(file, ' too late');
    expect(contentOf(after, '/b')).toBe('synced written');
    expect(after.list('/d')).toEqual(['new']);
    expect(contentOf(after.afterPowerLoss('nothing'), '/a')).toBe('synced ');
    after.open('/b', 'write').sync();
    after.syncDirectory('/');
    expect(contentOf(after.afterPowerLoss('nothing'), '/b')).toBe('synced written');
    expect(namesOf(files.afterPowerLoss('nothing'))).toBe('a');
  });

  it('can follow a stop at any operation', () => {
    const files = new FailingFileSystem();
    const file = files.open('/a', 'create');
    write(file, 'x');
    files.losePowerAt(3);
    expect(() => write(file, 'y')).toThrow(PowerLoss);
    expect(contentOf(files.afterProcessDeath(), '/a')).toBe('x');
  });
});
