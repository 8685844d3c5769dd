/** What docs/allsource.md says of options, statistics and files, compared with the code; its commands and its SQL, run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventStore } from '@allframe/nestjs';
import { AllSourceBackend, type AllSourceOptions } from '@allframe/nestjs/allsource';
import { settingsOf } from '../../lib/backends/allsource/allsource-options.js';
import { blocksOf, tableRowsOf } from './markdown.js';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = readFileSync(at('docs/allsource.md'), 'utf8');
const section = (title: string): string => text.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
const named = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'allframe-docs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function withStore<T>(
  work: (store: EventStore, backend: AllSourceBackend) => Promise<T>,
  options: Omit<AllSourceOptions, 'persistencePath'> = {},
): Promise<T> {
  const backend = AllSourceBackend.withConfig({ ...options, persistencePath: join(directory, 'data') });
  const store = await EventStore.open(backend);
  try {
    return await work(store, backend);
  } finally {
    await store.close();
  }
}

describe('the options', () => {
  const rows = tableRowsOf(section('Options')).map(([name, otherwise = '', what = '']) => ({
    name: named(name)[0] ?? '',
    otherwise,
    what,
  }));
  const path = 'lib/backends/allsource/allsource-options.ts';
  const ast = ts.createSourceFile(path, readFileSync(at(path), 'utf8'), ts.ScriptTarget.Latest, true);
  const declared = ast.statements
    .filter(ts.isInterfaceDeclaration)
    .find(({ name }) => name.text === 'AllSourceOptions')
    ?.members.map((member) => member.name?.getText());

  it('are all there, in the order of the code', () => {
    expect(rows.map(({ name }) => name)).toEqual(declared);
  });

  const defaults = settingsOf({ persistencePath: '/data' });

  it.each(rows.filter(({ name }) => Object.hasOwn(defaults, name)))(
    '$name is $otherwise unless given',
    (row) => {
      const value: unknown = defaults[row.name as keyof typeof defaults];
      const written = typeof value === 'number' ? value.toLocaleString('en-US') : `\`'${String(value)}'\``;
      expect(row.otherwise).toBe(written);
    },
  );

  it('that decide where and whether are as the page says', () => {
    const otherwise = Object.fromEntries(rows.map((row) => [row.name, row.otherwise]));
    expect(otherwise).toMatchObject({
      enablePersistence: 'whether there is a `persistencePath`',
      enableWal: 'as `enablePersistence`',
      persistencePath: 'none',
      walPath: '`wal` in it',
    });
    expect(settingsOf({})).toMatchObject({ path: undefined, durability: 'memory' });
    expect(defaults).toMatchObject({ path: '/data', logPath: '/data/wal', durability: 'commit' });
    expect(settingsOf({ persistencePath: '/data', enablePersistence: false })).toMatchObject({
      path: undefined,
    });
    expect(settingsOf({ persistencePath: '/data', enableWal: false })).toMatchObject({
      durability: 'memory',
    });
  });

  it('have caches of 144 MiB together', () => {
    const { streamCacheBytes, recentCacheBytes, readCacheBytes, indexCacheBytes } = defaults;
    const mebibytes = (streamCacheBytes + recentCacheBytes + readCacheBytes + indexCacheBytes) / 1024 ** 2;
    expect(section('Memory')).toContain(`at most ${mebibytes} MiB`);
  });
});

describe('the statistics', () => {
  it('are all there, and no other', async () => {
    const told = tableRowsOf(section('Statistics')).flatMap(([name]) => named(name));
    const given = await withStore(async (store) => Object.keys((await store.stats()).backendSpecific));
    expect(told.toSorted()).toEqual(given.toSorted());
  });
});

describe('the files on disk', () => {
  const told = tableRowsOf(section('Files on disk')).map(([name]) => named(name)[0] ?? '');
  const filesOf = (root: string): string[] =>
    readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (path) => !statSync(join(root, path)).isDirectory(),
    );
  /** The row that a file belongs to: the longest that it begins with. */
  const rowOf = (path: string): string =>
    told
      .filter((name) => path === name || (name.endsWith('/') && path.startsWith(name.replace('<time>/', ''))))
      .toSorted()
      .at(-1) ?? `${path} is not told of`;

  it('are where the page says, with the endings it says', async () => {
    const data = join(directory, 'data');
    const open = await withStore(async (store) => {
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
      await store.saveSnapshot('order-1', { version: 1, revision: 1, state: {} });
      await store.flush();
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
      return filesOf(data);
    });
    expect(new Set(open.map(rowOf))).toEqual(
      new Set(['MANIFEST', 'LOCK', 'wal/', 'segments/', 'index/', 'records/']),
    );
    const closed = filesOf(data);
    expect(closed).not.toContain('LOCK');
    expect(closed).toEqual(expect.arrayContaining(['segments/0000000000000001-0000000000000001.parquet']));
    for (const path of closed) {
      const ending = named(
        tableRowsOf(section('Files on disk')).find(([name]) => named(name)[0] === rowOf(path))?.[1],
      );
      for (const wanted of ending) expect(path).toMatch(/\.\w+$/.exec(wanted)?.[0] ?? '');
    }
  });

  it('that may be deleted can be, and no other', async () => {
    const data = join(directory, 'data');
    await withStore(async (store) => {
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
      await store.flush();
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
    });
    for (const folder of ['segments', 'wal']) {
      mkdirSync(join(data, folder), { recursive: true });
      execFileSync('cp', ['/dev/null', join(data, folder, 'left-over')]);
    }
    await withStore(async (_, backend) => {
      expect(backend.opening?.strays).toHaveLength(2);
    });
    const aside = ['aside', 'wal/aside'].map((folder) => join(data, folder));
    for (const folder of aside) {
      expect(readdirSync(folder)).toHaveLength(1);
      rmSync(folder, { recursive: true });
    }
    const files = filesOf(data);
    expect(files.length).toBeGreaterThan(3);
    await withStore(async (_, backend) => {
      expect(await backend.verify()).toMatchObject({ ok: true, events: 2 });
    });

    for (const path of filesOf(data)) {
      const copy = join(directory, 'copy');
      execFileSync('cp', ['-a', data, copy]);
      rmSync(join(copy, path));
      const opened = EventStore.open(AllSourceBackend.production(copy));
      // A file of the log that holds nothing yet is missed as well.
      await expect(opened, path).rejects.toMatchObject({ code: 'StoreCorruptedError' });
      rmSync(copy, { recursive: true });
    }
  });
});

describe('the commands', () => {
  it('restore a backup', async () => {
    const [block] = blocksOf('', section('Back up and restore')).filter(({ language }) => language === 'sh');
    const saved = await withStore(async (store, backend) => {
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
      await store.saveSnapshot('order-1', { version: 1, revision: 1, state: { lines: 1 } });
      await store.flush();
      await store.append('order-2', [{ type: 'order.placed', data: {} }]);
      await backend.backup(join(directory, 'backups/monday'));
      const { digest } = await backend.verify();
      await store.append('order-3', [{ type: 'order.placed', data: {} }]);
      return digest;
    });
    execFileSync('sh', ['-euc', block?.text ?? 'false'], { cwd: directory });

    await withStore(async (store, backend) => {
      expect(await backend.verify()).toMatchObject({ ok: true, events: 2, digest: saved });
      expect(await store.getLatestSnapshot('order-1')).toMatchObject({ state: { lines: 1 } });
      expect(await store.append('order-3', [{ type: 'order.placed', data: {} }])).toMatchObject({
        position: 3,
      });
      await expect(backend.backup(join(directory, 'backups/monday'))).rejects.toMatchObject({
        code: 'StorageUnavailableError',
      });
    });
    expect(readdirSync(directory).toSorted()).toEqual(['backups', 'data', 'data.before']);
  });
});

describe('a repair', () => {
  const damage = (path: string, offset: number): void => {
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
    writeFileSync(path, bytes);
  };

  it('keeps what comes before the damage, and the files as they were', async () => {
    const data = join(directory, 'data');
    const wal = await withStore(async (store) => {
      for (let i = 1; i <= 10; i++) await store.append('order-1', [{ type: 'order.changed', data: { i } }]);
      return join(data, 'wal', readdirSync(join(data, 'wal'))[0] ?? '');
    });
    const before = readFileSync(wal);
    const at = before.indexOf('{"i":6}');
    damage(wal, at);
    await expect(withStore(() => Promise.resolve())).rejects.toMatchObject({
      code: 'StoreCorruptedError',
      path: wal,
      lost: expect.stringContaining('from position 6 on') as string,
    });

    const { keptThrough, problems, originals = '' } = await AllSourceBackend.repair(data);
    expect([keptThrough.position, problems.length]).toEqual([5, 1]);
    expect(originals).toMatch(/\/repair-\d+$/);
    const kept = readFileSync(join(originals, basename(wal)));
    expect(kept.length).toBe(before.length);
    expect(kept.includes('{"i":10}')).toBe(true);
    await withStore(async (store, backend) => {
      expect(await store.getEvents('order-1')).toHaveLength(5);
      expect(await backend.verify()).toMatchObject({ ok: true, events: 5 });
      const { version, position } = await store.append('order-1', [{ type: 'order.changed', data: {} }]);
      expect(version).toBe(6);
      // What was lost had these positions.
      expect(position).toBeGreaterThan(10);
    });
  });

  it('makes a damaged stream index anew, and loses nothing', async () => {
    const data = join(directory, 'data');
    await withStore(async (store) => {
      await store.append('order-1', [{ type: 'order.placed', data: {} }]);
      await store.flush();
    });
    damage(join(data, 'index', readdirSync(join(data, 'index'))[0] ?? ''), 3);
    await expect(withStore(() => Promise.resolve())).rejects.toMatchObject({ code: 'StoreCorruptedError' });
    expect(await AllSourceBackend.repair(data)).toMatchObject({ keptThrough: { position: 1 } });
    await withStore(async (store, backend) => {
      expect(await store.getEvents('order-1')).toHaveLength(1);
      expect(await backend.verify()).toMatchObject({ ok: true, events: 1 });
    });
  });
});

describe('the SQL', () => {
  const queries = blocksOf('', text).filter(({ language }) => language === 'sql');

  it('is run by DuckDB while the store is open', async () => {
    expect(queries).toHaveLength(2);
    await withStore(async (store) => {
      await store.append('order-1', [{ type: 'order.placed', data: { total: 42.5 } }]);
      await store.append('order-2', [{ type: 'order.placed', data: { total: 7 } }]);
      await store.append('order-2', [{ type: 'order.paid', data: {} }]);
      await store.flush();
      await store.append('order-3', [{ type: 'order.placed', data: { total: 1000 } }]);

      const duckdb = await DuckDBInstance.create();
      const connection = await duckdb.connect();
      await connection.run(`SET file_search_path = '${directory}'`);
      const answers: unknown[] = [];
      for (const { text: sql } of queries) {
        answers.push((await connection.runAndReadAll(sql)).getRowObjectsJS());
      }
      connection.closeSync();
      duckdb.closeSync();
      expect(answers).toEqual([
        [
          { event_type: 'order.placed', events: 2n, latest: expect.any(Date) as Date },
          { event_type: 'order.paid', events: 1n, latest: expect.any(Date) as Date },
        ],
        [
          { stream_id: 'order-1', total: 42.5 },
          { stream_id: 'order-2', total: 7 },
        ],
      ]);
    });
  });
});
