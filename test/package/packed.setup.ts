/** Builds and packs the package once; every spec then looks at the file that would be published, and nothing else. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { run } from './run-command.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the packed package. */
    readonly tarball: string;
  }
}

export default async function pack(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'allframe-pack-'));
  await run('npm', ['pack', '--silent', '--pack-destination', folder]);
  const [name] = readdirSync(folder);
  if (name === undefined) throw new Error('npm pack made no file');
  project.provide('tarball', join(folder, name));
  return () => rmSync(folder, { recursive: true, force: true });
}
