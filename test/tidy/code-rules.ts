/** What a file may hold: the rules about code, names and sizes. */
import ts from 'typescript';
import { libFiles, roomFiles, type Rule } from './rules.js';
import { lineOf, parse, walk, type SourceFile } from './sources.js';

export const LINES_MAX = 400;

export const filesStayShort: Rule = {
  name: `no file has more than ${LINES_MAX} lines`,
  why: 'a file is one idea, small enough to be read at one sitting; a longer one holds two',
  *check(sources) {
    for (const [path, text] of sources) {
      const lines = text.trimEnd().split('\n').length;
      if (lines > LINES_MAX) yield { path, line: LINES_MAX + 1, what: `has ${lines} lines` };
    }
  },
};

export const backendsAreEnrolled: Rule = {
  name: 'every backend is enrolled in the conformance kit',
  why: 'a backend keeps the promises of the contract because test/contract/<name>.spec.ts calls eventStoreContract for it',
  *check(sources) {
    const backends = new Map<string, string>();
    for (const { path } of roomFiles(sources)) {
      const name = /^lib\/backends\/([^/]+)\//.exec(path)?.[1];
      if (name !== undefined && !backends.has(name)) backends.set(name, path);
    }
    for (const [name, path] of backends) {
      const spec = parse(sources).find((file) => file.path === `test/contract/${name}.spec.ts`);
      if (!spec) yield { path, line: 1, what: `has no test/contract/${name}.spec.ts` };
      else if (!callsIn(spec).some((call) => call.expression.getText() === 'eventStoreContract')) {
        yield { path: spec.path, line: 1, what: 'does not call eventStoreContract' };
      }
    }
  },
};

export const noLeftoverWords: Rule = {
  name: 'no leftover words',
  why: 'a note to oneself is an issue that nobody sees: do it now, or file it',
  *check(sources) {
    for (const [path, text] of sources) {
      if (path.startsWith('test/tidy')) continue; // these files have to say the words
      for (const [index, line] of text.split('\n').entries()) {
        const word = /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(line)?.[0];
        if (word !== undefined) yield { path, line: index + 1, what: `says ${word}` };
      }
    }
  },
};

export const noConsole: Rule = {
  name: 'lib/ never writes to the console, but for its default logger',
  why: "a library's output belongs to its user: log through the Logger passed in, report through errors",
  *check(sources) {
    for (const file of libFiles(sources)) {
      if (file.path === 'lib/core/logger.ts') continue;
      for (const node of walk(file.ast)) {
        if (!ts.isPropertyAccessExpression(node) || node.expression.getText() !== 'console') continue;
        yield { path: file.path, line: lineOf(node), what: `uses ${node.getText()}` };
      }
    }
  },
};

export const noFocusedTests: Rule = {
  name: 'no focused tests',
  why: 'one forgotten .only switches off every other test of its file, and the run still looks green',
  *check(sources) {
    for (const file of parse(sources)) {
      for (const call of callsIn(file)) {
        if (/^(?:it|test|describe|suite|bench)\b.*\.only\b/.test(call.expression.getText())) {
          yield { path: file.path, line: lineOf(call), what: `calls ${call.expression.getText()}` };
        }
      }
    }
  },
};

export const noAny: Rule = {
  name: 'no any',
  why: 'one any switches the compiler off for everything it touches; unknown says the same and keeps it on',
  *check(sources) {
    for (const { path, ast } of parse(sources)) {
      for (const node of walk(ast)) {
        if (node.kind === ts.SyntaxKind.AnyKeyword)
          yield { path, line: lineOf(node), what: 'has the type any' };
      }
    }
  },
};

export const noSharedState: Rule = {
  name: 'no state outside the container',
  why: 'statics and module variables are shared by every app of the process: state lives in the DI container',
  *check(sources) {
    for (const { path, ast } of libFiles(sources)) {
      for (const node of walk(ast)) {
        if (ts.isPropertyDeclaration(node) && has(node, ts.SyntaxKind.StaticKeyword)) {
          const fixed = has(node, ts.SyntaxKind.ReadonlyKeyword) && !isRegistry(node);
          if (!fixed) yield { path, line: lineOf(node), what: `has the static ${node.name.getText()}` };
        }
      }
      for (const statement of ast.statements) {
        if (!ts.isVariableStatement(statement) || has(statement, ts.SyntaxKind.DeclareKeyword)) continue;
        const constant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
        for (const variable of statement.declarationList.declarations) {
          if (constant && !isRegistry(variable)) continue;
          yield { path, line: lineOf(variable), what: `has the module variable ${variable.name.getText()}` };
        }
      }
    }
  },
};

export const namesSayWhat: Rule = {
  name: 'a file is named after what it holds',
  why: 'utils, helpers, common, misc and manager say nothing, so anything is put there: name the noun it exports',
  *check(sources) {
    const vague = /^(?:utils?|helpers?|common|misc|managers?)$/;
    for (const path of sources.keys()) {
      const word = path.split(/[/.-]/).find((part) => vague.test(part));
      if (word !== undefined) yield { path, line: 1, what: `is named "${word}"` };
    }
  },
};

export const injectionIsExplicit: Rule = {
  name: 'every constructor parameter in lib/nest says what is injected',
  why: 'esbuild, oxc and isolated builds emit no type metadata; a parameter without a decorator arrives as undefined',
  *check(sources) {
    for (const { path, ast } of libFiles(sources)) {
      if (!path.startsWith('lib/nest/')) continue;
      for (const node of walk(ast)) {
        if (!ts.isConstructorDeclaration(node)) continue;
        const injected = isDecorated(node.parent) || node.parameters.some(isDecorated);
        for (const parameter of injected ? node.parameters : []) {
          if (isDecorated(parameter)) continue;
          yield { path, line: lineOf(parameter), what: `injects ${parameter.name.getText()} by its type` };
        }
      }
    }
  },
};

export const loadsByRequire: Rule = {
  name: 'lib/ has no top-level await and no import.meta',
  why: 'a Nest 11 app loads the package by require(), and its jest compiles it to CommonJS: both fail on these two',
  *check(sources) {
    for (const { path, ast } of libFiles(sources)) {
      for (const node of walk(ast)) {
        if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
          yield { path, line: lineOf(node), what: 'uses import.meta' };
        }
        const awaits =
          ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined);
        if (awaits && !isInsideFunction(node))
          yield { path, line: lineOf(node), what: 'awaits at the top level' };
      }
    }
  },
};

function callsIn({ ast }: SourceFile): readonly ts.CallExpression[] {
  return [...walk(ast)].filter((node) => ts.isCallExpression(node));
}

function has(node: ts.HasModifiers, kind: ts.SyntaxKind): boolean {
  return ts.getModifiers(node)?.some((modifier) => modifier.kind === kind) ?? false;
}

function isDecorated(node: ts.Node): boolean {
  return ts.canHaveDecorators(node) && (ts.getDecorators(node)?.length ?? 0) > 0;
}

/** A collection that starts empty, and is not typed as read-only, is there to be filled later: a registry. */
function isRegistry({ type, initializer }: ts.VariableDeclaration | ts.PropertyDeclaration): boolean {
  if (!initializer || /^readonly/i.test(type?.getText() ?? '')) return false;
  if (ts.isArrayLiteralExpression(initializer)) return initializer.elements.length === 0;
  if (!ts.isNewExpression(initializer)) return false;
  return /^(?:Map|Set)$/.test(initializer.expression.getText()) && (initializer.arguments?.length ?? 0) === 0;
}

function isInsideFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, ts.isFunctionLike) !== undefined;
}
