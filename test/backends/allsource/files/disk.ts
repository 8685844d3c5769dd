/**
 * What is on a disk for certain and what only may be: the model below the file system that loses power. Data is
 * certain once its file was synced, a name once its directory was; of anything else a power loss keeps any part that
 * a journalling file system could leave (writes in any order and torn between sectors, names in order).
 */
import {
  MemoryContent,
  MemoryDirectory,
  type MemoryFile,
  MemoryFileSystem,
  type MemoryNode,
} from '../../../../lib/backends/allsource/files/memory-file-system.js';
import { seededRandom } from '../../../store/seed.js';

/** What a disk writes in one piece. */
const SECTOR_BYTES = 512;

/** What is on the disk of all that was not synced: none of it, all of it, or what chance decides. */
export type PowerLossChoice = 'nothing' | 'everything' | { readonly seed: number };

export interface UnsyncedWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
  /** A lost one is clean in the page cache, so no sync writes it; a durable one only waits for one before it. */
  state: 'dirty' | 'lost' | 'durable';
}

interface FileOnDisk {
  readonly durable: MemoryContent;
  /** In the order they were made. */
  readonly writes: UnsyncedWrite[];
}

/** Each name that it changed, and what it stands for since. */
interface NameOperation {
  readonly changes: readonly {
    readonly directory: MemoryDirectory;
    readonly name: string;
    readonly node: MemoryNode | undefined;
  }[];
}

type Names = Map<string, MemoryNode>;

/** What the running system sees (`memory`), and beside it what is durable and how the one came from the other. */
export class Disk {
  /** Only of files and directories that were changed: of any other all is durable. */
  readonly #files = new Map<MemoryContent, FileOnDisk>();
  readonly #names = new Map<MemoryDirectory, Names>();
  #journal: NameOperation[] = [];

  constructor(readonly memory = new MemoryFileSystem()) {}

  write(file: MemoryFile, buffer: Uint8Array, offset: number, length: number, position: number): void {
    const { writes } = this.#file(file.content);
    file.write(buffer, offset, length, position);
    // Not `slice`: that of a Buffer copies nothing.
    const bytes = Uint8Array.from(buffer.subarray(offset, offset + length));
    if (length > 0) writes.push({ position, bytes, state: 'dirty' });
  }

  dirty(content: MemoryContent): readonly UnsyncedWrite[] {
    return (this.#files.get(content)?.writes ?? []).filter(({ state }) => state === 'dirty');
  }

  settle(content: MemoryContent, writes: readonly UnsyncedWrite[], state: 'lost' | 'durable'): void {
    for (const write of writes) if (write.state === 'dirty') write.state = state;
    const file = this.#file(content);
    // A durable write behind one that is not must stay behind it: after a power loss it lies on top.
    while (file.writes[0]?.state === 'durable') {
      const { bytes, position } = file.writes.shift() as UnsyncedWrite;
      file.durable.write(bytes, position);
    }
  }

  /** Lets `act` change what `paths` stand for, and notes the change. */
  name<T>(paths: readonly string[], fail: (code: string) => Error, act: () => T): T {
    const places = paths.map((path) => this.memory.place(path, fail));
    for (const { parent } of places) {
      if (!this.#names.has(parent)) this.#names.set(parent, new Map(parent.names));
    }
    const result = act();
    const changes = places.map(({ parent, name }) => ({
      directory: parent,
      name,
      node: parent.names.get(name),
    }));
    this.#journal.push({ changes });
    return result;
  }

  /** A journal keeps order, so with the last operation of a directory all that led to it become durable. */
  syncNames(directory: MemoryDirectory): void {
    const synced = new Set([directory]);
    const durable = new Set<NameOperation>();
    for (const operation of this.#journal.toReversed()) {
      if (!operation.changes.some((change) => synced.has(change.directory))) continue;
      durable.add(operation);
      for (const change of operation.changes) synced.add(change.directory);
    }
    apply(
      this.#journal.filter((operation) => durable.has(operation)),
      (changed) => this.#names.get(changed) as Names,
    );
    this.#journal = this.#journal.filter((operation) => !durable.has(operation));
  }

  afterPowerLoss(choice: PowerLossChoice): Disk {
    const luck = luckOf(choice);
    const names = new Map<MemoryDirectory, Names>();
    const namesIn = (directory: MemoryDirectory): Names => {
      const known = names.get(directory) ?? new Map(this.#names.get(directory) ?? directory.names);
      names.set(directory, known);
      return known;
    };
    apply(this.#survivingNames(luck), namesIn);
    const copyOf = (directory: MemoryDirectory): MemoryDirectory => {
      const copy = new MemoryDirectory();
      for (const [name, node] of namesIn(directory)) {
        copy.names.set(name, node instanceof MemoryDirectory ? copyOf(node) : this.#survivor(node, luck));
      }
      return copy;
    };
    return new Disk(new MemoryFileSystem(copyOf(this.memory.root)));
  }

  copy(): Disk {
    const copies = new Map<MemoryNode, MemoryNode>();
    const copyOf = <N extends MemoryNode>(node: N): N => {
      const known = copies.get(node) ?? (node instanceof MemoryContent ? node.copy() : new MemoryDirectory());
      if (!copies.has(node)) {
        copies.set(node, known);
        if (node instanceof MemoryDirectory) fill((known as MemoryDirectory).names, node.names);
      }
      return known as N;
    };
    const fill = (target: Names, source: Names): Names => {
      for (const [name, node] of source) target.set(name, copyOf(node));
      return target;
    };
    const copy = new Disk(new MemoryFileSystem(copyOf(this.memory.root)));
    for (const [content, { durable, writes }] of this.#files) {
      const file = { durable: durable.copy(), writes: writes.map((write) => ({ ...write })) };
      copy.#files.set(copyOf(content), file);
    }
    for (const [directory, names] of this.#names) copy.#names.set(copyOf(directory), fill(new Map(), names));
    copy.#journal = this.#journal.map(({ changes }) => ({
      changes: changes.map(({ directory, name, node }) => ({
        directory: copyOf(directory),
        name,
        node: node && copyOf(node),
      })),
    }));
    return copy;
  }

  /** Of each directory's operations the first few; one that belongs to two directories is in both or in neither. */
  #survivingNames(luck: Luck): readonly NameOperation[] {
    const directories = ({ changes }: NameOperation) => new Set(changes.map((change) => change.directory));
    const left = new Map<MemoryDirectory, number>();
    for (const operation of this.#journal) {
      for (const directory of directories(operation)) left.set(directory, (left.get(directory) ?? 0) + 1);
    }
    for (const [directory, count] of left) left.set(directory, luck.names(count));
    return this.#journal.filter((operation) => {
      const touched = [...directories(operation)];
      const kept = touched.every((directory) => (left.get(directory) ?? 0) > 0);
      for (const directory of touched) left.set(directory, kept ? (left.get(directory) ?? 0) - 1 : 0);
      return kept;
    });
  }

  #survivor(content: MemoryContent, luck: Luck): MemoryContent {
    const file = this.#files.get(content);
    if (file === undefined) return content.copy();
    const survivor = file.durable.copy();
    for (const { position, bytes, state } of file.writes) {
      const first = Math.floor(position / SECTOR_BYTES);
      const end = position + bytes.length;
      const count = Math.ceil(end / SECTOR_BYTES) - first;
      const keeps = state === 'durable' ? () => true : luck.sectors(count);
      // The size of a file may be on the disk where its data is not: then there are zeros.
      if (state !== 'durable' && luck.grows()) survivor.extend(end);
      for (let sector = 0; sector < count; sector++) {
        if (!keeps(sector)) continue;
        const from = Math.max((first + sector) * SECTOR_BYTES, position);
        const to = Math.min((first + sector + 1) * SECTOR_BYTES, end);
        survivor.write(bytes.subarray(from - position, to - position), from);
      }
    }
    return survivor;
  }

  #file(content: MemoryContent): FileOnDisk {
    const known = this.#files.get(content) ?? { durable: content.copy(), writes: [] };
    this.#files.set(content, known);
    return known;
  }
}

/** How many bytes of a write the first half of its sectors holds. */
export function halfOfSectors(position: number, length: number): number {
  const first = Math.floor(position / SECTOR_BYTES);
  const count = Math.ceil((position + length) / SECTOR_BYTES) - first;
  return Math.min(length, (first + Math.ceil(count / 2)) * SECTOR_BYTES - position);
}

function apply(operations: readonly NameOperation[], namesIn: (directory: MemoryDirectory) => Names): void {
  for (const { changes } of operations) {
    for (const { directory, name, node } of changes) {
      if (node === undefined) namesIn(directory).delete(name);
      else namesIn(directory).set(name, node);
    }
  }
}

/** What a power loss leaves. */
interface Luck {
  /** How many of a directory's `count` unsynced name operations are on the disk: the first of them. */
  names(count: number): number;
  /** Which of the `count` sectors of an unsynced write are on the disk. */
  sectors(count: number): (sector: number) => boolean;
  /** Whether the size of the file is on the disk that an unsynced write gave it. */
  grows(): boolean;
}

function luckOf(choice: PowerLossChoice): Luck {
  if (choice === 'nothing') return { names: () => 0, sectors: () => () => false, grows: () => false };
  if (choice === 'everything')
    return { names: (count) => count, sectors: () => () => true, grows: () => true };
  const random = seededRandom(choice.seed);
  const below = (end: number): number => Math.floor(random() * end);
  // One for the whole power loss: with a fair coin each time, nearly all or nearly none of many would never come.
  const kept = random();
  return {
    names: (count) => below(count + 1),
    grows: () => random() < 0.5,
    sectors: (count) => {
      if (count < 2 || random() < 0.7) {
        const all = random() < kept;
        return () => all;
      }
      const cut = 1 + below(count - 1);
      const torn = [
        (sector: number) => sector < cut,
        (sector: number) => sector >= cut,
        () => random() < 0.5,
      ];
      return torn[below(torn.length)] as (sector: number) => boolean;
    },
  };
}
