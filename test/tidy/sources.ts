/**
 * The code base as data: a map of paths to texts, parsed with the compiler's own parser, so that a rule never takes
 * a string or a comment for code. Rules get such a map, which lets their tests hand in a code base of three lines.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import ts from 'typescript';

/** Paths from the repository's root, with `/`, and what stands in those files. */
export type Sources = ReadonlyMap<string, string>;

/** One mention of another module. */
interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `type` leaves no trace at run time, `dynamic` loads only when the line is reached. */
  readonly kind: 'static' | 'type' | 'dynamic';
  /** The file of this code base that it means; absent for packages and for `node:`. */
  readonly target?: string;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
  readonly imports: readonly Import[];
}

/** Every TypeScript file under `folders` of `root`, except what a path of `except` starts with. */
export function readSources(
  root: string,
  folders: readonly string[],
  except: readonly string[] = [],
): Sources {
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
        .slice(root.length)
        .split(sep)
        .join('/')
        .replace(/^\//, '');
      if (!entry.isFile() || !path.endsWith('.ts') || except.some((prefix) => path.startsWith(prefix)))
        continue;
      sources.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return sources;
}

// Every rule walks the same trees: parsing a map once keeps the whole check under a second.
const parsed = new WeakMap<Sources, readonly SourceFile[]>();

/** The files of `sources`, parsed, in the order of their paths. */
export function parse(sources: Sources): readonly SourceFile[] {
  const known = parsed.get(sources);
  if (known) return known;
  const files = [...sources]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => {
      const ast = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
      return { path, text, ast, imports: importsOf(ast, path, sources) };
    });
  parsed.set(sources, files);
  return files;
}

/** Every node of the tree below `node`, itself first. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of childrenOf(node)) yield* walk(child);
}

/** The line of `node`, counted from 1. */
export function lineOf(node: ts.Node): number {
  const ast = node.getSourceFile();
  return ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
}

/** Imports, re-exports, `import()` in code and in types, `require()`, and `/// <reference types>`. */
function importsOf(ast: ts.SourceFile, path: string, sources: Sources): readonly Import[] {
  const found: Import[] = ast.typeReferenceDirectives.map((reference) => ({
    specifier: reference.fileName,
    line: ast.getLineAndCharacterOfPosition(reference.pos).line + 1,
    kind: 'type',
  }));
  for (const node of walk(ast)) {
    const mentioned = mentionIn(node);
    if (!mentioned) continue;
    const target = targetOf(mentioned.specifier, path, sources);
    found.push({ ...mentioned, line: lineOf(node), ...(target === undefined ? {} : { target }) });
  }
  return found;
}

function mentionIn(node: ts.Node): Pick<Import, 'specifier' | 'kind'> | undefined {
  if (ts.isImportDeclaration(node)) {
    const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return mention(node.moduleSpecifier, typeOnly ? 'type' : 'static');
  }
  if (ts.isExportDeclaration(node)) return mention(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static');
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return mention(node.argument.literal, 'type');
  }
  if (ts.isExternalModuleReference(node)) return mention(node.expression, 'static');
  if (ts.isCallExpression(node)) {
    if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return mention(node.arguments[0], 'dynamic');
    if (ts.isIdentifier(node.expression) && node.expression.text === 'require') {
      return mention(node.arguments[0], 'static');
    }
  }
  return undefined;
}

function mention(
  specifier: ts.Node | undefined,
  kind: Import['kind'],
): Pick<Import, 'specifier' | 'kind'> | undefined {
  return specifier && ts.isStringLiteralLike(specifier) ? { specifier: specifier.text, kind } : undefined;
}

/** A relative specifier names the emitted file (`./x.js`); its source stands beside it as `./x.ts`. */
function targetOf(specifier: string, from: string, sources: Sources): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const emitted = posix.join(posix.dirname(from), specifier);
  const source = emitted.replace(/\.js$/, '.ts');
  return [source, `${emitted}.ts`, `${emitted}/index.ts`].find((path) => sources.has(path)) ?? source;
}

function childrenOf(node: ts.Node): readonly ts.Node[] {
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  return children;
}
