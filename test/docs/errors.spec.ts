/** `docs/errors.md` and the errors that the package exports, compared both ways. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as root from '@allframe/nestjs';
import * as allsource from '@allframe/nestjs/allsource';
import * as postgres from '@allframe/nestjs/postgres';
import * as testing from '@allframe/nestjs/testing';
import { headingsOf, tableRowsOf } from './markdown.js';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = readFileSync(at('docs/errors.md'), 'utf8');

/** Every class of lib/ that extends AllFrameError: its literal code, and the names of its other public fields. */
const classes = new Map<string, { readonly code: string | undefined; readonly fields: readonly string[] }>();
for (const path of readdirSync(at('lib'), { recursive: true, encoding: 'utf8' })) {
  const source = path.endsWith('.ts') ? readFileSync(at(`lib/${path}`), 'utf8') : '';
  if (!source.includes('extends AllFrameError')) continue;
  const ast = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  for (const node of ast.statements) {
    if (!ts.isClassDeclaration(node) || node.name === undefined) continue;
    // The bases of errors: what is thrown is always one of their subclasses.
    if (node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword)) continue;
    if (!node.heritageClauses?.some((clause) => /\bAllFrameError\b/.test(clause.getText()))) continue;
    const code = /readonly code = '(\w+)'/.exec(node.getText())?.[1];
    classes.set(node.name.text, { code, fields: fieldsOf(node) });
  }
}

function fieldsOf(node: ts.ClassDeclaration): readonly string[] {
  const names = node.members.flatMap((member) => {
    if (ts.isPropertyDeclaration(member)) return [member.name.getText()];
    if (!ts.isConstructorDeclaration(member)) return [];
    return member.parameters
      .filter((parameter) => ts.isParameterPropertyDeclaration(parameter, member))
      .map(({ name }) => name.getText());
  });
  return names.filter((name) => name !== 'code' && name !== 'kind');
}

/** The sections of the page by the code in their headings. */
const sections = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((section) => [/^.+/.exec(section)?.[0] ?? '', section.split(/^## /m)[0] ?? ''] as const),
);

const isError = (value: unknown): value is { readonly name: string } =>
  typeof value === 'function' && value.prototype instanceof root.AllFrameError && value !== root.DomainError;

describe('docs/errors.md', () => {
  const exported = Object.values<unknown>({ ...root, ...allsource, ...postgres, ...testing }).filter(isError);

  it('has a heading for every exported error, and no other', () => {
    expect([...sections.keys()].toSorted()).toEqual(exported.map(({ name }) => name).toSorted());
  });

  it('has no heading twice', () => {
    const titles = headingsOf(text).map(({ title }) => title);
    expect(titles).toEqual([...new Set(titles)]);
  });

  it('is about every error that lib throws: each is exported', () => {
    expect([...classes.keys()].toSorted()).toEqual(exported.map(({ name }) => name).toSorted());
  });

  it.each([...sections])('says of %s what it is, when, the remedy and the fields', (code, section) => {
    for (const word of ['What', 'When', 'Remedy', 'Fields']) expect(section).toContain(`- **${word}:** `);
    const named = [...(/\*\*Fields:\*\* (.*)/.exec(section)?.[1] ?? '').matchAll(/`(\w+)`/g)];
    expect(named.map(([, field]) => field).toSorted()).toEqual(classes.get(code)?.fields.toSorted());
  });

  it('tells every kind that an error has', () => {
    const kinds = tableRowsOf(text.slice(text.indexOf('## Kinds'), text.indexOf('## Appending')));
    const told = kinds.map(([kind = '']) => kind.replaceAll('`', ''));
    for (const [, section] of sections) {
      for (const [, kind] of section.matchAll(/Its kind is `(\w+)`/g)) expect(told).toContain(kind);
    }
    expect(told).toHaveLength(8);
  });

  it('lists every limit with its value', () => {
    const rows = tableRowsOf(text.slice(text.indexOf('## Limits')));
    expect(Object.fromEntries(rows.map(([name = '', value]) => [name.replaceAll('`', ''), value]))).toEqual(
      Object.fromEntries(
        Object.entries(root.Limits).map(([name, value]) => [name, value.toLocaleString('en-US')]),
      ),
    );
  });
});

describe('an error', () => {
  it.each([...classes])('%s has its name as its code', (name, { code }) => {
    expect(code).toBe(name);
  });
});
