/** A project of somebody else: a fixture copied out of this repository, with the packed package installed into it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot, run } from './run-command.js';

export class ConsumerProject {
  private constructor(readonly root: string) {}

  /** Copies the fixture, puts the app that all of them run beside it as `src`, and installs. */
  static async install(fixture: string, tarball: string): Promise<ConsumerProject> {
    const root = mkdtempSync(join(tmpdir(), `allframe-${fixture}-`));
    const fixtures = join(repositoryRoot, 'test/package/fixtures');
    cpSync(join(fixtures, 'app'), join(root, 'src'), { recursive: true });
    cpSync(join(fixtures, fixture), root, { recursive: true });
    const quick = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline'];
    await run('npm', ['install', '--silent', ...quick, tarball], root);
    return new ConsumerProject(root);
  }

  /** Runs `node` with `args` in the project. */
  node(...args: readonly string[]): Promise<string> {
    return run(process.execPath, args, this.root);
  }

  /** Runs one of the project's own programs: its TypeScript, its jest. */
  bin(name: string, ...args: readonly string[]): Promise<string> {
    return run(join(this.root, 'node_modules/.bin', name), args, this.root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
