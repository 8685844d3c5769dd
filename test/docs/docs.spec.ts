/** Holds the documentation to the code: every block is checked or run, every link leads somewhere. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import ts from 'typescript';
import { describe, expect, it, vi } from 'vitest';
import { BlockModules, declarationsOf, inDocument } from './block-module.js';
import { type Block, blocksOf, commentBlocksOf, headingsOf, linksOf } from './markdown.js';
import { typeCheck } from './type-checker.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const textOf = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');
const filesUnder = (folder: string, ending: string): string[] =>
  readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => `${folder}/${path}`)
    .toSorted();

const documents = ['README.md', ...filesUnder('docs', '.md')];
const blocks = documents.flatMap((path) => blocksOf(path, textOf(path)));
const examples = filesUnder('lib', '.ts').flatMap((path) => commentBlocksOf(path, textOf(path), 'account'));
const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Readonly<Record<string, string>> };

/** What may stand behind a fence. Whatever else does would be checked by nobody. SQL is run by allsource.spec.ts. */
const LANGUAGES: ReadonlySet<string> = new Set(['ts', 'ts run', 'sh', 'sql', 'json', 'text']);

/** A document whose blocks are wrong, to see that each is found at its place. */
const BAD = 'docs/bad.md';
const fenced = (info: string, ...lines: readonly string[]): string =>
  ['```' + info, ...lines, '```'].join('\n');
const bad = [
  '# Title',
  '',
  fenced(
    'ts',
    `import { EventStore } from '@allframe/nestjs';`,
    '',
    `export const store: number = EventStore;`,
  ),
  '',
  fenced('ts', `export const fine = 1;`, '', '', 'store.append();'),
  '',
  '<!-- prelude: account -->',
  '',
  fenced('ts', `accounts.update('a1', (account) => account.deposit(10));`),
  fenced('ts', `accounts.update('a1', (account) => account.deposit('10'));`),
  fenced('ts', 'export const open = ;'),
  '<!-- prelude: none -->',
  fenced('ts', `accounts.exists('a1');`),
].join('\n');

const place = ({ path, line }: Block): string => `${path}:${line}`;

describe('the blocks', () => {
  const modules = new BlockModules(root);
  const code = [...blocks, ...examples].filter(({ language }) => language === 'ts');
  const checked = [...code, ...blocksOf(BAD, bad)].map((block) => modules.moduleOf(block));
  const problems = typeCheck(`${root}/tsconfig.json`, checked);
  const problemsOf = (path: string): readonly string[] => {
    const own = checked.filter(({ block }) => block.path === path);
    return problems.flatMap((problem) => {
      const module = own.find((candidate) => candidate.path === problem.path);
      return module === undefined ? [] : [inDocument(module, problem)];
    });
  };

  it('are found', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/guide.md', 'docs/errors.md']));
    expect(blocks.filter(({ path }) => path === 'docs/guide.md').length).toBeGreaterThan(10);
    expect(examples.length).toBeGreaterThan(10);
  });

  it('are of a language that is checked', () => {
    const unknown = [...blocks, ...examples].filter(
      ({ language, flags }) => !LANGUAGES.has([language, ...flags].join(' ')),
    );
    expect(unknown.map(place)).toEqual([]);
  });

  it.each([...new Set(code.map(({ path }) => path))])('of %s compile', (path) => {
    expect(problemsOf(path)).toEqual([]);
  });

  it('would be found if they did not, with the line of the document and what is wrong with it', () => {
    expect(problemsOf(BAD)).toEqual([
      `${BAD}:6 Type 'typeof EventStore' is not assignable to type 'number'.`,
      `${BAD}:13 Cannot find name 'store'.`,
      `${BAD}:22 Argument of type 'string' is not assignable to parameter of type 'number'.`,
      `${BAD}:25 Expression expected.`,
      `${BAD}:29 Cannot find name 'accounts'.`,
    ]);
  });

  it('have no problem outside of them', () => {
    const paths = new Set(checked.map(({ path }) => path));
    expect(problems.filter(({ path }) => !paths.has(path))).toEqual([]);
  });

  it('switch no check off', () => {
    const off = code.filter(({ text }) => /@ts-(?:ignore|nocheck)|\bany\b(?=[\],;)>=])/.test(text));
    expect(off.map(place)).toEqual([]);
  });

  // What the guide shows is what its later blocks are checked against.
  it('declare what their prelude has as the prelude has it', () => {
    const parse = (text: string) => ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);
    for (const block of blocks.filter(({ language }) => language === 'ts')) {
      if (block.prelude === undefined) continue;
      const known = declarationsOf(parse(readFileSync(modules.preludePath(block.prelude), 'utf8')));
      for (const [name, text] of declarationsOf(parse(block.text))) {
        const prelude = known.get(name);
        if (prelude?.startsWith('declare') === false && text !== '') {
          expect(text, `${place(block)} ${name}`).toBe(prelude);
        }
      }
    }
  });

  describe('that can be run', () => {
    const runs = blocks.filter(({ flags }) => flags.includes('run'));

    it.each(runs.map((block) => [place(block), block] as const))(
      '%s',
      async (name, block) => {
        const path = `${root}/build/docs/${name.replaceAll(/[/:]/g, '.')}.ts`;
        const { text } = modules.moduleOf(block);
        mkdirSync(dirname(path), { recursive: true });
        // Written only when it is new: a watching test runner would otherwise start again for ever.
        if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);

        const print = vi.spyOn(console, 'log').mockReturnValue(undefined);
        try {
          await import(/* @vite-ignore */ path);
          const next = blocks[blocks.indexOf(block) + 1];
          const output = next?.path === block.path && next.language === 'text' ? next.text : '';
          expect(print.mock.calls.map((line) => `${format(...line)}\n`).join('')).toBe(output);
        } finally {
          print.mockRestore();
        }
      },
      30_000,
    );

    it('are there', () => {
      expect(runs.length).toBeGreaterThan(1);
    });
  });

  it('for a shell name scripts that exist', () => {
    const missing = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap((block) =>
        [...block.text.matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/g)]
          .map(([, script, short]) => script ?? short ?? '')
          .filter((script) => !Object.hasOwn(scripts, script))
          .map((script) => `${place(block)} npm run ${script}`),
      );
    expect(missing).toEqual([]);
  });

  it('of SQL stand where they are run', () => {
    const paths = blocks.filter(({ language }) => language === 'sql').map(({ path }) => path);
    expect(new Set(paths)).toEqual(new Set(['docs/allsource.md']));
  });

  it('of JSON are JSON', () => {
    for (const { language, text } of blocks)
      if (language === 'json') expect(() => JSON.parse(text)).not.toThrow();
  });
});

describe('the links', () => {
  it.each(documents)('of %s lead to files and headings that exist', (path) => {
    const broken = linksOf(textOf(path)).filter(({ target, anchor }) => {
      const file = target === '' ? path : posix.join(posix.dirname(path), target);
      if (!existsSync(`${root}/${file}`)) return true;
      if (anchor === undefined || !file.endsWith('.md')) return false;
      return !headingsOf(textOf(file)).some((heading) => heading.anchor === anchor);
    });
    expect(broken.map(({ line, target, anchor }) => `${path}:${line} ${target}#${anchor ?? ''}`)).toEqual([]);
  });
});
