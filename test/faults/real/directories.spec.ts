/** Places that cannot hold a store, and stores that something is missing of: each its own error, and nothing is changed. */
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import type { AllSourceOptions } from '../../../lib/backends/allsource/allsource-options.js';
import {
  StorageUnavailableError,
  StoreCorruptedError,
  UnsupportedFormatError,
} from '../../../lib/backends/allsource/allsource.errors.js';
import { InvalidArgumentError } from '../../../lib/core/errors/input.errors.js';
import { isSkipped, reasonAgainstMounting, SmallDisk } from './machine.js';
import { commitTo, RemoteBackend } from './remote-backend.js';

const NOBODY = 65534;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'allframe-places-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function openingError(options: AllSourceOptions): Promise<Error> {
  const backend = new AllSourceBackend({ ...options, sealIn: 'process' });
  const error: unknown = await backend.open().then(
    () => backend.close(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Error;
}

/** A store with sealed events, records and a log. */
async function makeStore(options: AllSourceOptions): Promise<void> {
  const backend = new AllSourceBackend({ ...options, sealIn: 'process' });
  await backend.open();
  for (let i = 0; i < 10; i++) {
    await backend.append({
      ...commitTo(`s-${i}`, [randomUUID()]),
      records: [{ collection: 'c', key: `k${i}`, value: '1' }],
    });
    if (i === 4) await backend.flush();
  }
  await backend.close();
}

/** Names and contents of everything below a directory. */
function stateOf(directory: string): Readonly<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    state[path] = entry.isFile()
      ? createHash('sha256').update(readFileSync(path)).digest('hex')
      : 'directory';
  }
  return state;
}

const skipMounting = isSkipped('directories.spec.ts, read-only', reasonAgainstMounting());

describe.skipIf(skipMounting)('a file system that is read-only', () => {
  let disk: SmallDisk;
  beforeEach(async () => {
    disk = await SmallDisk.mount(join(root, 'disk'), '8m');
  });
  afterEach(() => disk.unmount());

  it('keeps a store from being opened', async () => {
    const persistencePath = join(disk.path, 'store');
    await makeStore({ persistencePath });
    const before = stateOf(root);
    await disk.makeReadOnly();
    const error = await openingError({ persistencePath });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain(persistencePath);
    expect(error.message).toMatch(/the file system is read-only; give a path on one that can be written to/);
    expect(stateOf(root)).toEqual(before);
  });

  it('keeps a store from being created', async () => {
    await disk.makeReadOnly();
    const persistencePath = join(disk.path, 'a', 'store');
    const error = await openingError({ persistencePath });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain(`${join(disk.path, 'a')}: the directory cannot be created`);
    expect(error.message).toMatch(/the file system is read-only; give a path on one that can be written to/);
  });

  it('keeps a log from being written beside a store that could be', async () => {
    await disk.makeReadOnly();
    const error = await openingError({
      persistencePath: join(root, 'store'),
      walPath: join(disk.path, 'log'),
    });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain(join(disk.path, 'log'));
  });
});

describe.skipIf(process.getuid?.() !== 0)('a directory that this user may not write to', () => {
  let backend: RemoteBackend | undefined;
  beforeEach(() => chmodSync(root, 0o755));
  afterEach(() => backend?.kill());

  it.each([
    ['keeps a store from being opened', async (path: string) => makeStore({ persistencePath: path })],
    ['keeps a store from being created in it', async () => undefined],
  ])('%s', async (_, prepare) => {
    const persistencePath = join(root, 'store');
    await prepare(persistencePath);
    const before = stateOf(root);
    backend = await RemoteBackend.start({ persistencePath }, NOBODY);
    const opening = backend.open();
    await expect(opening).rejects.toMatchObject({ code: 'StorageUnavailableError' });
    await expect(opening).rejects.toThrow(/this user may not; change its permissions, or give another path/);
    await expect(opening).rejects.toThrow(persistencePath);
    expect(stateOf(root)).toEqual(before);
  });
});

describe('a path', () => {
  it('that leads through a file is refused, and says which', async () => {
    writeFileSync(join(root, 'file'), 'content');
    for (const below of ['store', 'a/b/store']) {
      const error = await openingError({ persistencePath: join(root, 'file', below) });
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toContain(join(root, 'file'));
      expect(error.message).toMatch(
        /a part of the path is a file|a directory is wanted here, and there is a file/,
      );
    }
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('content');
  });

  it('that is a file is refused', async () => {
    const persistencePath = join(root, 'file');
    writeFileSync(persistencePath, 'content');
    const error = await openingError({ persistencePath });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toBe(
      `${persistencePath}: a directory is wanted here, and there is a file; give another path, or move the file away`,
    );
    expect(readFileSync(persistencePath, 'utf8')).toBe('content');
  });

  it('that is too long is refused', async () => {
    const error = await openingError({ persistencePath: join(root, 'x'.repeat(300)) });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toMatch(/the path is too long; give a shorter one/);
  });

  const options = ['persistencePath', 'walPath'] as const;
  it.each(options.flatMap((name) => ['postgres', 'postgresql', 'POSTGRES'].map((scheme) => [name, scheme])))(
    'as the %s that is a URL of %s is refused, names PostgresBackend and does not show the password',
    (name, scheme) => {
      const url = `${scheme}://me:hunter2@db.example.com/events`;
      const make = (): unknown => new AllSourceBackend({ persistencePath: root, [name]: url });
      expect(make).toThrow(InvalidArgumentError);
      expect(make).toThrow(/URL of a PostgreSQL server.*for that server use PostgresBackend/);
      expect(make).not.toThrow(/hunter2|example/);
      expect(existsSync(url.slice(0, url.indexOf('/')))).toBe(false);
    },
  );

  it.each(['mysql://u:hunter2@h/d', 'https://u:hunter2@h', 'file:///tmp/hunter2', 's3://hunter2/x'])(
    'that is the URL %s is refused, and is not shown',
    (url) => {
      const make = (): unknown => AllSourceBackend.production(url);
      expect(make).toThrow(InvalidArgumentError);
      expect(make).toThrow(/the path of a directory is wanted, not a URL/);
      expect(make).not.toThrow(/hunter2/);
    },
  );
});

describe('a store that is not whole', () => {
  let store: string;
  beforeEach(async () => {
    store = join(root, 'store');
    await makeStore({ persistencePath: store });
    // What an opening that goes through sets aside.
    writeFileSync(join(store, 'segments', 'stray.parquet'), 'stray');
    writeFileSync(join(store, 'wal', 'stray.wal'), 'stray');
  });

  function only(folder: string, ending: string): string {
    const [name] = readdirSync(join(store, folder)).filter((file) => file.endsWith(ending));
    return join(store, folder, name ?? '');
  }

  async function expectRefusal(options: AllSourceOptions = {}): Promise<Error> {
    const before = stateOf(root);
    const error = await openingError({ persistencePath: store, ...options });
    expect(stateOf(root)).toEqual(before);
    return error;
  }

  it('or is newer than this version, is left as it is', async () => {
    const manifest = join(store, 'MANIFEST');
    const [, rest] = /^[^\n]*\n([^]*)$/.exec(readFileSync(manifest, 'utf8')) ?? [];
    writeFileSync(manifest, `allframe-allsource 2 00000000\n${rest ?? ''}`);
    const error = await expectRefusal();
    expect(error).toBeInstanceOf(UnsupportedFormatError);
    expect(error).toMatchObject({ path: manifest, found: 2, supported: 1 });
    expect(error.message).toMatch(/install the version that wrote it, or a newer one/);
  });

  it.each([
    ['segment', 'segments', '.parquet', /the file is missing. Lost is events at positions 1 to 5/],
    [
      'stream index',
      'index',
      '.streams',
      /the file is missing. Lost is the index of events at positions 1 to 5/,
    ],
    ['run of records', 'records', '.run', /the file is missing. Lost is 5 records/],
    ['file of the log', 'wal', '.wal', /the file is missing .*walPath.* Lost is the commits in it/],
  ])('because a %s was deleted, names the file and what is lost', async (_, folder, ending, words) => {
    const path = only(folder, ending);
    rmSync(path);
    const error = await expectRefusal();
    expect(error).toBeInstanceOf(StoreCorruptedError);
    expect(error).toMatchObject({ path });
    expect(error.message).toMatch(words);
    expect(error.message).toMatch(/Restore a backup; or, if there is none, AllSourceBackend.repair/);
  });

  it.each([
    ['deleted', (path: string) => rmSync(path), /the file is missing, and .* is there/],
    ['emptied', (path: string) => writeFileSync(path, ''), /it does not fit its checksum/],
    [
      'edited',
      (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8')} `),
      /does not fit its checksum/,
    ],
  ])('because its manifest was %s, is not taken for a new one', async (_, damage, words) => {
    damage(join(store, 'MANIFEST'));
    const error = await expectRefusal();
    expect(error).toBeInstanceOf(StoreCorruptedError);
    expect(error).toMatchObject({ path: join(store, 'MANIFEST') });
    expect(error.message).toMatch(words);
  });

  it('because a file of the log is of another store, says so', async () => {
    const other = join(root, 'other');
    await makeStore({ persistencePath: other });
    const path = only('wal', '.wal');
    const [name] = readdirSync(join(other, 'wal'));
    cpSync(join(other, 'wal', name ?? ''), path);
    const error = await expectRefusal();
    expect(error).toBeInstanceOf(StoreCorruptedError);
    expect(error.message).toMatch(/the file belongs to another store/);
  });

  it('because its log is looked for where another store has its own, leaves that alone', async () => {
    const other = join(root, 'other');
    await makeStore({ persistencePath: other });
    await expectRefusal({ walPath: join(other, 'wal') });
    const backend = new AllSourceBackend({ persistencePath: other, sealIn: 'process' });
    await backend.open();
    expect(await backend.verify()).toMatchObject({ ok: true, events: 10 });
    await backend.close();
  });

  it('because it never had a log, and is given that of another store, leaves that alone', async () => {
    const other = join(root, 'other');
    await makeStore({ persistencePath: other, enableWal: false });
    const before = stateOf(store);
    const error = await openingError({ persistencePath: other, walPath: join(store, 'wal') });
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toMatch(
      /belongs to another store; give the log of this one a directory of its own/,
    );
    expect(stateOf(store)).toEqual(before);
  });

  it('is opened again once what was missing is back', async () => {
    const path = only('segments', '.parquet');
    const content = readFileSync(path);
    rmSync(path);
    await expectRefusal();
    writeFileSync(path, content);
    const backend = new AllSourceBackend({ persistencePath: store, sealIn: 'process' });
    await backend.open();
    expect(await backend.verify()).toMatchObject({ ok: true, events: 10 });
    await backend.close();
  });

  it('is whole where an empty directory stands in its place', async () => {
    const empty = join(root, 'empty');
    mkdirSync(empty);
    await makeStore({ persistencePath: empty });
    expect(existsSync(join(empty, 'MANIFEST'))).toBe(true);
  });
});
