/**
 * A block as a module that the compiler can check and that can be run.
 *
 * A block without a prelude is a whole module: it imports what it uses. A block with one goes on from an example: the
 * names it uses and does not declare come from the prelude's file, `test/docs/preludes/<name>.ts`, and from the doors
 * of the package. Readers are told so in words, and the imports are written here.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import type { Block } from './markdown.js';
import type { CheckedModule, Problem } from './type-checker.js';

/** The lines that are put before the block's own. */
const HEADER_LINES = 1;

/** A place that names can come from. */
interface Source {
  readonly specifier: string;
  /** Its exports, and whether each is a type only. */
  readonly names: ReadonlyMap<string, 'value' | 'type'>;
}

export interface BlockModule extends CheckedModule {
  readonly block: Block;
}

/** Makes modules of the blocks of one repository. */
export class BlockModules {
  readonly #doors: readonly Source[];
  readonly #preludes = new Map<string, Source>();

  /** @param root the repository's root, absolute, without a slash at its end */
  constructor(private readonly root: string) {
    this.#doors = [
      { specifier: '@allframe/nestjs', names: exportsOf(parse(`${root}/lib/index.ts`)) },
      {
        specifier: '@allframe/nestjs/allsource',
        names: exportsOf(parse(`${root}/lib/backends/allsource/index.ts`)),
      },
      {
        specifier: '@allframe/nestjs/postgres',
        names: exportsOf(parse(`${root}/lib/backends/postgres/index.ts`)),
      },
      { specifier: '@allframe/nestjs/testing', names: exportsOf(parse(`${root}/lib/testing/index.ts`)) },
    ];
  }

  /** The module of a block; it stands beside the file that the block is in. */
  moduleOf(block: Block): BlockModule {
    const path = `${this.root}/${block.path}.${block.line}.ts`;
    return { block, path, text: `${this.#header(block)}\n${block.text}` };
  }

  /** The file of a prelude. */
  preludePath(name: string): string {
    return `${this.root}/test/docs/preludes/${name}.ts`;
  }

  #header(block: Block): string {
    if (block.prelude === undefined) return 'export {};';
    const ast = ts.createSourceFile('block.ts', block.text, ts.ScriptTarget.Latest, true);
    const own = new Set(declarationsOf(ast).keys());
    const wanted = new Set([...identifiersOf(ast)].filter((name) => !own.has(name)));
    const imports = [this.#prelude(block.prelude), ...this.#doors].flatMap(({ specifier, names }) => {
      const found = [...wanted].filter((name) => names.has(name));
      for (const name of found) wanted.delete(name);
      const list = found.map((name) => (names.get(name) === 'type' ? `type ${name}` : name));
      return list.length === 0 ? [] : [`import { ${list.join(', ')} } from '${specifier}';`];
    });
    return `${imports.join(' ')} export {};`;
  }

  #prelude(name: string): Source {
    let source = this.#preludes.get(name);
    if (source === undefined) {
      const path = this.preludePath(name);
      source = { specifier: path.replace(/\.ts$/, '.js'), names: exportsOf(parse(path)) };
      this.#preludes.set(name, source);
    }
    return source;
  }
}

/** A problem of a block's module, as one of the file that the block stands in. */
export function inDocument({ block }: BlockModule, { line, message }: Problem): string {
  return `${block.path}:${block.line + line - 1 - HEADER_LINES} ${message}`;
}

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
}

/** What a module declares at its top, imports included, and the text of each declaration without `export`. */
export function declarationsOf(ast: ts.SourceFile): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const statement of ast.statements) {
    if (ts.isImportDeclaration(statement)) {
      const clause = statement.importClause;
      const names = clause?.namedBindings;
      if (clause?.name) found.set(clause.name.text, '');
      if (names && ts.isNamedImports(names)) for (const { name } of names.elements) found.set(name.text, '');
      if (names && ts.isNamespaceImport(names)) found.set(names.name.text, '');
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) {
        for (const bound of identifiersOf(name)) found.set(bound, wordsOf(statement));
      }
    } else if (isNamed(statement) && statement.name) {
      found.set(statement.name.text, wordsOf(statement));
    }
  }
  return found;
}

function isNamed(
  node: ts.Statement,
): node is ts.ClassDeclaration | ts.FunctionDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration {
  return (
    ts.isClassDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  );
}

/** A statement without its comments, its layout and its `export`. */
function wordsOf(statement: ts.Statement): string {
  const printer = ts.createPrinter({ removeComments: true });
  return printer
    .printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile())
    .replace(/\bexport\s+/g, '')
    .replace(/\s+/g, ' ');
}

function exportsOf(ast: ts.SourceFile): ReadonlyMap<string, 'value' | 'type'> {
  const names = new Map<string, 'value' | 'type'>();
  for (const statement of ast.statements) {
    if (ts.isExportDeclaration(statement)) {
      const list = statement.exportClause;
      if (list === undefined || !ts.isNamedExports(list)) continue;
      for (const { name, isTypeOnly } of list.elements) {
        names.set(name.text, statement.isTypeOnly || isTypeOnly ? 'type' : 'value');
      }
    } else if (ts.canHaveModifiers(statement) && isExported(statement)) {
      const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
      if (ts.isVariableStatement(statement)) {
        for (const { name } of statement.declarationList.declarations) names.set(name.getText(), 'value');
      } else if (isNamed(statement) && statement.name) {
        names.set(statement.name.text, isType ? 'type' : 'value');
      }
    }
  }
  return names;
}

function isExported(node: ts.HasModifiers): boolean {
  return ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

/** Every name that occurs in a tree, whatever it stands for. */
function identifiersOf(node: ts.Node, found = new Set<string>()): ReadonlySet<string> {
  if (ts.isIdentifier(node)) found.add(node.text);
  ts.forEachChild(node, (child) => void identifiersOf(child, found));
  return found;
}
