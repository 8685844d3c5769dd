/**
 * What the compiler finds out for users of the package, pinned: `*.test-d.ts` are never run, only checked.
 *
 * Each line there has to compile, and each `@ts-expect-error` has to stand above something that does not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { typeCheck } from '../docs/type-checker.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const config = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));

const pins = readdirSync(here)
  .filter((name) => name.endsWith('.test-d.ts'))
  .map((name) => ({ name, path: `${here}${name}`, text: readFileSync(`${here}${name}`, 'utf8') }));

/** Modules that are wrong, so that the check is seen to fail. */
const wrong = [
  { path: `${here}error.ts`, text: 'export const n: number = "1";' },
  {
    path: `${here}unused.ts`,
    text: '// @ts-expect-error nothing is wrong here\nexport const n: number = 1;',
  },
  {
    path: `${here}inexact.ts`,
    text: `import { exactly } from './exactly.js';\nexactly<number | undefined>()(1 as number);`,
  },
];

const problems = typeCheck(config, [...pins, ...wrong]);
const problemsOf = (path: string): readonly string[] =>
  problems.filter((problem) => problem.path === path).map(({ line, message }) => `:${line} ${message}`);

describe('the types that users rely on', () => {
  it.each(pins.map(({ name, path }) => [name, path]))('%s', (_name, path) => {
    expect(problemsOf(path)).toEqual([]);
  });

  it.each(pins.map(({ name, text }) => [name, text]))(
    '%s says what compiles and what does not',
    (_name, text) => {
      expect(text).toMatch(/@ts-expect-error/);
      expect(text).not.toMatch(/@ts-(?:ignore|nocheck)/);
    },
  );

  it('are in a program without problems of its own', () => {
    expect(problems.filter(({ path }) => path === config)).toEqual([]);
  });
});

describe('the check of the types', () => {
  it.each([
    ['error.ts', ":1 Type 'string' is not assignable to type 'number'."],
    ['unused.ts', ":1 Unused '@ts-expect-error' directive."],
    ['inexact.ts', ':2 Expected 2 arguments, but got 1.'],
  ])('fails on %s', (name, problem) => {
    expect(problemsOf(`${here}${name}`)).toEqual([problem]);
  });
});
