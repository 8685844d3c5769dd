/**
 * A file system in memory: what the memory-only mode runs on, and the page cache of the tests that lose power.
 * Its errors carry the codes and messages of Node's, so that nobody above can tell the two apart.
 */
import { parse, resolve, sep } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { FileStatus, FileSystem, OpenFile } from './file-system.js';

export type MemoryNode = MemoryContent | MemoryDirectory;

/** Where a path leads: the directory that holds its last name, and what that name stands for. */
interface Place {
  readonly parent: MemoryDirectory;
  readonly name: string;
  readonly node: MemoryNode | undefined;
}

/** Paths are absolute; a relative one starts at the root, which always exists. */
export class MemoryFileSystem implements FileSystem {
  constructor(readonly root: MemoryDirectory = new MemoryDirectory()) {}

  open(path: string, mode: 'read' | 'write' | 'create'): MemoryFile {
    const { parent, name, node } = this.place(path, (code) => systemError(code, 'open', path));
    if (mode === 'create') {
      if (node !== undefined) throw systemError('EEXIST', 'open', path);
      const content = new MemoryContent();
      parent.names.set(name, content);
      return new MemoryFile(path, content, true);
    }
    if (node === undefined) throw systemError('ENOENT', 'open', path);
    // Node opens a directory for reading and fails at the first read: that much later is of no use to anybody.
    if (node instanceof MemoryDirectory) throw systemError('EISDIR', 'open', path);
    return new MemoryFile(path, node, mode === 'write');
  }

  list(directory: string): readonly string[] {
    return [...this.directory(directory, 'scandir').names.keys()].sort();
  }

  stat(path: string): FileStatus | undefined {
    try {
      const { node } = this.place(path, (code) => systemError(code, 'stat', path));
      if (node === undefined) return undefined;
      return node instanceof MemoryDirectory
        ? { kind: 'directory', size: 0 }
        : { kind: 'file', size: node.size };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  makeDirectory(path: string): void {
    const { parent, name, node } = this.place(path, (code) => systemError(code, 'mkdir', path));
    if (node !== undefined) throw systemError('EEXIST', 'mkdir', path);
    parent.names.set(name, new MemoryDirectory());
  }

  rename(from: string, to: string): void {
    const fail = (code: string): Error => systemError(code, 'rename', from, to);
    const source = this.place(from, fail);
    const target = this.place(to, fail);
    if (source.node === undefined) throw fail('ENOENT');
    if (source.node === this.root || target.node === this.root) throw fail('EBUSY');
    if (source.node === target.node) return;
    if (source.node instanceof MemoryDirectory) {
      if (source.node.holds(target.parent)) throw fail('EINVAL');
      if (target.node instanceof MemoryContent) throw fail('ENOTDIR');
      if (target.node !== undefined && target.node.names.size > 0) throw fail('ENOTEMPTY');
    } else if (target.node instanceof MemoryDirectory) throw fail('EISDIR');
    source.parent.names.delete(source.name);
    target.parent.names.set(target.name, source.node);
  }

  remove(path: string): void {
    const { parent, name, node } = this.place(path, (code) => systemError(code, 'unlink', path));
    if (node === undefined) throw systemError('ENOENT', 'unlink', path);
    if (node instanceof MemoryDirectory) throw systemError('EISDIR', 'unlink', path);
    parent.names.delete(name);
  }

  async removeOnThread(path: string): Promise<void> {
    this.remove(path);
  }

  syncDirectory(path: string): void {
    this.directory(path, 'open');
  }

  /** Where `path` leads. Throws what `fail` makes of ENOENT or ENOTDIR if a directory on the way is missing or none. */
  place(path: string, fail: (code: string) => Error): Place {
    const absolute = resolve(sep, path);
    const names = absolute.slice(parse(absolute).root.length).split(sep);
    const last = names.pop() ?? '';
    let parent = this.root;
    for (const name of names) {
      const next = parent.names.get(name);
      if (next === undefined) throw fail('ENOENT');
      if (next instanceof MemoryContent) throw fail('ENOTDIR');
      parent = next;
    }
    return { parent, name: last, node: last === '' ? this.root : parent.names.get(last) };
  }

  /** The directory at `path`. @throws ENOENT or ENOTDIR */
  directory(path: string, call: string): MemoryDirectory {
    const fail = (code: string): Error => systemError(code, call, path);
    const { node } = this.place(path, fail);
    if (node === undefined) throw fail('ENOENT');
    if (node instanceof MemoryContent) throw fail('ENOTDIR');
    return node;
  }
}

/** The names in a directory and what they stand for. */
export class MemoryDirectory {
  readonly names = new Map<string, MemoryNode>();

  /** Whether `other` is this directory or lies somewhere below it. */
  holds(other: MemoryDirectory): boolean {
    if (other === this) return true;
    for (const node of this.names.values()) {
      if (node instanceof MemoryDirectory && node.holds(other)) return true;
    }
    return false;
  }
}

/** The bytes of a file. They know nothing of its name, so an open file outlives its renaming and its removal. */
export class MemoryContent {
  // Doubled when it is full. Node takes large zeroed memory from the system page by page, so the half that is not
  // used yet costs next to nothing; and as files never shrink, what lies beyond the size is always zero.
  #bytes = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#size);
    if (end <= position) return 0;
    buffer.set(this.#bytes.subarray(position, end), offset);
    return end - position;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.extend(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  /** Makes it at least `size` bytes long; the new ones are zero. */
  extend(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#size = Math.max(size, this.#size);
  }

  copy(): MemoryContent {
    const copy = new MemoryContent();
    copy.write(this.#bytes.subarray(0, this.#size), 0);
    return copy;
  }
}

export class MemoryFile implements OpenFile {
  #open = true;

  constructor(
    readonly path: string,
    readonly content: MemoryContent,
    private readonly writable: boolean,
  ) {}

  size(): number {
    this.#mustBe(this.#open, 'fstat');
    return this.content.size;
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#mustBe(this.#open, 'read');
    checkRange(buffer, offset, length, position);
    return this.content.read(buffer, offset, length, position);
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    this.#mustBe(this.#open && this.writable, 'write');
    checkRange(buffer, offset, length, position);
    this.content.write(buffer.subarray(offset, offset + length), position);
  }

  sync(): void {
    this.#mustBe(this.#open, 'fdatasync');
  }

  async writeOnThread(buffer: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    this.write(buffer, offset, length, position);
  }

  async syncOnThread(): Promise<void> {
    this.sync();
  }

  close(): void {
    this.#open = false;
  }

  #mustBe(allowed: boolean, call: string): void {
    if (!allowed) throw systemError('EBADF', call, this.path);
  }
}

/** Without it a wrong length would silently write less than was asked for. */
function checkRange(buffer: Uint8Array, offset: number, length: number, position: number): void {
  const whole = [offset, length, position].every((part) => Number.isSafeInteger(part) && part >= 0);
  if (whole && offset + length <= buffer.length) return;
  const problem = `offset ${offset}, length ${length} and position ${position} do not fit ${buffer.length} bytes`;
  throw Object.assign(new RangeError(problem), { code: 'ERR_OUT_OF_RANGE' });
}

/** An error as Node's file system throws it: `code`, `errno`, `syscall` and `path`, and all of them in the message. */
export function systemError(code: string, syscall: string, path: string, dest?: string): Error {
  const known = [...getSystemErrorMap()].find(([, [name]]) => name === code);
  const paths = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`;
  const error = new Error(`${code}: ${known?.[1][1] ?? 'unknown error'}, ${syscall} ${paths}`);
  const fields = { errno: known?.[0], code, syscall, path };
  return Object.assign(error, dest === undefined ? fields : { ...fields, dest });
}
