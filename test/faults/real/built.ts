/**
 * The library and the programs of these tests, compiled: a worker thread, a child process and `require` need files that
 * Node itself can run. Each state of the sources has a folder of its own, so that an edit never changes what is running.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../../..');
const here = 'test/faults/real';

/** The folder that holds `lib` and `test`, compiled if that was not done before. */
export async function builtTree(): Promise<string> {
  const tree = join(root, 'build/faults', stateOfSources());
  if (existsSync(tree)) return tree;
  const unfinished = `${tree}-${process.pid}`;
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-p', here, '--outDir', unfinished], { cwd: root });
  try {
    renameSync(unfinished, tree);
  } catch (error) {
    // Another one of these tests was faster.
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(tree)) throw error;
  }
  return tree;
}

/** The path of a program of `children`, compiled. */
export async function builtProgram(name: string): Promise<string> {
  return join(await builtTree(), here, 'children', `${name}.js`);
}

function stateOfSources(): string {
  const state = createHash('sha256');
  for (const folder of ['lib', here, 'test/store']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!/\.(?:ts|json)$/.test(name) || name.endsWith('.spec.ts')) continue;
      state.update(name).update(readFileSync(join(root, folder, name)));
    }
  }
  return state.digest('hex').slice(0, 16);
}
