/** What README.md says twice, of itself or of other files, is the same in both places. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { contractTopics } from '../../lib/testing/contract/contract-topics.js';
import { blocksOf, headingsOf, linksOf, tableRowsOf } from './markdown.js';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const textOf = (path: string): string => readFileSync(at(path), 'utf8');

const readme = textOf('README.md');
const blocks = blocksOf('README.md', readme);
const section = (title: string): string => {
  const start = readme.indexOf(`\n## ${title}\n`);
  if (start < 0) throw new Error(`README.md has no section "${title}"`);
  const end = readme.indexOf('\n## ', start + 1);
  return readme.slice(start, end < 0 ? undefined : end);
};

interface Manifest {
  readonly engines: { readonly node: string };
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}
const manifest = JSON.parse(textOf('package.json')) as Manifest;

describe('README.md', () => {
  it('shows the sample as it is', () => {
    expect(blocks.find(({ language }) => language === 'ts')?.text).toBe(
      textOf('sample/01-simple-cqrs/main.ts'),
    );
  });

  it('shows what the permit office prints as the page of the office has it', () => {
    const printed = blocksOf('', section('Quick start')).find(({ language }) => language === 'text')?.text;
    expect(textOf('sample/permit-office/README.md')).toContain(printed);
  });

  it('has the parts that a reader looks for, in this order', () => {
    const titles = headingsOf(readme).map(({ title }) => title);
    expect(titles).toEqual([
      '@allframe/nestjs',
      'Why, and when',
      'Install',
      'Quick start',
      'Backends',
      'Guarantees',
      'Errors',
      'Requirements',
      'More',
      'Licence',
    ]);
  });

  it('leads to every page of docs', () => {
    const pages = readdirSync(at('docs')).map((name) => `docs/${name}`);
    const targets = linksOf(section('More')).map(({ target }) => target);
    expect(targets).toEqual(expect.arrayContaining(pages));
  });

  it('asks for what package.json asks for', () => {
    expect(section('Requirements')).toContain(`\`${manifest.engines.node}\``);
    expect(manifest.peerDependencies).toMatchObject({ '@nestjs/core': '^11.0.0 || ^12.0.0' });
    const install = blocksOf('', section('Install'))[0]?.text ?? '';
    const wanted = Object.keys(manifest.peerDependencies).filter(
      (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
    );
    expect(install.trim().split(' ').slice(2)).toEqual(['@allframe/nestjs', ...wanted]);
  });

  it('gives the jest recipe that the package is tested with', () => {
    const recipe = blocksOf('', section('Requirements')).find(({ language }) => language === 'json')?.text;
    const { jest } = JSON.parse(recipe ?? '{}') as { jest: object };
    const project = 'test/package/fixtures/nest11-commonjs';
    const tested = JSON.parse(textOf(`${project}/package.json`)) as { jest: object };
    expect(tested.jest).toMatchObject(jest);
    expect(Object.keys(jest).toSorted()).toEqual(['transform', 'transformIgnorePatterns']);
    const { compilerOptions } = JSON.parse(textOf(`${project}/tsconfig.json`)) as { compilerOptions: object };
    expect(compilerOptions).toMatchObject({ allowJs: true });
  });
});

describe('the table of guarantees', () => {
  const rows = tableRowsOf(section('Guarantees')).map(([cell = '', promise = '']) => {
    const [link] = linksOf(cell);
    return { subject: link?.words ?? cell, target: link?.target ?? '', promise };
  });

  it.each(rows.map((row) => [row.subject, row] as const))(
    '%s has its tests where it says',
    (subject, row) => {
      expect(row.promise).toMatch(/\.$/);
      expect(existsSync(at(row.target)), row.target).toBe(true);
      expect(textOf(row.target)).toContain(`subject: '${subject}'`);
      const topic = contractTopics.find((candidate) => candidate.subject === subject);
      expect(topic?.lines.length).toBeGreaterThan(0);
    },
  );

  it('has every subject of the contract once', () => {
    const subjects = rows.map(({ subject }) => subject);
    expect(subjects).toEqual([...new Set(subjects)]);
    // These are told in the words of the subjects that they belong to, or below the table.
    const within = /^(?:reading |pages |record, |faults seen |restart$|crash$)/;
    const told = contractTopics.map(({ subject }) => subject).filter((subject) => !within.test(subject));
    expect(told.toSorted()).toEqual(subjects.toSorted());
  });
});

describe('the table of errors', () => {
  it('has every code of docs/errors.md, each with a link to its heading', () => {
    const links = linksOf(section('Errors'));
    const codes = headingsOf(textOf('docs/errors.md')).filter(({ level }) => level === 3);
    expect(links.map(({ words, target, anchor }) => [words, `${target}#${anchor}`])).toEqual(
      codes.map(({ title, anchor }) => [`\`${title}\``, `docs/errors.md#${anchor}`]),
    );
  });
});
