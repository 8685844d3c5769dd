/** The compiler as a function: modules in, problems out, with the options of this repository's tsconfig.json. */
import { dirname, resolve } from 'node:path';
import ts from 'typescript';

/** A module that need not exist as a file. */
export interface CheckedModule {
  /** An absolute path: what the module imports is looked for from there. */
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/**
 * Type-checks modules in one program and gives the problems of exactly these, not of what they import.
 * @param configPath the tsconfig.json whose compiler options hold
 */
export function typeCheck(configPath: string, modules: readonly CheckedModule[]): readonly Problem[] {
  const options = compilerOptions(configPath);
  const texts = new Map(modules.map(({ path, text }) => [path, text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, languageVersionOrOptions, ...rest) => {
    const text = texts.get(path);
    if (text === undefined) return getSourceFile(path, languageVersionOrOptions, ...rest);
    return ts.createSourceFile(path, text, languageVersionOrOptions, true);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  const general = [...program.getConfigFileParsingDiagnostics(), ...program.getOptionsDiagnostics()];
  return [
    ...general.map((diagnostic) => problemOf(diagnostic, configPath)),
    ...modules.flatMap(({ path }) => {
      const file = program.getSourceFile(path);
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      return found.map((diagnostic) => problemOf(diagnostic, path));
    }),
  ];
}

function compilerOptions(configPath: string): ts.CompilerOptions {
  const read: { config?: { compilerOptions?: object }; error?: ts.Diagnostic } = ts.readConfigFile(
    configPath,
    (path) => ts.sys.readFile(path),
  );
  const { config, error } = read;
  if (error !== undefined) throw new Error(problemOf(error, configPath).message);
  const folder = dirname(configPath);
  const { options, errors } = ts.convertCompilerOptionsFromJson(config?.compilerOptions, folder, configPath);
  if (errors[0] !== undefined) throw new Error(problemOf(errors[0], configPath).message);
  // Relative ones are looked for from where the tests were started.
  const paths = Object.entries(options.paths ?? {}).map(
    ([name, places]) => [name, places.map((place) => resolve(folder, place))] as const,
  );
  return { ...options, paths: Object.fromEntries(paths) };
}

function problemOf({ file, start, messageText }: ts.Diagnostic, path: string): Problem {
  const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line;
  return { path, line: line + 1, message: ts.flattenDiagnosticMessageText(messageText, '\n') };
}
