/** Who may know whom: the rules about imports. */
import ts from 'typescript';
import { isBarrel, libFiles, roomFiles, type Finding, type Rule } from './rules.js';
import { lineOf } from './sources.js';

/** One room of the drawing in architecture.md. */
interface Room {
  readonly name: string;
  readonly floor: number;
  /** Rooms of the same floor that it may use. */
  readonly beside: (room: string) => boolean;
  /** What it may use of the floors below, where that is not all of them. */
  readonly below?: (room: string) => boolean;
}

const FLOORS: ReadonlyMap<string, number> = new Map([
  ['core', 0],
  ['store', 1],
  ['aggregates', 2],
  ['commands', 2],
  ['projections', 2],
  ['sagas', 2],
  ['nest', 3],
  ['testing', 3],
]);

const BESIDE: ReadonlyMap<string, string> = new Map([
  ['commands', 'aggregates'],
  ['sagas', 'commands'],
]);

/** The room that a file of lib/ stands in, `undefined` where the drawing shows none. */
function roomOf(path: string): Room | undefined {
  if (path === 'lib/backends/open-backend.ts') {
    return { name: 'open-backend', floor: 1, beside: (room) => room.startsWith('backends/') };
  }
  const backend = /^lib\/backends\/([^/]+)\//.exec(path)?.[1];
  if (backend !== undefined) {
    return { name: `backends/${backend}`, floor: 1, beside: () => false, below: (room) => room === 'core' };
  }
  const name = /^lib\/([^/]+)\//.exec(path)?.[1] ?? '';
  const floor = FLOORS.get(name);
  return floor === undefined ? undefined : { name, floor, beside: (room) => BESIDE.get(name) === room };
}

export const floors: Rule = {
  name: 'imports point down, beside only where the drawing says so',
  why:
    'dependencies point down only (core 0; store, backends 1; aggregates, commands, projections, sagas 2; nest, ' +
    'testing 3), so that a floor can be read, tested and replaced without those above; beside: commands use ' +
    'aggregates, sagas use commands, open-backend.ts uses the backends; no backend knows another',
  *check(sources) {
    for (const { path, imports } of roomFiles(sources)) {
      const room = roomOf(path);
      if (!room) {
        yield { path, line: 1, what: 'stands in no room of the drawing' };
        continue;
      }
      for (const { target, line } of imports) {
        if (target === undefined || isBarrel(target)) continue;
        const other = target.startsWith('lib/') ? roomOf(target) : undefined;
        if (!other) yield { path, line, what: `imports ${target}, which is outside the rooms of lib/` };
        else if (!allows(room, other)) {
          yield { path, line, what: `(${room.name}) imports ${target} (${other.name})` };
        }
      }
    }
  },
};

function allows(room: Room, other: Room): boolean {
  if (room.name === other.name) return true;
  if (room.floor === other.floor) return room.beside(other.name);
  return room.floor > other.floor && (room.below?.(other.name) ?? true);
}

export const coreStandsAlone: Rule = {
  name: 'core imports nothing but node: and itself',
  why: 'core is the words that everyone speaks: whatever it imports, every user of every backend has to load',
  *check(sources) {
    for (const { path, imports } of roomFiles(sources)) {
      if (roomOf(path)?.name !== 'core') continue;
      for (const { specifier, target, line } of imports) {
        if (target === undefined && !specifier.startsWith('node:'))
          yield { path, line, what: `imports ${specifier}` };
      }
    }
  },
};

export const onlyNestKnowsNest: Rule = {
  name: 'only lib/nest imports @nestjs/*',
  why: 'domain classes and the store must work, and be tested, without a container; lib/nest is the one adapter',
  *check(sources) {
    for (const { path, imports } of roomFiles(sources)) {
      if (roomOf(path)?.name === 'nest') continue;
      for (const { specifier, line } of imports) {
        if (specifier.startsWith('@nestjs/')) yield { path, line, what: `imports ${specifier}` };
      }
    }
  },
};

export const noBarrelInside: Rule = {
  name: 'nothing inside lib imports an index.ts',
  why: 'barrels are for users: imported from inside they tie every file into one loop and load rooms nobody asked for',
  *check(sources) {
    for (const { path, imports } of roomFiles(sources)) {
      for (const { specifier, target, line } of imports) {
        const door = specifier === '@allframe/nestjs' || specifier.startsWith('@allframe/nestjs/');
        if (door || (target !== undefined && isBarrel(target)))
          yield { path, line, what: `imports ${specifier}` };
      }
    }
  },
};

export const barrelsHoldNoLogic: Rule = {
  name: 'an index.ts holds only export statements',
  why: 'a barrel is a list of public names; logic in it is logic that no file inside the library can use',
  *check(sources) {
    for (const { path, ast } of libFiles(sources)) {
      if (!isBarrel(path)) continue;
      for (const statement of ast.statements) {
        const forwards = ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined;
        if (!forwards)
          yield { path, line: lineOf(statement), what: 'is more than an export from another file' };
      }
    }
  },
};

export const noCycles: Rule = {
  name: 'no import cycles',
  why: 'files in a loop can only be understood, tested and loaded together; types count, for a reader follows them too',
  *check(sources) {
    const files = new Map(libFiles(sources).map((file) => [file.path, file]));
    const done = new Set<string>();
    const trail: string[] = [];
    function* visit(path: string): Generator<Finding> {
      done.add(path);
      trail.push(path);
      for (const { target, line } of files.get(path)?.imports ?? []) {
        if (target === undefined) continue;
        const start = trail.indexOf(target);
        if (start >= 0)
          yield { path, line, what: `closes the loop ${[...trail.slice(start), target].join(' -> ')}` };
        else if (!done.has(target)) yield* visit(target);
      }
      trail.pop();
    }
    for (const path of files.keys()) if (!done.has(path)) yield* visit(path);
  },
};

export const everyFileIsUsed = (doors: readonly string[]): Rule => ({
  name: 'every file of lib/ is reached from a door of the package',
  why: 'a room that nothing uses is read, tested and kept compatible for nobody',
  *check(sources) {
    const files = new Map(libFiles(sources).map((file) => [file.path, file]));
    const reached = new Set<string>();
    const open = [...doors];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (reached.has(path)) continue;
      reached.add(path);
      for (const { target } of files.get(path)?.imports ?? []) if (target !== undefined) open.push(target);
    }
    for (const path of files.keys()) {
      if (!reached.has(path)) yield { path, line: 1, what: `cannot be reached from ${doors.join(' or ')}` };
    }
  },
});

export const optionalPeersLoadLate = (peers: readonly string[]): Rule => ({
  name: 'an optional peer is loaded with import() only',
  why: 'a static import fails for everyone who did not install it; import() can say which package to install',
  *check(sources) {
    for (const { path, imports } of libFiles(sources)) {
      for (const { specifier, kind, line } of imports) {
        const peer = peers.some((name) => specifier === name || specifier.startsWith(`${name}/`));
        if (peer && kind === 'static') yield { path, line, what: `imports ${specifier} statically` };
      }
    }
  },
});

export const noDefaultImports: Rule = {
  name: 'nothing inside lib imports a default',
  why:
    'the jest of a Nest 11 project compiles the library with its own settings, and without esModuleInterop a default ' +
    "import is undefined: import by name (import { strict as assert } from 'node:assert')",
  *check(sources) {
    for (const { path, ast } of libFiles(sources)) {
      for (const statement of ast.statements) {
        if (!ts.isImportDeclaration(statement)) continue;
        const { name, phaseModifier } = statement.importClause ?? {};
        if (!name || phaseModifier === ts.SyntaxKind.TypeKeyword) continue;
        yield { path, line: lineOf(statement), what: `imports ${name.text} as a default` };
      }
    }
  },
};
