/** The packed file itself: what is in it, what its manifest promises, what its declarations ask of a user. */
import { readFileSync } from 'node:fs';
import { describe, expect, inject, it } from 'vitest';
import { parse, type Sources } from '../tidy/sources.js';
import { repositoryRoot, run, runTool } from './run-command.js';

interface Manifest {
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(`${repositoryRoot}/package.json`, 'utf8')) as Manifest;

/** The declarations of the package, read out of the packed file. */
async function packedDeclarations(): Promise<Sources> {
  const tarball = inject('tarball');
  const paths = (await packedPaths()).filter((path) => path.endsWith('.d.ts'));
  const texts = await Promise.all(paths.map((path) => run('tar', ['-xzOf', tarball, `package/${path}`])));
  return new Map(paths.map((path, index) => [path, texts[index] ?? '']));
}

async function packedPaths(): Promise<readonly string[]> {
  const listing = await run('tar', ['-tzf', inject('tarball')]);
  return listing
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''));
}

describe('the packed package', () => {
  it('holds the build, the licence, the readme, the changelog, and nothing else', async () => {
    const paths = await packedPaths();
    const outside = paths.filter((path) => !path.startsWith('dist/'));
    expect(outside.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    expect(paths).toContain('dist/index.js');
    expect(paths.filter((path) => /\.(?:spec|bench|tsbuildinfo)\b/.test(path))).toEqual([]);
  });

  it('passes publint, strictly', async () => {
    await runTool('publint', ['run', inject('tarball'), '--strict']);
  });

  it('resolves its types wherever an ESM-only package can (attw)', async () => {
    await runTool('attw', [inject('tarball'), '--profile', 'esm-only']);
  });

  it('imports no optional peer in its declarations, and nothing it does not list', async () => {
    const optional = Object.entries(manifest.peerDependenciesMeta ?? {}).flatMap(([name, meta]) =>
      meta.optional === true ? [name] : [],
    );
    const listed = [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.peerDependencies)];
    const allowed = new Set(listed.filter((name) => !optional.includes(name)));
    const files = parse(await packedDeclarations());
    expect(files.length).toBeGreaterThan(10);

    const asked = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .filter(({ specifier }) => !allowed.has(packageOf(specifier)))
        .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
    );
    expect(asked).toEqual([]);
  });
});

describe('the repository', () => {
  it('has no unused file, export or dependency (knip)', async () => {
    await runTool('knip', ['--no-progress']);
  });
});

/** `@scope/name/deep` belongs to `@scope/name`; a reference to the types of Node belongs to everyone's `@types/node`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
