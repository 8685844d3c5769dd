/**
 * What each door of the package costs beside Nest itself: packages, megabytes on disk, milliseconds to import. Prints the
 * table that docs/backends.md has: `npm run check:package -- doors`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tableRowsOf } from '../docs/markdown.js';
import { repositoryRoot, run } from './run-command.js';

const NEST = ['@nestjs/common@12', '@nestjs/core@12', 'reflect-metadata', 'rxjs'];
const ROUNDS = 9;

interface Door {
  readonly name: string;
  /** What has to be installed for it, `undefined` if that is there already. */
  readonly install: string | undefined;
  /** What is loaded before it, and not counted. */
  readonly after: readonly string[];
  readonly imports: string;
}

const ROOT = '@allframe/nestjs';
const loaded = ['reflect-metadata', 'rxjs', '@nestjs/common', '@nestjs/core'];

const doors: readonly Door[] = [
  { name: ROOT, install: inject('tarball'), after: loaded, imports: ROOT },
  { name: `${ROOT}/allsource`, install: undefined, after: [...loaded, ROOT], imports: `${ROOT}/allsource` },
  { name: '`parquetjs-lite`', install: 'parquetjs-lite', after: loaded, imports: 'parquetjs-lite' },
  { name: `${ROOT}/postgres`, install: undefined, after: [...loaded, ROOT], imports: `${ROOT}/postgres` },
  { name: '`pg`', install: 'pg', after: loaded, imports: 'pg' },
  { name: `${ROOT}/testing`, install: undefined, after: [...loaded, ROOT], imports: `${ROOT}/testing` },
];

let project: string;
beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'allframe-doors-'));
  writeFileSync(join(project, 'package.json'), '{ "name": "doors", "private": true, "type": "module" }');
  await install(...NEST);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

async function install(...packages: readonly string[]): Promise<void> {
  const quick = ['--silent', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--save'];
  await run('npm', ['install', ...quick, ...packages], project);
}

/** The packages that are installed, and the bytes of their files. */
function installed(): { readonly packages: number; readonly bytes: number } {
  let [packages, bytes] = [0, 0];
  const root = join(project, 'node_modules');
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const status = statSync(join(root, path), { throwIfNoEntry: false });
    if (status?.isFile() !== true) continue;
    bytes += status.size;
    if (/(?:^|node_modules\/)(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path)) packages++;
  }
  return { packages, bytes };
}

/** The median of several processes. */
async function importMs({ after, imports }: Door): Promise<number> {
  const before = after.map((name) => `await import('${name}');`).join('');
  const program = `${before} const t = performance.now(); await import('${imports}'); console.log(performance.now() - t);`;
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    times.push(Number(await run(process.execPath, ['--input-type=module', '-e', program], project)));
  }
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

describe('the cost of each door', () => {
  it('is what docs/backends.md says', async () => {
    const measured: { name: string; packages: number; megabytes: number; ms: number }[] = [];
    let before = installed();
    for (const door of doors) {
      if (door.install !== undefined) await install(door.install);
      const now = installed();
      const [packages, bytes] = [now.packages - before.packages, now.bytes - before.bytes];
      before = now;
      measured.push({ name: door.name, packages, megabytes: bytes / 1e6, ms: await importMs(door) });
    }
    const table = measured.map(({ name, packages, megabytes, ms }) =>
      [name, `+${packages}`, `+${megabytes.toFixed(1)} MB`, `${ms.toFixed(0)} ms`].join(' | '),
    );
    process.stdout.write(`${table.join('\n')}\n`);

    const told = tableRowsOf(readFileSync(join(repositoryRoot, 'docs/backends.md'), 'utf8')).filter(
      ([, , , ms]) => /^\d+ ms$/.test(ms ?? ''),
    );
    expect(told.map(([name]) => name?.replaceAll('`', ''))).toEqual(
      measured.map(({ name }) => name.replaceAll('`', '')),
    );
    for (const [i, { packages, megabytes }] of measured.entries()) {
      const [name, toldPackages = '', toldMegabytes = ''] = told[i] ?? [];
      // What a package of others weighs changes with its versions; what it needs, seldom.
      expect(Math.abs(Number.parseFloat(toldMegabytes) - megabytes), name).toBeLessThan(1 + megabytes / 4);
      if (!name?.includes('parquetjs')) expect(toldPackages, name).toBe(`+${packages}`);
    }
  });
});
