import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { FileSystem, OpenFile } from '../../../../lib/backends/allsource/files/file-system.js';
import { MemoryFileSystem } from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { NodeFileSystem } from '../../../../lib/backends/allsource/files/node-file-system.js';
import { seed, seeded } from '../../../store/seed.js';

function contentOf(file: OpenFile): string {
  const buffer = Buffer.alloc(file.size() + 1);
  return buffer.toString('latin1', 0, file.read(buffer, 0, buffer.length, 0));
}

function code(act: () => unknown): unknown {
  try {
    act();
    return 'no error';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function write(file: OpenFile, text: string, position = file.size()): void {
  file.write(Buffer.from(text), 0, text.length, position);
}

describe('MemoryFileSystem', () => {
  it('grows a file and fills holes with zeros', () => {
    const file = new MemoryFileSystem().open('/a', 'create');
    write(file, 'abc');
    write(file, 'z', 6);
    write(file, 'B', 1);
    expect(contentOf(file)).toBe('aBc\0\0\0z');
    for (let i = 0; i < 5000; i++) write(file, 'x');
    expect(file.size()).toBe(5007);
    write(file, 'end', 100_000);
    expect(contentOf(file)).toBe(`aBc\0\0\0z${'x'.repeat(5000)}${'\0'.repeat(100_000 - 5007)}end`);
  });

  it('gives fewer bytes at the end of the file and none beyond it', () => {
    const file = new MemoryFileSystem().open('/a', 'create');
    write(file, 'abcdef');
    const buffer = Buffer.alloc(8, '.');
    expect(file.read(buffer, 1, 4, 4)).toBe(2);
    expect(buffer.toString()).toBe('.ef.....');
    expect(file.read(buffer, 0, 8, 6)).toBe(0);
    expect(file.read(buffer, 0, 8, 600)).toBe(0);
  });

  it('keeps its own copy of what is written', () => {
    const file = new MemoryFileSystem().open('/a', 'create');
    const buffer = Buffer.from('abc');
    file.write(buffer, 0, 3, 0);
    buffer.fill('x');
    expect(contentOf(file)).toBe('abc');
  });

  it('lets an open file go on after its name was moved, replaced or removed', () => {
    const files = new MemoryFileSystem();
    const moved = files.open('/a', 'create');
    const replaced = files.open('/b', 'create');
    write(replaced, 'old');
    files.rename('/a', '/b');
    write(moved, 'new');
    write(replaced, 'er');
    expect(contentOf(files.open('/b', 'read'))).toBe('new');
    expect(contentOf(replaced)).toBe('older');
    files.remove('/b');
    write(moved, 'er');
    expect(contentOf(moved)).toBe('newer');
    expect(files.list('/')).toEqual([]);
  });

  it('shows one file through all that have it open', async () => {
    const files = new MemoryFileSystem();
    const one = files.open('/a', 'create');
    const other = files.open('/a', 'read');
    await one.writeOnThread(Buffer.from('abc'), 1, 2, 0);
    await one.syncOnThread();
    one.sync();
    expect(contentOf(other)).toBe('bc');
  });

  it('refuses a closed file and a write to one opened for reading', async () => {
    const files = new MemoryFileSystem();
    const file = files.open('/a', 'create');
    const reader = files.open('/a', 'read');
    expect(() => write(reader, 'x')).toThrow(/^EBADF: .*\/a/);
    file.close();
    file.close();
    const buffer = Buffer.alloc(1);
    expect(code(() => file.size())).toBe('EBADF');
    expect(code(() => file.read(buffer, 0, 1, 0))).toBe('EBADF');
    expect(code(() => file.write(buffer, 0, 1, 0))).toBe('EBADF');
    expect(code(() => file.sync())).toBe('EBADF');
    await expect(file.writeOnThread(buffer, 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.syncOnThread()).rejects.toMatchObject({ code: 'EBADF' });
    expect(reader.size()).toBe(0);
  });

  it('refuses a range that its buffer does not have', () => {
    const file = new MemoryFileSystem().open('/a', 'create');
    expect(code(() => file.write(Buffer.alloc(4), 1, 4, 0))).toBe('ERR_OUT_OF_RANGE');
    expect(code(() => file.write(Buffer.alloc(4), 0, 4, -1))).toBe('ERR_OUT_OF_RANGE');
    expect(code(() => file.read(Buffer.alloc(4), 0, 5, 0))).toBe('ERR_OUT_OF_RANGE');
    expect(file.size()).toBe(0);
  });

  it('has a root, and takes a relative path to start there', () => {
    const files = new MemoryFileSystem();
    expect(files.stat('/')).toEqual({ kind: 'directory', size: 0 });
    files.makeDirectory('data');
    files.open('data/a', 'create');
    expect(files.list('/data')).toEqual(['a']);
    expect(files.stat('/data/../data/./a')).toEqual({ kind: 'file', size: 0 });
    expect(code(() => files.rename('/', '/x'))).toBe('EBUSY');
  });

  it('refuses to move a directory below itself', () => {
    const files = new MemoryFileSystem();
    for (const path of ['/a', '/a/b', '/a/b/c']) files.makeDirectory(path);
    expect(code(() => files.rename('/a', '/a/d'))).toBe('EINVAL');
    expect(code(() => files.rename('/a', '/a/b/c/d'))).toBe('EINVAL');
    expect(files.list('/a/b')).toEqual(['c']);
  });

  it('names both paths of a rename in the order they were given', () => {
    const files = new MemoryFileSystem();
    files.open('/a', 'create');
    const message = "ENOENT: no such file or directory, rename '/a' -> '/none/b'";
    expect(() => files.rename('/a', '/none/b')).toThrow(message);
  });
});

describe.skipIf(process.platform !== 'linux')('MemoryFileSystem and the machine', () => {
  const base = mkdtempSync(join(tmpdir(), 'allframe-memory-'));
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  const path = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
    .map((names) => names.join('/'));
  const mode = fc.constantFrom('read' as const, 'write' as const, 'create' as const);
  const act = fc.oneof(
    fc.record({ what: fc.constant('open' as const), path, mode, at: fc.nat(9) }),
    fc.record({ what: fc.constantFrom('mkdir' as const, 'remove' as const, 'look' as const), path }),
    fc.record({ what: fc.constant('rename' as const), path, to: path }),
  );

  type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

  /** What happened, in words that are the same wherever the files lie. */
  function perform(files: FileSystem, root: string, step: Act) {
    const at = (name: string): string => join(root, name);
    const here = at(step.path);
    try {
      switch (step.what) {
        case 'open': {
          const file = files.open(here, step.mode);
          if (step.mode !== 'read') write(file, 'text', step.at);
          const found = contentOf(file);
          file.close();
          return found;
        }
        case 'mkdir':
          return files.makeDirectory(here);
        case 'remove':
          return files.remove(here);
        case 'rename':
          return files.rename(here, at(step.to));
        case 'look': {
          const status = files.stat(here);
          return [status?.kind === 'file' ? status : status?.kind, files.list(here)];
        }
      }
    } catch (error) {
      const { code, syscall, message, errno } = error as NodeJS.ErrnoException;
      // Node opens directories for reading, and only the read fails.
      if (code === 'EISDIR') return code;
      return [code, syscall, errno, message.replaceAll(root, '')];
    }
  }

  it(seeded('agree on every answer and every error'), () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(act, { maxLength: 25 }), (steps) => {
        const real = new NodeFileSystem();
        const memory = new MemoryFileSystem();
        const root = join(base, String(runs++));
        real.makeDirectory(root);
        memory.makeDirectory('/memory');
        for (const step of steps) {
          expect([step, perform(memory, '/memory', step)]).toEqual([step, perform(real, root, step)]);
        }
      }),
      { seed, numRuns: 300 },
    );
  });
});
