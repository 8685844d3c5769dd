/**
 * What a rule of the house is. A rule reads the sources and names each line that breaks it; `why` is what the author
 * of that line is told, so that nobody has to look up, or repeat in a review, what the rule is for.
 */
import { parse, type SourceFile, type Sources } from './sources.js';

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

export interface Rule {
  readonly name: string;
  readonly why: string;
  readonly check: (sources: Sources) => Iterable<Finding>;
}

/** The findings of a rule as lines of text, each with its place and the reason. */
export function report(rule: Rule, sources: Sources): readonly string[] {
  return [...rule.check(sources)].map(
    ({ path, line, what }) => `${path}:${line} ${what}\n    why: ${rule.why}`,
  );
}

/** A door: an `index.ts`, written for users. */
export function isBarrel(path: string): boolean {
  return path.endsWith('/index.ts');
}

export function libFiles(sources: Sources): readonly SourceFile[] {
  return parse(sources).filter(({ path }) => path.startsWith('lib/'));
}

/** The files of lib/ that hold something: all but the doors. */
export function roomFiles(sources: Sources): readonly SourceFile[] {
  return libFiles(sources).filter(({ path }) => !isBarrel(path));
}
