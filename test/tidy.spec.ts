/** Reads the code base itself and holds it to the rules of the house, then proves that each rule can say no. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as codeRules from './tidy/code-rules.js';
import * as importRules from './tidy/import-rules.js';
import { report, type Rule } from './tidy/rules.js';
import { readSources, type Sources } from './tidy/sources.js';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Manifest;

/** `./dist/testing/index.js` is built from `lib/testing/index.ts`. */
const doors = [...Object.values(manifest.exports), ...Object.values(manifest.bin)].flatMap((door) => {
  const built = typeof door === 'string' ? door : door.default;
  return built.endsWith('.js') ? [built.replace('./dist/', 'lib/').replace(/\.js$/, '.ts')] : [];
});
/** What is started as a thread of its own is reached by its path, and by no import. */
const threads = [...readSources(root, ['lib'], []).keys()].filter((path) => path.endsWith('.worker.ts'));
const optionalPeers = Object.entries(manifest.peerDependenciesMeta ?? {}).flatMap(([name, { optional }]) =>
  optional === true ? [name] : [],
);

const { LINES_MAX, ...aboutCode } = codeRules;
const { everyFileIsUsed, optionalPeersLoadLate, ...aboutImports } = importRules;
const rules: readonly Rule[] = [
  ...Object.values(aboutImports),
  everyFileIsUsed([...doors, ...threads]),
  optionalPeersLoadLate(optionalPeers),
  ...Object.values(aboutCode),
];

describe('the code base', () => {
  // The fixtures of test/package are other people's projects on purpose: CommonJS, jest, Nest 11.
  const sources = readSources(
    root,
    ['lib', 'test', 'sample', 'bench'],
    ['test/package/fixtures/', 'bench/node_modules/'],
  );

  it('is read at all', () => {
    expect(sources.has('lib/index.ts')).toBe(true);
    expect(sources.size).toBeGreaterThan(20);
  });

  it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    const findings = report(rule, sources);
    if (findings.length > 0) expect.fail(findings.join('\n'));
  });
});

describe('each rule catches what it is for', () => {
  const longFile = Array.from({ length: LINES_MAX + 1 }, (_, i) => `export const line${i} = ${i};`).join(
    '\n',
  );

  interface Example {
    readonly rule: Rule;
    readonly says: string;
    readonly bad: Readonly<Record<string, string>>;
    /** The same with the fault taken out: a rule that always says no would be no rule. */
    readonly good?: Readonly<Record<string, string>>;
  }

  const imports = importRules;
  const code = codeRules;
  const examples: readonly Example[] = [
    {
      rule: imports.floors,
      says: 'lib/store/a.ts:2 (store) imports lib/aggregates/b.ts (aggregates)',
      bad: { 'lib/store/a.ts': `\nimport { b } from '../aggregates/b.js';`, 'lib/aggregates/b.ts': '' },
      good: { 'lib/aggregates/b.ts': `import { a } from '../store/a.js';`, 'lib/store/a.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/core/a.ts:1 (core) imports lib/store/b.ts (store)',
      bad: { 'lib/core/a.ts': `import type { b } from '../store/b.js';`, 'lib/store/b.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/core/a.ts:1 (core) imports lib/nest/b.ts (nest)',
      bad: { 'lib/core/a.ts': `export type A = import('../nest/b.js').B;`, 'lib/nest/b.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/aggregates/a.ts:1 (aggregates) imports lib/commands/b.ts (commands)',
      bad: { 'lib/aggregates/a.ts': `export { b } from '../commands/b.js';`, 'lib/commands/b.ts': '' },
      good: { 'lib/commands/b.ts': `export { a } from '../aggregates/a.js';`, 'lib/aggregates/a.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/projections/a.ts:1 (projections) imports lib/sagas/b.ts (sagas)',
      bad: { 'lib/projections/a.ts': `import { b } from '../sagas/b.js';`, 'lib/sagas/b.ts': '' },
      good: { 'lib/sagas/b.ts': `import { a } from '../commands/a.js';`, 'lib/commands/a.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/testing/a.ts:1 (testing) imports lib/nest/b.ts (nest)',
      bad: { 'lib/testing/a.ts': `const b = await import('../nest/b.js');`, 'lib/nest/b.ts': '' },
      good: { 'lib/testing/a.ts': `import { b } from '../projections/b.js';`, 'lib/projections/b.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/backends/mine/a.ts:1 (backends/mine) imports lib/backends/memory/b.ts (backends/memory)',
      bad: {
        'lib/backends/mine/a.ts': `import { b } from '../memory/b.js';`,
        'lib/backends/memory/b.ts': '',
      },
      good: {
        'lib/backends/open-backend.ts': `import('./memory/b.js'); import { c } from '../core/c.js';`,
        'lib/backends/memory/b.ts': `import { c } from '../../core/c.js'; import { d } from './d.js';`,
        'lib/backends/memory/d.ts': '',
        'lib/core/c.ts': '',
      },
    },
    {
      rule: imports.floors,
      says: 'lib/backends/mine/a.ts:1 (backends/mine) imports lib/store/b.ts (store)',
      bad: { 'lib/backends/mine/a.ts': `import { b } from '../../store/b.js';`, 'lib/store/b.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/backends/mine/a.ts:1 (backends/mine) imports lib/backends/open-backend.ts (open-backend)',
      bad: { 'lib/backends/mine/a.ts': `import '../open-backend.js';`, 'lib/backends/open-backend.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/cellar/a.ts:1 stands in no room of the drawing',
      bad: { 'lib/cellar/a.ts': '' },
      good: { 'lib/core/a.ts': '', 'lib/index.ts': '' },
    },
    {
      rule: imports.floors,
      says: 'lib/core/a.ts:1 imports test/b.ts, which is outside the rooms of lib/',
      bad: { 'lib/core/a.ts': `import { b } from '../../test/b.js';`, 'test/b.ts': '' },
    },
    {
      rule: imports.coreStandsAlone,
      says: 'lib/core/a.ts:1 imports rxjs',
      bad: { 'lib/core/a.ts': `import { Observable } from 'rxjs';` },
      good: {
        'lib/core/a.ts': `import { b } from './b.js'; import 'node:zlib';`,
        'lib/store/a.ts': `import 'rxjs';`,
      },
    },
    {
      rule: imports.onlyNestKnowsNest,
      says: 'lib/testing/a.ts:1 imports @nestjs/testing',
      bad: { 'lib/testing/a.ts': `import { Test } from '@nestjs/testing';` },
      good: { 'lib/nest/a.ts': `import { Module } from '@nestjs/common';` },
    },
    {
      rule: imports.noBarrelInside,
      says: 'lib/nest/a.ts:1 imports ../index.js',
      bad: { 'lib/nest/a.ts': `import { b } from '../index.js';`, 'lib/index.ts': '' },
      good: { 'lib/index.ts': `export * from './testing/index.js';`, 'lib/testing/index.ts': '' },
    },
    {
      rule: imports.noBarrelInside,
      says: 'lib/nest/a.ts:1 imports @allframe/nestjs/testing',
      bad: { 'lib/nest/a.ts': `import { given } from '@allframe/nestjs/testing';` },
    },
    {
      rule: imports.barrelsHoldNoLogic,
      says: 'lib/index.ts:2 is more than an export from another file',
      bad: { 'lib/index.ts': `export * from './core/a.js';\nexport const version = 1;` },
      good: { 'lib/index.ts': `/** Doors. */\nexport { a, type B } from './core/a.js';` },
    },
    {
      rule: imports.noCycles,
      says: 'lib/core/c.ts:1 closes the loop lib/core/a.ts -> lib/core/b.ts -> lib/core/c.ts -> lib/core/a.ts',
      bad: {
        'lib/core/a.ts': `import { b } from './b.js';`,
        'lib/core/b.ts': `export * from './c.js';`,
        'lib/core/c.ts': `import type { a } from './a.js';`,
      },
      good: {
        'lib/core/a.ts': `import { b } from './b.js'; import { c } from './c.js';`,
        'lib/core/b.ts': `import { c } from './c.js';`,
        'lib/core/c.ts': '',
      },
    },
    {
      rule: everyFileIsUsed(['lib/index.ts']),
      says: 'lib/core/b.ts:1 cannot be reached from lib/index.ts',
      bad: { 'lib/index.ts': `export * from './core/a.js';`, 'lib/core/a.ts': '', 'lib/core/b.ts': '' },
      good: {
        'lib/index.ts': `export * from './core/a.js';`,
        'lib/core/a.ts': `export const b = () => import('./b.js');`,
        'lib/core/b.ts': '',
      },
    },
    {
      rule: optionalPeersLoadLate(['fast-check']),
      says: 'lib/testing/a.ts:1 imports fast-check statically',
      bad: { 'lib/testing/a.ts': `import fc from 'fast-check';` },
      good: {
        'lib/testing/a.ts': `import type fc from 'fast-check'; const load = () => import('fast-check');`,
      },
    },
    {
      rule: imports.noDefaultImports,
      says: 'lib/testing/a.ts:1 imports assert as a default',
      bad: { 'lib/testing/a.ts': `import assert from 'node:assert/strict';` },
      good: {
        'lib/testing/a.ts': `import { strict as assert } from 'node:assert'; import type fc from 'fast-check';`,
      },
    },
    {
      rule: code.filesStayShort,
      says: `lib/core/a.ts:${LINES_MAX + 1} has ${LINES_MAX + 1} lines`,
      bad: { 'lib/core/a.ts': longFile },
      good: { 'lib/core/a.ts': `${longFile.slice(0, longFile.lastIndexOf('\n'))}\n` },
    },
    {
      rule: code.backendsAreEnrolled,
      says: 'lib/backends/mine/a.ts:1 has no test/contract/mine.spec.ts',
      bad: { 'lib/backends/mine/a.ts': '' },
      good: {
        'lib/backends/mine/a.ts': '',
        'test/contract/mine.spec.ts': `eventStoreContract({ describe, it }, { name: 'mine' });`,
      },
    },
    {
      rule: code.backendsAreEnrolled,
      says: 'test/contract/mine.spec.ts:1 does not call eventStoreContract',
      bad: {
        'lib/backends/mine/a.ts': '',
        'test/contract/mine.spec.ts': '// eventStoreContract({ describe, it });',
      },
    },
    {
      rule: code.noLeftoverWords,
      says: 'lib/core/a.ts:2 says TODO',
      bad: { 'lib/core/a.ts': '\n// TODO: later' },
      good: { 'lib/core/a.ts': '// a todo list, and the type TODOS' },
    },
    {
      rule: code.noConsole,
      says: 'lib/core/a.ts:1 uses console.log',
      bad: { 'lib/core/a.ts': `console.log('here');` },
      good: {
        'lib/core/a.ts': `/** Never console.log here. */`,
        'sample/a.ts': `console.log('a program may');`,
      },
    },
    {
      rule: code.noFocusedTests,
      says: 'test/a.spec.ts:1 calls describe.only',
      bad: { 'test/a.spec.ts': `describe.only('a', () => {});` },
      good: { 'test/a.spec.ts': `it('says .only( in words', () => readers.only('a'));` },
    },
    {
      rule: code.noFocusedTests,
      says: 'test/a.spec.ts:1 calls it.concurrent.only',
      bad: { 'test/a.spec.ts': `it.concurrent.only('a', () => {});` },
    },
    {
      rule: code.noAny,
      says: 'lib/core/a.ts:1 has the type any',
      bad: { 'lib/core/a.ts': `export const a = (b: Record<string, any>): unknown => b;` },
      good: { 'lib/core/a.ts': `export const any = (b: 'any') => b as unknown;` },
    },
    {
      rule: code.noSharedState,
      says: 'lib/core/a.ts:1 has the static count',
      bad: { 'lib/core/a.ts': `class A { static count = 0; }` },
      good: { 'lib/core/a.ts': `class A { static readonly limit = 10; static create() {} count = 0; }` },
    },
    {
      rule: code.noSharedState,
      says: 'lib/core/a.ts:1 has the static known',
      bad: { 'lib/core/a.ts': `class A { static readonly known = new Map<string, number>(); }` },
      good: { 'lib/core/a.ts': `class A { static readonly known = new Map([['a', 1]]); }` },
    },
    {
      rule: code.noSharedState,
      says: 'lib/core/a.ts:1 has the module variable next',
      bad: { 'lib/core/a.ts': `let next = 1;` },
      good: {
        'lib/core/a.ts': `const next = 1; export const f = () => { let local = next; return local; };`,
      },
    },
    {
      rule: code.noSharedState,
      says: 'lib/core/a.ts:1 has the module variable handlers',
      bad: { 'lib/core/a.ts': `export const handlers: Handler[] = [];` },
      good: { 'lib/core/a.ts': `export const nothing: readonly Handler[] = [];` },
    },
    {
      rule: code.namesSayWhat,
      says: 'lib/store/event-utils.ts:1 is named "utils"',
      bad: { 'lib/store/event-utils.ts': '' },
      good: { 'lib/store/commonly-read.ts': '' },
    },
    {
      rule: code.namesSayWhat,
      says: 'test/helpers/a.ts:1 is named "helpers"',
      bad: { 'test/helpers/a.ts': '' },
    },
    {
      rule: code.injectionIsExplicit,
      says: 'lib/nest/a.ts:1 injects store by its type',
      bad: {
        'lib/nest/a.ts': `@Injectable() class A { constructor(@Inject(B) b: B, private store: EventStore) {} }`,
      },
      good: {
        'lib/nest/a.ts': `@Injectable() class A { constructor(@Inject(B) b: B) {} }\nclass C { constructor(d: D) {} }`,
      },
    },
    {
      rule: code.injectionIsExplicit,
      says: 'lib/nest/a.ts:1 injects c by its type',
      bad: { 'lib/nest/a.ts': `class A { constructor(@Inject(B) b: B, c: C) {} }` },
    },
    {
      rule: code.loadsByRequire,
      says: 'lib/core/a.ts:1 awaits at the top level',
      bad: { 'lib/core/a.ts': `export const a = await import('node:fs');` },
      good: { 'lib/core/a.ts': `export const a = async () => { for await (const b of c) await b; };` },
    },
    {
      rule: code.loadsByRequire,
      says: 'lib/core/a.ts:1 uses import.meta',
      bad: { 'lib/core/a.ts': `const here = import.meta.url;` },
    },
  ];
  const sourcesOf = (files: Readonly<Record<string, string>>): Sources => new Map(Object.entries(files));

  it.each(examples)('$says', ({ rule, says, bad, good }) => {
    expect(report(rule, sourcesOf(bad))).toEqual([`${says}\n    why: ${rule.why}`]);
    if (good) expect(report(rule, sourcesOf(good))).toEqual([]);
  });

  it('has an example for every rule', () => {
    const shown = new Set(examples.map(({ rule }) => rule.name));
    expect(rules.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  });
});
